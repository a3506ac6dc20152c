from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from meli_tasks.core.errors import MeliError
from meli_tasks.stack import processes
from meli_tasks.stack.home import Home
from meli_tasks.stack.processes import Service
from tests import waiting

# A server that, like Airflow's tasks, has a child in a process group of its own, and like a bad one ignores SIGTERM.
STUBBORN = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    os.setpgid(0, 0)
print("ready", flush=True)
time.sleep(60)
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home")
    made.make()
    return made


PLAIN = "import time; print('ready', flush=True); time.sleep(60)"


def service(home: Home, script: str = PLAIN, **environment: str) -> Service:
    log = home.logs / "sleeper.log"
    return Service(
        "sleeper", "The sleeper", [sys.executable, "-c", script], environment,
        lambda: log.exists() and "ready" in log.read_text(), seconds=20,
    )  # fmt: skip


def up(home: Home, what: Service) -> processes.Record:
    record = processes.start(home, what)
    processes.wait(home, {what.name: record}, [what], lambda _: None)
    return record


def test_a_started_service_is_found_by_another_process_and_stopped(home: Home) -> None:
    record = up(home, service(home))
    assert processes.running(Home(home.root)) == [record]
    assert processes.stop(home, [record]) == [record]
    assert processes.running(home) == []
    assert not (home.run / "sleeper.json").exists()


def test_stopping_also_ends_children_that_left_the_group_and_ignore_sigterm(home: Home) -> None:
    record = up(home, service(home, STUBBORN))
    waiting.until(lambda: len(processes.members({record.pid})) >= 2, poll_seconds=0.02)
    assert len({os.getpgid(pid) for pid in processes.members({record.pid})}) == 2
    processes.stop(home, [record], seconds=0.3)
    assert processes.members({record.pid}) == set()


def test_children_of_a_server_that_crashed_are_ended_too(home: Home) -> None:
    script = "import os, time\nif os.fork():\n    print('ready', flush=True); time.sleep(0.5); os._exit(1)\n" + PLAIN
    record = up(home, service(home, script))
    waiting.until(lambda: not record.is_alive(), poll_seconds=0.02)
    assert len(processes.members({record.pid})) == 1
    assert processes.stop(home, [record]) == []
    assert processes.members({record.pid}) == set()


def test_a_pid_that_belongs_to_somebody_else_by_now_is_left_alone(home: Home) -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True) as stranger:
        stale = processes.Record("sleeper", stranger.pid, "1", 0, "", processes.boot())
        assert processes.stop(home, [stale]) == []
        assert stranger.poll() is None
        stranger.kill()


def test_a_server_that_ends_while_starting_is_told_with_the_end_of_its_log(home: Home) -> None:
    broken = service(home, "import sys; sys.exit('port 1 is taken')")
    record = processes.start(home, broken)
    with pytest.raises(MeliError, match=r"(?s)The sleeper ended while it started\..*sleeper\.log.*port 1 is taken"):
        processes.wait(home, {"sleeper": record}, [broken], lambda _: None)
    with pytest.raises(ChildProcessError):  # it has been waited for, so Python does not warn of it in the end
        os.waitpid(record.pid, os.WNOHANG)


def test_a_server_that_starts_slowly_is_waited_for_while_it_logs(home: Home) -> None:
    slow = "import time\nfor _ in range(6): time.sleep(0.3); print('migrating', flush=True)\n" + PLAIN
    what = replace(service(home, slow), seconds=1.0)
    record = processes.start(home, what)
    processes.wait(home, {what.name: record}, [what], lambda _: None)
    processes.stop(home, [record])


def test_a_server_that_hangs_is_given_up(home: Home) -> None:
    what = replace(service(home, "import time; time.sleep(60)"), seconds=0.5)
    record = processes.start(home, what)
    with pytest.raises(MeliError, match=r"The sleeper is not ready and has logged nothing for 0\.5 s"):
        processes.wait(home, {what.name: record}, [what], lambda _: None)
    processes.stop(home, [record])


def test_other_settings_give_another_fingerprint_but_what_a_run_brings_does_not(home: Home) -> None:
    plain = service(home, MELI_SOURCE="a", MELI_STORE="s3://a")
    passing = replace(plain, passing=frozenset({"MELI_SOURCE"}))
    assert passing.fingerprint == replace(passing, environment={**plain.environment, "MELI_SOURCE": "b"}).fingerprint
    assert (
        passing.fingerprint != replace(passing, environment={**plain.environment, "MELI_STORE": "s3://b"}).fingerprint
    )
