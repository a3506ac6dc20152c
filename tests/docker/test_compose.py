"""The compose file and the Dockerfile, checked by the real Compose and by hadolint; nothing is started here."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent


def compose(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    command = [str(BIN / "docker-compose"), "--project-directory", str(ROOT), "-f", str(ROOT / "docker-compose.yaml")]
    if (folder / ".env").exists():
        command += ["--env-file", str(folder / ".env")]
    return subprocess.run(
        [*command, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def write_secrets(folder: Path) -> subprocess.CompletedProcess[str]:
    script = ROOT / "docker" / "write_secrets.py"
    return subprocess.run([sys.executable, str(script)], cwd=folder, capture_output=True, text=True, check=False)


def test_the_stack_is_valid_with_generated_secrets(tmp_path: Path) -> None:
    assert write_secrets(tmp_path).returncode == 0
    checked = compose(tmp_path, "--profile", "*", "config", "--quiet")
    assert checked.returncode == 0, checked.stderr
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600


def test_the_stack_is_refused_without_secrets(tmp_path: Path) -> None:
    refused = compose(tmp_path, "config", "--quiet")
    assert refused.returncode != 0
    assert "run make secrets first" in refused.stderr


def test_existing_secrets_are_kept(tmp_path: Path) -> None:
    write_secrets(tmp_path)
    before = (tmp_path / ".env").read_text()
    again = write_secrets(tmp_path)
    assert again.returncode != 0
    assert (tmp_path / ".env").read_text() == before


def test_the_dockerfile_is_clean() -> None:
    linted = subprocess.run(
        [BIN / "hadolint", ROOT / "docker" / "Dockerfile"], capture_output=True, text=True, check=False
    )
    assert linted.returncode == 0, linted.stdout
