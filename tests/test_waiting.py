from __future__ import annotations

import itertools
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests import waiting

SPIN = "import time\nend = time.process_time() + 1.5\nwhile time.process_time() < end: pass\nprint('spun')"
WRITE = "import time\nfor _ in range(8): time.sleep(0.25); print('on', flush=True)"
SLEEP = """
import pathlib, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
pathlib.Path(sys.argv[1]).write_text(str(child.pid))
print("asleep", flush=True)
time.sleep(600)
"""


def test_a_process_that_computes_or_writes_is_not_given_up_however_long_it_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(waiting, "WORK_SECONDS", 0.01)  # in a second, which beside a hundred others it still gets
    assert waiting.run([sys.executable, "-c", SPIN], idle_seconds=1.2).stdout == "spun\n"
    done = waiting.run([sys.executable, "-c", WRITE], idle_seconds=1.2)
    assert (done.returncode, done.stdout.count("on")) == (0, 8)


def test_a_process_that_only_sleeps_is_given_up_and_ended_with_its_children(tmp_path: Path) -> None:
    with pytest.raises(waiting.Idle, match=r"(?s)wrote nothing and computed nothing for 2 s.*asleep"):
        waiting.run([sys.executable, "-c", SLEEP, str(tmp_path / "child")], idle_seconds=2)
    child = int((tmp_path / "child").read_text())
    waiting.until(lambda: not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE)


def test_the_exit_code_and_both_outputs_are_kept() -> None:
    done = waiting.run([sys.executable, "-c", "import sys; print('out'); sys.exit('err')"])
    assert (done.returncode, done.stdout, done.stderr) == (1, "out\n", "err\n")


def test_a_condition_is_waited_for_while_something_changes() -> None:
    end, ticks = time.monotonic() + 1.0, itertools.count()
    assert waiting.until(lambda: time.monotonic() > end, lambda: next(ticks), idle_seconds=0.3)


def test_a_condition_is_given_up_when_nothing_changes() -> None:
    with pytest.raises(waiting.Idle, match=r"the run: running \(no progress for 0\.3 s\)"):
        waiting.until(lambda: None, idle_seconds=0.3, message=lambda: "the run: running")
