"""What the image's build checks and bakes in; nothing is built here."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "docker" / "Dockerfile").read_text(encoding="utf-8")
TORCH = "class version:\n    cuda = {cuda!r}\n__version__ = {version!r}\n"


def script(name: str, *arguments: str, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {"PYTHONPATH": str(path)} if path else {}
    command = [sys.executable, str(ROOT / "docker" / name), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("cuda", "version", "code"), [(None, "2.13.0+cpu", 1), (None, "2.13.0", 1), ("13.0", "2.13.0", 0)]
)
def test_a_gpu_image_around_a_cpu_build_is_refused(tmp_path: Path, cuda: str | None, version: str, code: int) -> None:
    (tmp_path / "torch.py").write_text(TORCH.format(cuda=cuda, version=version))
    done = script("check_torch.py", path=tmp_path)
    assert done.returncode == code
    assert ("docker/wheels/cpu/" in done.stderr) is bool(code)


def test_only_the_gpu_image_is_checked_and_only_the_cpu_image_reads_the_folder_of_cpu_wheels() -> None:
    stages = {
        match[1]: match[2] for match in re.finditer(r"^FROM \S+ AS (\w+)\n(.*?)(?=^FROM|\Z)", DOCKERFILE, re.M | re.S)
    }
    assert "python3 /build/check_torch.py" in stages["gpu"]
    assert "/build/wheels/cpu" in stages["cpu"] and "/build/wheels/cpu" not in stages["gpu"]


def commit_of(repository: Path) -> str:
    """What the build would bake in: it gets HEAD and refs only."""
    done = script("commit.py", str(repository / ".git"))
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_commit_is_the_one_that_is_checked_out(tmp_path: Path) -> None:
    def git(*arguments: str) -> str:
        command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(tmp_path), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    git("init", "-q", "-b", "a/branch")
    assert commit_of(tmp_path) == ""  # no commit yet
    git("commit", "-q", "--allow-empty", "-m", "one")
    head = git("rev-parse", "HEAD")[:12]
    assert commit_of(tmp_path) == head
    git("pack-refs", "--all")
    assert commit_of(tmp_path) == head
    git("checkout", "-q", "--detach")
    assert commit_of(tmp_path) == head
    (tmp_path / ".git" / "HEAD").write_text("ref: ../../../etc/passwd")
    assert commit_of(tmp_path) == ""


def test_a_folder_that_is_no_repository_has_no_commit(tmp_path: Path) -> None:
    assert commit_of(tmp_path) == ""
