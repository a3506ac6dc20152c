"""Point in time: what a run as of a day takes from partitions, from a window of them and from one growing table."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from meli_tasks.core.errors import BadData, BadHyperparameters
from meli_tasks.execution.runner import Runner
from meli_tasks.planning.plan import Plan, make_plan
from meli_tasks.planning.request import Request
from meli_tasks.settings import Settings
from tests.rewriting import stored_json

DAYS = [date(2026, 11, 15) + timedelta(days=number) for number in range(7)]
LAST = DAYS[4]
TABLE = {"date_column": "created_at"}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(store=f"file://{tmp_path}/store", cache=tmp_path / "cache")


@pytest.fixture
def plan(settings: Settings) -> Callable[..., Plan]:
    def plan(source: object, as_of: date | None = LAST, **params: Any) -> Plan:
        fields = {"source": str(source), "sets": ["quick_mlp"], "min_category_rows": 1, **params}
        return make_plan(Request.check(fields, settings), settings, "run", as_of)

    return plan


@pytest.fixture
def days(settings: Settings) -> Callable[[Plan], list[str]]:
    """Runs ingest; the days of the titles in its listings."""

    def days(plan: Plan) -> list[str]:
        runner = Runner(settings)
        result = runner.run(plan.ingest)
        titles = pq.read_table(runner.folder(result.manifest) / "listings.parquet")["title"].to_pylist()
        return sorted({title.split()[-1] for title in titles})

    return days


def rows_of(day: date) -> list[str]:
    """Lines of CSV; every title ends in its day."""
    return [f"Titulo {number} {day},{'AB'[number % 2]},{day}T0{number}:00:00\n" for number in range(6)]


@pytest.fixture
def partitions(tmp_path: Path) -> str:
    for day in DAYS:
        (tmp_path / f"{day}.csv").write_text("title,category,created_at\n" + "".join(rows_of(day)))
    return f"{tmp_path}/{{ds}}.csv"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    file = tmp_path / "table.csv"
    file.write_text("title,category,created_at\n" + "".join(line for day in reversed(DAYS) for line in rows_of(day)))
    return file


def test_a_run_as_of_a_day_reads_nothing_newer(
    partitions: str, table: Path, plan: Callable[..., Plan], days: Callable[[Plan], list[str]]
) -> None:
    up_to = [str(day) for day in DAYS[:5]]
    assert days(plan(partitions)) == up_to[-1:]
    assert days(plan(partitions, window_days=3)) == up_to[-3:]
    assert days(plan(partitions, window_days=30)) == up_to
    assert days(plan(table, **TABLE)) == up_to
    assert days(plan(table, window_days=3, **TABLE)) == up_to[-3:]
    # Both: the files of these days, and of them the titles of these days.
    assert days(plan(partitions, window_days=2, **TABLE)) == up_to[-2:]


@pytest.mark.parametrize("window", [{}, {"window_days": 2}, TABLE, {"window_days": 2, **TABLE}])
def test_every_day_of_a_backfill_has_keys_of_its_own(
    partitions: str, table: Path, plan: Callable[..., Plan], window: dict[str, Any]
) -> None:
    sources = [partitions, "sample:rows=50,day={ds}"] if "date_column" not in window else [table]
    for source in sources:
        plans = [plan(source, as_of=day, **window) for day in DAYS]
        assert len({plan.ingest.key for plan in plans}) == len(DAYS)
        assert len({plan.sets["quick_mlp"].key for plan in plans}) == len(DAYS)


def test_a_nightly_run_on_the_same_titles_reuses_everything(table: Path, plan: Callable[..., Plan]) -> None:
    nights = [plan(table, day) for day in (*DAYS, None)]
    assert len({night.ingest.key for night in nights}) == 1
    assert {night.ingest.params["until"] for night in nights} == {None}
    assert plan(table, **TABLE).ingest.params["until"] == str(LAST)


def test_a_date_column_needs_a_date_and_a_window_needs_distinguishable_days(
    table: Path, plan: Callable[..., Plan]
) -> None:
    with pytest.raises(BadHyperparameters, match=r"date_column is 'created_at'.*this run has no date. Set `as_of`"):
        plan(table, None, **TABLE)
    with pytest.raises(BadData, match="or set date_column to the column that holds each title's date"):
        plan(table, window_days=3)


def test_a_plan_of_an_earlier_version_still_runs(
    partitions: str, plan: Callable[..., Plan], days: Callable[[Plan], list[str]], settings: Settings
) -> None:
    """Its ingest knew no dates, and its source is one day, filled in."""
    planned, store = plan(partitions), settings.open_store()
    planned.save(store)
    fields = stored_json(store, planned.name)
    for name in ("date_column", "since", "until"):
        del fields["ingest"]["params"][name]
    for name in ("date_column", "window_days"):
        del fields["request"][name]
    assert fields["ingest"]["fetch"] == {"source": partitions.replace("{ds}", str(LAST))}
    store.write(planned.name, json.dumps(fields).encode())
    assert days(Plan.load(store, planned.name)) == [str(LAST)]


def test_a_window_survives_the_plan(
    partitions: str, plan: Callable[..., Plan], days: Callable[[Plan], list[str]], settings: Settings
) -> None:
    planned, store = plan(partitions, window_days=2), settings.open_store()
    planned.save(store)
    loaded = Plan.load(store, planned.name)
    assert loaded.ingest.name.endswith("/{2026-11-18..2026-11-19}.csv")
    assert days(loaded) == ["2026-11-18", "2026-11-19"]
