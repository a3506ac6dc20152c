"""A function in a process of its own: its answer, its cost, its failure."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks import apart
from benchmarks.apart import ROOT, Failed, run_apart

HERE = "tests.benchmarks.test_apart"


def echo(word: str) -> dict[str, object]:
    return {"word": word, "process": os.getpid(), "threads": os.environ["OMP_NUM_THREADS"]}


def hold(megabytes: int) -> int:
    held = bytearray(megabytes * 1_000_000)
    held[::4096] = b"1" * len(held[::4096])
    return len(held)


def work_in_a_child() -> None:
    spin = "import time\nwhile time.process_time() < 0.6: pass"
    subprocess.run([sys.executable, "-c", spin], check=True)


def hold_in_a_child(megabytes: int) -> None:
    code = f"import time; held = bytearray(b'1') * {megabytes * 1_000_000}; time.sleep(1.0)"
    subprocess.run([sys.executable, "-c", code], check=True)


def fail() -> None:
    raise ValueError("no such thing")


def hold_until_ended(folder: str) -> None:
    try:
        (Path(folder) / "began").touch()
        time.sleep(60)
    finally:
        (Path(folder) / "tidied").touch()


def hold_below(folder: str) -> None:
    run_apart(f"{HERE}:hold_until_ended", {"folder": folder}, threads=1)


def test_an_interrupt_lets_all_processes_tidy_up(tmp_path: Path) -> None:
    call = f"run_apart('{HERE}:hold_below', {{'folder': {str(tmp_path)!r}}}, threads=1)"
    caller = subprocess.Popen([sys.executable, "-c", f"from benchmarks.apart import run_apart\n{call}"], cwd=ROOT)
    while not (tmp_path / "began").exists():
        assert caller.poll() is None
        time.sleep(0.05)
    caller.send_signal(signal.SIGINT)
    assert caller.wait(timeout=50) != 0
    assert (tmp_path / "tidied").exists()


def test_a_benchmark_that_is_told_to_end_ends_what_it_started(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks", "default", "--sample", "--small", "--out", str(tmp_path)]
    program = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    while len(started := apart._tree(program.pid)) < 3:  # the part, and the process that it measures
        assert program.poll() is None
        time.sleep(0.02)
    program.terminate()
    said, _ = program.communicate(timeout=50)
    assert program.returncode == 130
    assert "interrupted; what was measured until then" in said
    assert not [pid for pid in started if Path(f"/proc/{pid}").exists()]
    assert not (tmp_path / "work").exists()


def test_the_answer_comes_from_another_process_with_the_threads_asked_for() -> None:
    answer, cost = run_apart(f"{HERE}:echo", {"word": "ñandú"}, threads=3)
    assert (answer["word"], answer["threads"]) == ("ñandú", "3")
    assert answer["process"] != os.getpid()
    assert cost.seconds > 0 and cost.cpu_seconds > 0


def test_memory_that_was_given_back_still_counts() -> None:
    _, small = run_apart(f"{HERE}:hold", {"megabytes": 1}, threads=1)
    _, large = run_apart(f"{HERE}:hold", {"megabytes": 301}, threads=1)
    assert large.peak_megabytes - small.peak_megabytes == pytest.approx(300, rel=0.1)


def test_the_memory_of_this_process_is_not_the_childs() -> None:
    held = bytearray(b"1") * 600_000_000
    _, cost = run_apart(f"{HERE}:hold", {"megabytes": 1}, threads=1)
    assert cost.peak_megabytes < len(held) / 1e6


def test_processes_that_it_starts_count() -> None:
    _, idle = run_apart(f"{HERE}:echo", {"word": ""}, threads=1)
    _, cost = run_apart(f"{HERE}:work_in_a_child", {}, threads=1)
    assert cost.cpu_seconds > idle.cpu_seconds + 0.3
    _, cost = run_apart(f"{HERE}:hold_in_a_child", {"megabytes": 400}, threads=1)
    assert cost.peak_megabytes > 400


def test_a_failure_says_what_the_process_said() -> None:
    with pytest.raises(Failed, match=r"(?s)test_apart:fail ended with status 1.*ValueError: no such thing"):
        run_apart(f"{HERE}:fail", {}, threads=1)


def test_no_time_is_counted_twice() -> None:
    began = time.perf_counter()
    _, cost = run_apart(f"{HERE}:echo", {"word": ""}, threads=1)
    assert cost.seconds <= time.perf_counter() - began
