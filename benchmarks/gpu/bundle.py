"""Packs what a machine with a GPU needs for the tests and the benchmark into one file: `make gpu-bundle`.

The machine needs Python 3.11 or 3.12 and a CUDA build of torch, and no network. Its other needs (NEEDS) may be packed
as wheels for both versions of Python on Linux x86-64, which takes a network here: `make gpu-bundle WHEELS=1`.
"""

from __future__ import annotations

import argparse
import io
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[2]
NEEDS = ("numpy", "pydantic", "safetensors", "pytest")
PYTHONS = ("3.11", "3.12")
PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64", "manylinux1_x86_64")

FILES = (
    "meli_tasks/**/*.py", "benchmarks/__init__.py", "benchmarks/generated_rows.py", "benchmarks/lab_loop.py",
    "benchmarks/gpu/*.py", "benchmarks/gpu/*.json", "tests/__init__.py", "tests/core/__init__.py",
    "tests/core/training/__init__.py", "tests/core/training/small_trainings.py",
    "tests/core/training/gpu_code_path.py", "tests/gpu/*", "docs/gpu.md",
)  # fmt: skip
"""The whole package, so that whatever one of its modules comes to import is there."""


def files() -> Iterator[Path]:
    """The files of the bundle, without duplicates."""
    found = {path for pattern in FILES for path in ROOT.glob(pattern) if path.is_file()}
    return iter(sorted(path for path in found if "__pycache__" not in path.parts))


def download_wheels(folder: Path) -> None:
    """Fetch the wheels of NEEDS and of what these need, for both versions of Python."""
    for python in PYTHONS:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--only-binary=:all:", "--dest", str(folder)]
        command += ["--python-version", python, "--implementation", "cp"]
        command += [part for platform in PLATFORMS for part in ("--platform", platform)]
        subprocess.run([*command, *NEEDS], check=True)


def write_bundle(target: Path, *, wheels: bool) -> int:
    """Write the bundle and return the number of its files."""
    target.parent.mkdir(parents=True, exist_ok=True)
    count = 0
    with tarfile.open(target, "w:gz") as bundle, TemporaryDirectory() as work:
        for path in files():
            bundle.add(path, f"gpu/{path.relative_to(ROOT)}", filter=_anonymous)
            count += 1
        script = (ROOT / "tests" / "gpu" / "run.sh").read_bytes()
        entry = tarfile.TarInfo("gpu/run.sh")
        entry.size, entry.mode = len(script), 0o755
        bundle.addfile(entry, io.BytesIO(script))
        if wheels:
            download_wheels(Path(work))
            for wheel in sorted(Path(work).glob("*.whl")):
                bundle.add(wheel, f"gpu/wheels/{wheel.name}", filter=_anonymous)
                count += 1
    return count


def _anonymous(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """Without the time and the owner, so that the same files make the same bundle."""
    entry.mtime, entry.uid, entry.gid, entry.uname, entry.gname = 0, 0, 0, "", ""
    return entry


def main() -> None:
    """Write the bundle and say how to use it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu.bundle", description=__doc__)
    parser.add_argument("--wheels", action="store_true", help="include the wheels of the small dependencies")
    parser.add_argument("target", type=Path, nargs="?", default=ROOT / ".meli" / "gpu.tar.gz")
    given = parser.parse_args()
    count = write_bundle(given.target, wheels=given.wheels)
    size = given.target.stat().st_size / 1e6
    print(f"{given.target}: {count} files, {size:.1f} MB. On the machine with the GPU:")
    print(f"  tar xzf {given.target.name} && sh gpu/run.sh test bench")


if __name__ == "__main__":
    main()
