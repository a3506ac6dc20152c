"""What a start of the stack starts, and when."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from meli_tasks.core.errors import Unreachable
from meli_tasks.settings import Settings
from meli_tasks.stack import demo, processes
from meli_tasks.stack.home import Home
from meli_tasks.stack.processes import Record, Service
from meli_tasks.stack.start import StackStart

NEEDED = ["s3", "mlflow", "airflow-api-server", "airflow-scheduler", "airflow-dag-processor"]
OTHERS = ["airflow-triggerer", "serving"]


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was started and waited for, in order; nothing is really started."""
    seen: list[str] = []

    def start(home: Home, service: Service) -> Record:
        seen.append(f"start {service.name}")
        return Record(service.name, 0, "", service.port, "", "")

    def wait(
        home: Home, started: object, services: Sequence[Service], report: Callable[[Service], None], *remind: object
    ) -> None:
        for service in services:
            seen.append(f"wait {service.name}")
            report(service)

    monkeypatch.setattr(os, "environ", dict(os.environ))  # a start removes variables of other stacks
    monkeypatch.setattr(processes, "start", start)
    monkeypatch.setattr(processes, "wait", wait)
    monkeypatch.setattr(StackStart, "_begin_migration", lambda self, stack: None)
    return seen


def test_what_a_run_does_not_need_is_started_beside_it(events: list[str], tmp_path: Path) -> None:
    said: list[str] = []
    start = StackStart(Home(tmp_path), said.append)
    start.run_needed(Settings())
    assert events == [*(f"start {name}" for name in NEEDED), *(f"wait {name}" for name in NEEDED)]
    events.clear()
    start.start_others()
    assert events == [f"start {name}" for name in OTHERS]
    assert list(start.started) == [*NEEDED, *OTHERS], "an interrupted demo stops these"
    events.clear()
    start.wait_for_others()
    assert events == [f"wait {name}" for name in OTHERS]
    assert len(said) == len(NEEDED), "they answer long before"


def test_a_long_wait_says_what_it_waits_for(events: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said, now = list[str](), [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(time, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))

    class Migration:
        returncode = 0

        def poll(self) -> int | None:
            return 0 if now[0] >= 7.0 else None

    def wait(
        home: Home,
        started: object,
        services: Sequence[Service],
        report: Callable[[Service], None],
        remind: Callable[[Sequence[Service]], None],
    ) -> None:
        while now[0] < 14.0:
            now[0] += 1.0
            remind(services)
        report(services[0])

    monkeypatch.setattr(processes, "wait", wait)
    start = StackStart(Home(tmp_path), said.append, _began=0.0, _said=0.0)
    start._migration = Migration()  # type: ignore[assignment]
    start.run_needed(Settings())
    assert said[:2] == ["Creating Airflow's database (3 s)", "Creating Airflow's database (6.1 s)"]
    assert said[2].startswith("Waiting for S3 server and MLflow (10") and said[3].startswith("Waiting for S3 server")
    assert said[-1].startswith("S3 server ready at http://localhost:")


def test_a_service_that_does_not_start_hides_no_result(
    events: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start, written = StackStart(Home(tmp_path), print), StringIO()
    start.run_needed(Settings())
    start.start_others()
    assert demo.wait_for_others(Console(file=written), start)

    def ended(*_: object) -> None:
        raise Unreachable("The service ended while it started.")

    monkeypatch.setattr(processes, "wait", ended)
    assert not demo.wait_for_others(Console(file=written), start)
    assert "The service ended while it started." in written.getvalue()


def test_a_start_that_waits_for_everything_starts_it_all(events: list[str], tmp_path: Path) -> None:
    StackStart(Home(tmp_path), print).run(Settings())
    assert {event.partition(" ")[2] for event in events if event.startswith("wait ")} == {*NEEDED, *OTHERS}
