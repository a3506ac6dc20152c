"""`make demo` and `make test` install for a minute or more: something must be seen, and a failure must be explained."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "locks" / "install.sh"
SLOW = 'echo "Downloading torch (780.1MiB)" >&2; sleep 2.5; exit {code}'
QUICK = 'case "$*" in {fails}) echo "torch 2.13.0 requires a friend" >&2; exit 3;; esac; echo "$@" >>"$CALLS"'


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with the script and a virtual environment whose programs only pretend."""
    (tmp_path / "locks").mkdir()
    for script in (SCRIPT, SCRIPT.with_name("torch.sh"), SCRIPT.with_name("torch.txt")):
        shutil.copy(script, tmp_path / "locks")
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    pretend(tmp_path, "uv", SLOW.format(code=0))
    pretend(tmp_path, "python", QUICK.format(fails="nothing"))
    return tmp_path


def pretend(checkout: Path, name: str, body: str) -> None:
    program = checkout / ".venv" / "bin" / name
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o755)


def install(checkout: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "INSTALL_INTERVAL": "1", "CALLS": str(checkout / "calls")}
    command = ["sh", "locks/install.sh", ".venv", "demo"]
    return subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True, check=False)


def test_a_long_installation_shows_what_it_does(checkout: Path) -> None:
    done = install(checkout)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "Installing locks/demo.txt into .venv/"
    assert next(line.split("s  ")[1] for line in lines if line.startswith("  ")) == "Downloading torch (780.1MiB)"
    assert (checkout / "calls").read_text().splitlines()[-1] == "-m pip check"


def test_where_uv_fails_pip_installs_the_same_lock(checkout: Path) -> None:
    pretend(checkout, "uv", "exit 2")
    done = install(checkout)
    assert done.returncode == 0, done.stderr
    assert "uv could not install it" in done.stdout
    assert "--require-hashes -r locks/demo.txt" in (checkout / "calls").read_text().splitlines()[0]


@pytest.mark.parametrize(("requires", "installed"), [("['sympy', 'nvidia-nccl-cu13==2']", True), ("['sympy']", False)])
def test_only_a_build_for_gpus_gets_the_libraries_of_cuda(checkout: Path, requires: str, installed: bool) -> None:
    pretend(checkout, "python", f'[ "$1" = -c ] && echo "{requires}"; echo "$@" >>"$CALLS"')
    assert install(checkout).returncode == 0
    calls = (checkout / "calls").read_text()
    assert ("--require-hashes -r locks/torch-cuda.txt" in calls) is installed
    assert "--require-hashes --no-index" in calls and "-r locks/torch.txt" in calls


def test_everything_that_is_installed_has_a_hash() -> None:
    locks = [*SCRIPT.parent.glob("*.txt"), SCRIPT.parents[1] / "docker" / "s3.txt"]
    assert {"demo.txt", "dev.txt", "cluster.txt", "torch.txt", "torch-cuda.txt", "uv.txt", "s3.txt"} <= {
        lock.name for lock in locks
    }
    for lock in locks:
        if lock.name == "without-torch.txt":  # says what the resolver leaves out
            continue
        text = lock.read_text(encoding="utf-8").replace("\\\n", "")
        requirements = [line for line in text.splitlines() if line and not line.startswith("#")]
        assert requirements and all("--hash=sha256:" in line for line in requirements), lock.name


@pytest.mark.parametrize("fails", ['*"pip check"*', '*"torch.txt"*', '*"-e "*'])
def test_a_failure_shows_its_reason_and_stops(checkout: Path, fails: str) -> None:
    pretend(checkout, "python", QUICK.format(fails=fails))
    done = install(checkout)
    assert done.returncode == 3
    assert "torch 2.13.0 requires a friend" in done.stderr


def test_ctrl_c_ends_the_program_that_installs(checkout: Path) -> None:
    pretend(checkout, "uv", f'echo $$ >"{checkout}/pid"; echo started; exec sleep 600')
    environment = {**os.environ, "INSTALL_INTERVAL": "1"}
    command = ["sh", "locks/install.sh", ".venv", "demo"]
    process = subprocess.Popen(command, cwd=checkout, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if "started" in line:
            break
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130
    process.stdout.close()
    with pytest.raises(ProcessLookupError):
        os.kill(int((checkout / "pid").read_text()), 0)
