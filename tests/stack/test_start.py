"""What a start of the stack starts, and when."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from meli_tasks.settings import Settings
from meli_tasks.stack import processes
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

    def wait(home: Home, started: object, services: Iterable[Service], report: Callable[[Service], None]) -> None:
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


def test_a_start_that_waits_for_everything_starts_it_all(events: list[str], tmp_path: Path) -> None:
    StackStart(Home(tmp_path), print).run(Settings())
    assert {event.partition(" ")[2] for event in events if event.startswith("wait ")} == {*NEEDED, *OTHERS}
