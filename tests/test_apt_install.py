"""Suites that run at once install Debian's packages one after the other: apt refuses to run a second time."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

SCRIPT = Path(__file__).with_name("apt_install.sh")
APT = """#!/bin/sh
mkdir "$RUNNING" || exit 100
echo "$*" >>"$RUNNING.log"
until [ "$(ls "$STARTED" | wc -l)" -eq 2 ]; do :; done  # both scripts are there, so the other one waits
rmdir "$RUNNING"
"""


def test_one_waits_for_the_other(tmp_path: Path) -> None:
    (tmp_path / "apt-get").write_text(APT)
    (tmp_path / "apt-get").chmod(0o755)
    started = tmp_path / "started"
    started.mkdir()
    running = tmp_path / "running"
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    environment = {"PATH": path, "RUNNING": str(running), "STARTED": str(started)}
    scripts = []
    for package in ("one", "another"):
        scripts.append(subprocess.Popen(["sh", SCRIPT, package], env=environment))
        (started / package).touch()
    assert [script.wait() for script in scripts] == [0, 0]
    commands = (tmp_path / "running.log").read_text().splitlines()
    assert commands[0::2] == ["update -qq"] * 2
    assert {command.rpartition(" ")[2] for command in commands[1::2]} == {"one", "another"}
