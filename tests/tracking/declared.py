"""A Python environment with a list of declared requirements and nothing else, made of the packages installed here.

It is a virtual environment of its own, in which each package that the requirements name, and each that those need in
turn, is a link to the installed one. So it needs neither a network nor a copy of torch, and a module that nobody
declared cannot be imported, except beside one that was in a namespace package such as `opentelemetry`.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from importlib.metadata import Distribution, EntryPoint, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def environment(folder: Path, requirements: Iterable[str]) -> Path:
    """The Python of a new virtual environment in `folder`.

    Raises:
        AssertionError: another version is required than the one that is installed here.
        PackageNotFoundError: a requirement is not installed here.
    """
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / "bin" / "python"
    (packages,) = (folder / "lib").glob("python*/site-packages")
    for installed in _closure(map(Requirement, requirements)):
        for entry in _top_level(installed):
            if not (packages / entry.name).is_symlink():
                (packages / entry.name).symlink_to(entry)
        for script in installed.entry_points.select(group="console_scripts"):
            _write_script(python, script)
    return python


def _write_script(python: Path, script: EntryPoint) -> None:
    """A program of a package, as pip writes it."""
    program = python.parent / script.name
    program.write_text(
        f"#!{python}\nimport sys\nfrom {script.module} import {script.attr}\nsys.exit({script.attr}())\n"
    )
    program.chmod(0o755)


def _closure(required: Iterable[Requirement]) -> list[Distribution]:
    """The required distributions and all that they need, extras included."""
    found: dict[str, Distribution] = {}
    seen: set[tuple[str, str]] = set()
    waiting = list(required)
    while waiting:
        one = waiting.pop()
        installed = found.setdefault(canonicalize_name(one.name), distribution(one.name))
        public = installed.version.partition("+")[0]
        assert one.specifier.contains(public, prereleases=True), f"{one} is required, and {public} is installed"
        for extra in {"", *one.extras}:
            if (key := (canonicalize_name(one.name), extra)) not in seen:
                seen.add(key)
                waiting += [need for need in map(Requirement, installed.requires or []) if _applies(need, extra)]
    return list(found.values())


def _applies(need: Requirement, extra: str) -> bool:
    return need.marker is None or need.marker.evaluate({"extra": extra})


def _top_level(installed: Distribution) -> list[Path]:
    """The files and folders of a distribution directly in site-packages."""
    root = Path(str(installed.locate_file(""))).absolute()
    files = installed.files
    assert files is not None, f"{installed.name} has no list of its files"
    names = {file.parts[0] for file in files} - {"..", "__pycache__"}
    return [root / name for name in sorted(names) if (root / name).exists()]
