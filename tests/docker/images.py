"""The images that the stack needs: pulled if possible, else stand-ins from Debian's packages; ours are built.

A stand-in has the name of the image that it replaces, so that docker-compose.yaml is tested as it is. It is made only
on an engine of our own, which ends with the test: nobody's image is replaced.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement

from tests.docker.engine import Engine, client, run

ROOT = Path(__file__).parents[2]
PYTHON, POSTGRES, REDIS = "python:3.11.13-slim-bookworm", "postgres:16.10-bookworm", "redis:7.4.5-bookworm"
ENTRY = Path(__file__).parent / "stand_in"
PACKAGES = "ca-certificates,python3,python3-venv,postgresql,redis-server"
TARGETS = ("cpu", "s3")
LOCKED = re.compile(r"(?P<name>[A-Za-z0-9._-]+==\S+)(?P<marker>\s*;[^\\\n]*)?(?P<rest>(?:\s*\\\n.*)*)")


@dataclass(frozen=True)
class Built:
    """How the images came about: whether their bases are stand-ins."""

    stand_ins: bool


def prepare(engine: Engine, folder: Path) -> Built:
    """Have all images on the engine. `folder` takes what is only needed meanwhile."""
    stand_ins = not _can_pull(engine)
    if stand_ins:
        assert engine.own, f"{PYTHON} can neither be pulled nor, on an engine that is not the test's, be stood in for."
        _stand_in(engine, folder)
        context = _context_with_wheels(engine, folder)
        arguments = ["--build-arg", "PIP_NO_INDEX=1", "--build-arg", f"PYTHON_IMAGE={PYTHON}"]  # it has no digest
    else:
        context, arguments = ROOT, _arguments_from_the_environment()
    for target in TARGETS:
        environment = engine.environment | {"DOCKER_BUILDKIT": "1"}
        command = [client(), "build", "--target", target, "--tag", f"meli-tasks:{target}", *arguments]
        run([*command, "--file", str(context / "docker" / "Dockerfile"), str(context)], environment, seconds=3000)
    return Built(stand_ins)


def _can_pull(engine: Engine) -> bool:
    for image in pinned():
        if not engine.docker("image", "ls", "--quiet", image).strip():
            try:
                engine.docker("pull", "--quiet", image)
            except AssertionError:
                return False
    return True


def pinned() -> list[str]:
    """The images of others, by tag and digest, as the files name them."""
    text = (ROOT / "docker" / "Dockerfile").read_text() + (ROOT / "docker-compose.yaml").read_text()
    found = {
        image: re.search(rf"{re.escape(image)}@sha256:[0-9a-f]{{64}}", text) for image in (PYTHON, POSTGRES, REDIS)
    }
    return [match[0] if match else image for image, match in found.items()]


def _arguments_from_the_environment() -> list[str]:
    """What Compose would take from .env: the index with PyTorch's CPU build, mostly."""
    names = ("TORCH_INDEX", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_NO_INDEX")
    return [part for name in names if os.environ.get(name) for part in ("--build-arg", f"{name}={os.environ[name]}")]


def _stand_in(engine: Engine, folder: Path) -> None:
    archive = folder / "debian.tar"
    command = ["mmdebstrap", "--variant=minbase", "--dpkgopt=force-unsafe-io", f"--include={PACKAGES}"]
    run([*command, "bookworm", str(archive)], dict(os.environ), seconds=1200)
    engine.docker("import", str(archive), PYTHON)
    archive.unlink()
    environment = engine.environment | {"DOCKER_BUILDKIT": "1"}
    for image in (POSTGRES, REDIS):
        target = image.partition(":")[0]
        command = [client(), "build", "--target", target, "--tag", image, "--build-arg", f"BASE={PYTHON}", str(ENTRY)]
        run(command, environment)


def _context_with_wheels(engine: Engine, folder: Path) -> Path:
    """A copy of the checkout with every package in docker/wheels/: in there, the build needs no network."""
    context = folder / "context"
    files = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = run(["git", "-C", str(ROOT), *files], dict(os.environ))
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (context / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, context / name)
    wheels = context / "docker" / "wheels"
    version = engine.docker("run", "--rm", PYTHON, "python3", "-c", "import platform; print(platform.python_version())")
    lock = folder / "packages.txt"
    lock.write_text(for_python((ROOT / "locks" / "cluster.txt").read_text(encoding="utf-8"), version.strip()))
    download = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(wheels)]
    torch = re.search(r"^torch==\S+", (ROOT / "locks" / "torch.txt").read_text(encoding="utf-8"), re.MULTILINE)
    assert torch
    # By version, as locks/torch.sh does: given hashes, pip prefers the build of the index to that of this machine.
    for wanted in (["-r", str(lock)], ["-r", str(ROOT / "docker" / "s3.txt")], [torch[0]]):
        done = subprocess.run([*download, *wanted], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    return context


def for_python(lock: str, version: str) -> str:
    """The lock's packages for another release of this Python, whose markers pip could not tell from here."""

    def kept(found: re.Match[str]) -> str:
        marker = Requirement(f"{found['name']}{found['marker'] or ''}").marker
        wanted = marker is None or marker.evaluate({"python_full_version": version})
        return f"{found['name']}{found['rest']}" if wanted else ""

    return LOCKED.sub(kept, lock)
