"""Where and with which software an artifact was made."""

from __future__ import annotations

import hashlib
import os
import subprocess
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import pytest

from meli_tasks.execution import about

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def forget_the_lock() -> None:
    about.lock_hash.cache_clear()


def test_a_package_that_is_not_installed_has_no_version(monkeypatch: pytest.MonkeyPatch) -> None:
    def without_gensim(package: str) -> str:
        if package == "gensim":
            raise PackageNotFoundError(package)
        return "1.0"

    monkeypatch.setattr(about, "version", without_gensim)
    versions = about.about_this_process()["versions"]
    assert versions == {"torch": "1.0", "numpy": "1.0", "meli-tasks": "1.0"}


def test_without_the_variable_the_commit_is_that_of_the_checkout(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    git = tmp_path / "git"
    git.write_text('#!/bin/sh\n[ "$*" = "describe --always --dirty" ] && echo "$(basename "$PWD")-dirty"\n')
    git.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert about.about_this_process()["git"] == "meli_tasks-dirty"
    git.write_text("#!/bin/sh\necho 'fatal: not a git repository' >&2; exit 128\n")
    assert about.about_this_process()["git"] == ""
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    assert about.about_this_process()["git"] == ""


def test_the_commit_is_never_that_of_a_project_around_this_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As where the package is installed into an environment inside somebody else's repository."""
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(tmp_path)]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "theirs"], check=True)
    package = tmp_path / "lib" / "site-packages" / "meli_tasks"
    (package / "execution").mkdir(parents=True)
    monkeypatch.setattr(about, "__file__", str(package / "execution" / "about.py"))
    assert about.about_this_process()["git"] == ""
    monkeypatch.setenv("GIT_DIR", str(tmp_path / ".git"))
    assert about.about_this_process()["git"] == ""
    (package / "COMMIT").write_text("0123456789ab\n")
    assert about.about_this_process()["git"] == "0123456789ab"


def test_a_hook_of_another_repository_does_not_change_the_commit(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    own = about.about_this_process()["git"]
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    monkeypatch.setenv("GIT_DIR", str(tmp_path / ".git"))
    assert about.about_this_process()["git"] == own


def test_a_git_that_hangs_does_not_stop_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def hangs(*args: Any, timeout: float, **kwargs: Any) -> Any:
        raise subprocess.TimeoutExpired("git", timeout)

    monkeypatch.setattr(subprocess, "run", hangs)
    assert about.about_this_process()["git"] == ""


def test_the_lock_is_the_file_of_the_checkout() -> None:
    expected = hashlib.sha256((ROOT / "locks" / "dev.txt").read_bytes()).hexdigest()
    assert about.about_this_process()["lock"] == f"dev.txt:{expected}"


def test_without_a_lock_it_is_what_is_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Installed:
        def __init__(self, name: str, version: str) -> None:
            self.name, self.version = name, version

    def hash_of(*packages: tuple[str, str]) -> str:
        about.lock_hash.cache_clear()
        monkeypatch.setattr(about, "distributions", lambda: [Installed(*package) for package in packages])
        return about.lock_hash()

    monkeypatch.setattr(about, "__file__", str(tmp_path / "meli_tasks" / "execution" / "about.py"))
    expected = hashlib.sha256(b"numpy==2.4.0\ntorch==2.13.0\n").hexdigest()
    assert hash_of(("Torch", "2.13.0"), ("numpy", "2.4.0")) == f"installed:{expected}"
    assert hash_of(("numpy", "2.4.0"), ("torch", "2.13.0"), ("torch", "2.13.0")) == f"installed:{expected}"
    assert hash_of(("numpy", "2.4.1"), ("torch", "2.13.0")) != f"installed:{expected}"
