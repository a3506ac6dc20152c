"""A function in its own process: its result, its cost, its failure."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from benchmarks import isolated
from benchmarks.isolated import ROOT, ProcessFailed, run_isolated

HERE = "tests.benchmarks.test_isolated"


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


def sleep_until_interrupted(folder: str) -> None:
    try:
        (Path(folder) / "started").touch()
        time.sleep(60)
    finally:
        (Path(folder) / "cleaned").touch()


def sleep_in_a_child(folder: str) -> None:
    run_isolated(f"{HERE}:sleep_until_interrupted", {"folder": folder}, threads=1)


def test_an_interrupt_lets_all_processes_clean_up(tmp_path: Path) -> None:
    call = f"run_isolated('{HERE}:sleep_in_a_child', {{'folder': {str(tmp_path)!r}}}, threads=1)"
    caller = subprocess.Popen([sys.executable, "-c", f"from benchmarks.isolated import run_isolated\n{call}"], cwd=ROOT)
    while not (tmp_path / "started").exists():
        assert caller.poll() is None
        time.sleep(0.05)
    caller.send_signal(signal.SIGINT)
    assert caller.wait(timeout=600) != 0
    assert (tmp_path / "cleaned").exists()


def test_a_terminated_benchmark_ends_its_child_processes(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks", "default", "--sample", "--small", "--out", str(tmp_path)]
    program = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    while len(started := isolated._tree(program.pid)) < 3:  # the part and the process that it measures
        assert program.poll() is None
        time.sleep(0.02)
    program.terminate()
    output, _ = program.communicate(timeout=600)
    assert program.returncode == 130
    assert "interrupted; the figures so far" in output
    assert not [pid for pid in started if Path(f"/proc/{pid}").exists()]
    assert not (tmp_path / "work").exists()


def test_the_result_comes_from_another_process_with_the_requested_threads() -> None:
    result, cost = run_isolated(f"{HERE}:echo", {"word": "ñandú"}, threads=3)
    assert (result["word"], result["threads"]) == ("ñandú", "3")
    assert result["process"] != os.getpid()
    assert cost.seconds > 0 and cost.cpu_seconds > 0


def test_arguments_may_be_longer_than_a_command_line() -> None:
    titles = "título " * 1_000_000
    assert run_isolated(f"{HERE}:echo", {"word": titles}, threads=1)[0]["word"] == titles


def test_freed_memory_still_counts() -> None:
    _, small = run_isolated(f"{HERE}:hold", {"megabytes": 1}, threads=1)
    _, large = run_isolated(f"{HERE}:hold", {"megabytes": 301}, threads=1)
    assert large.peak_megabytes - small.peak_megabytes == pytest.approx(300, rel=0.1)


def test_memory_of_the_calling_process_does_not_count() -> None:
    held = bytearray(b"1") * 600_000_000
    _, cost = run_isolated(f"{HERE}:hold", {"megabytes": 1}, threads=1)
    assert cost.peak_megabytes < len(held) / 1e6


def test_child_processes_count() -> None:
    _, cost = run_isolated(f"{HERE}:work_in_a_child", {}, threads=1)
    assert cost.cpu_seconds >= 0.6  # what the child spins
    _, cost = run_isolated(f"{HERE}:hold_in_a_child", {"megabytes": 400}, threads=1)
    assert cost.peak_megabytes > 400


def test_a_failure_contains_the_output_of_the_process() -> None:
    with pytest.raises(ProcessFailed, match=r"(?s)test_isolated:fail ended with status 1.*ValueError: no such thing"):
        run_isolated(f"{HERE}:fail", {}, threads=1)


def test_the_measured_time_is_no_longer_than_the_call() -> None:
    start = time.perf_counter()
    _, cost = run_isolated(f"{HERE}:echo", {"word": ""}, threads=1)
    assert cost.seconds <= time.perf_counter() - start


def test_a_process_that_ends_while_the_tree_is_read_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    scan = Path.glob

    def vanished(self: Path, pattern: str) -> Any:
        if self == Path(f"/proc/{os.getpid()}/task"):
            raise FileNotFoundError(str(self))
        return scan(self, pattern)

    monkeypatch.setattr(Path, "glob", vanished)
    assert isolated._tree(os.getpid()) == [os.getpid()]
