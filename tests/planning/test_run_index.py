"""The index of runs: as the runs themselves, whatever happens to it, in a few requests."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from benchmarks.nightly_store import Nights
from meli_tasks.artifacts import paths
from meli_tasks.artifacts.reading import LenientReader
from meli_tasks.core.errors import Rejected
from meli_tasks.index.changes import write_announced
from meli_tasks.index.segments import Segments
from meli_tasks.planning.evaluation import EvaluationReport
from meli_tasks.planning.plan import Plan
from meli_tasks.planning.preview import Preview
from meli_tasks.planning.run_index import RunIndex
from meli_tasks.planning.run_record import RunCodec, read_run
from meli_tasks.planning.run_row import RunRow
from meli_tasks.planning.run_view import View, newest_first
from meli_tasks.pruning.records import PrunedRun
from meli_tasks.store import Store, open_store
from tests.counted import counted
from tests.unreadable import put


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits of a large store, in a small one."""
    monkeypatch.setattr("meli_tasks.store.file.PAGE", 12)
    monkeypatch.setattr("meli_tasks.planning.run_index.LISTED", 3)
    monkeypatch.setattr("meli_tasks.planning.run_index.ADDED_AT", 3)
    monkeypatch.setattr("meli_tasks.index.segments.BLOCK", 4)
    monkeypatch.setattr("meli_tasks.index.segments.RATIO", 2)


def comparable(row: RunRow) -> RunRow:
    """A row without what depends on how it was read."""
    seen = {part: each.model_copy(update={"version": ""}) for part, each in row.seen.items()}
    return row.model_copy(update={"seen": seen, "past": None, "titles": None})


def truth(store: Store) -> list[RunRow]:
    """All runs, read from their own objects, the newest first."""
    reader = LenientReader(store)
    names = [name for name in store.names(paths.PLANS) if paths.is_plan(name)]
    return newest_first(comparable(row) for name in names if (row := read_run(store, name, reader)))


def through_index(store: Store, index: RunIndex | None = None) -> list[RunRow]:
    """All runs by their heads and rows."""

    def rows(view: View) -> list[RunRow]:
        return [comparable(row) for row in view.rows(head.plan for head in view.heads())]

    return (index or RunIndex(store)).look(LenientReader(store), rows)


def newest(store: Store, most: int = 10) -> list[RunRow]:
    return [comparable(row) for row in RunIndex(store).newest(most, LenientReader(store))]


def plan_of(number: int, template: Plan) -> Plan:
    at = f"2026-{1 + number % 12:02}-{1 + number % 28:02}T0{number % 10}:00:00+00:00"
    return Plan.model_validate({**dict(template), "run_id": f"run-{number}", "name": "", "at": at})


@pytest.fixture
def template(tmp_path: Path) -> Plan:
    """A plan to make others from."""
    store = open_store((tmp_path / "template").as_uri())
    Nights(1, 2).write(store)
    [name] = [name for name in store.names(paths.PLANS) if paths.is_plan(name)]
    return Plan.load(store, name)


@pytest.mark.parametrize("page", [1_000, 40])
def test_a_store_without_an_index_gets_one_a_single_time(
    file_store: Store, page: int, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meli_tasks.store.file.PAGE", page)
    Nights(30, 1).write(file_store)
    for name in list(file_store.names(paths.INDEX)):
        file_store.delete(name)  # as an earlier version leaves it
    expected = truth(file_store)
    with caplog.at_level(logging.INFO, "meli_tasks"):
        assert newest(file_store) == expected[:10]
        assert through_index(file_store) == expected
        built = caplog.text.count("has no index of its runs yet")
    assert built == (1 if page == 40 else 0)  # a small store is listed, and its runs are added like new ones
    with counted() as calls:
        newest(file_store)
    assert calls.total() <= 6
    assert calls["write"] == 0


def test_a_run_is_listed_as_soon_as_it_is_written(file_store: Store, template: Plan, small_parts: None) -> None:
    store = file_store
    random, plans, index = Random(14), dict[int, Plan](), RunIndex(file_store)
    for step in range(60):
        number = random.randrange(step // 4 + 1)
        plan = plans.setdefault(number, plan_of(number, template))
        action = random.choice(["plan", "preview", "evaluate", "evaluate", "update", "damage", "announce"])
        if action == "plan" or store.read(plan.name) is None:
            plan.save(store)
        elif action == "preview":
            Preview(nothing_new="as before", saved_seconds=float(step)).save(plan, store)
        elif action == "evaluate":
            EvaluationReport(key=f"{step:032}", models={"mlp_00": "k"}, failed=(str(step),)).save(store, plan.name)
        elif action == "update":
            RunIndex(store).add_changed()
        elif action == "damage" and (names := sorted(store.names("index/runs/"))):
            name = random.choice(names)
            if random.random() < 0.5:
                store.delete(name)
            else:
                put(store, name, "cut short")
        elif action == "announce":  # and dies before it writes
            plan_of(1_000 + step, template).save(_Dying(store))
        expected = truth(store)
        assert newest(store, 5) == expected[:5], step
        assert through_index(store, index if step % 2 else None) == expected, step


def test_a_run_that_nobody_looked_at_for_days_is_listed(
    file_store: Store, template: Plan, small_parts: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(20):
        plan_of(number, template).save(file_store)
    newest(file_store)
    plan_of(98, template).save(file_store)
    plan_of(1_000, template).save(_Dying(file_store))
    monkeypatch.setattr("meli_tasks.index.changes.ABANDONED", timedelta(days=-1))  # as if it was written days ago
    for number in (None, 99):
        assert through_index(file_store) == truth(file_store)
        RunIndex(file_store).add_changed()
        if number:
            plan_of(number, template).save(file_store)
    assert through_index(file_store) == truth(file_store)
    RunIndex(file_store).add_changed()
    assert list(file_store.names(paths.CHANGES)) == []


class _Dying:
    """A store whose writer dies before its second write."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.written = 0

    def write(self, name: str, data: bytes) -> None:
        self.written += 1
        if self.written == 1:
            self.store.write(name, data)


def test_what_was_pruned_is_in_the_index(file_store: Store, template: Plan, small_parts: None) -> None:
    Nights(12, 1).write(file_store)
    index = RunIndex(file_store)
    oldest = index.newest(12, LenientReader(file_store))[-1]
    write_announced(
        file_store, oldest.plan, "pruned", PrunedRun(at=datetime(2026, 11, 29, tzinfo=UTC)).model_dump_json().encode()
    )
    index.add_changed()
    with counted() as calls:
        found = RunIndex(file_store).newest(12, LenientReader(file_store))
    assert [row.pruned for row in found] == [""] * 11 + ["2026-11-29"]
    assert calls.total() <= 12
    assert list(RunIndex(file_store).wrong()) == []


def test_a_run_that_was_pruned_on_its_first_day_is_read_a_single_time(
    file_store: Store, template: Plan, small_parts: None
) -> None:
    Nights(12, 1).write(file_store)
    plan = Plan.model_validate({**dict(template), "run_id": "today", "name": "", "at": datetime.now(UTC).isoformat()})
    plan.save(file_store)
    write_announced(file_store, plan.name, "pruned", PrunedRun().model_dump_json().encode())
    RunIndex(file_store).add_changed()
    assert list(file_store.names(paths.CHANGES)) == []
    [newest] = RunIndex(file_store).newest(1, LenientReader(file_store))
    assert (newest.plan, bool(newest.pruned)) == (plan.name, True)
    assert list(RunIndex(file_store).wrong()) == []


def test_an_announcement_goes_though_another_writer_added_the_run(file_store: Store, template: Plan) -> None:
    plan = plan_of(1, template)
    plan.save(file_store)
    [announcement] = [blob.name for blob in file_store.objects(paths.CHANGES)]
    kept = file_store.read(announcement)
    RunIndex(file_store).add_changed()
    assert kept is not None
    file_store.write(announcement, kept.data)  # as if its writer had been slow to write it
    RunIndex(file_store).add_changed()
    assert list(file_store.names(paths.CHANGES)) == []


def test_a_run_whose_plan_was_deleted_is_named(file_store: Store, template: Plan) -> None:
    plans = [plan_of(number, template) for number in range(2)]
    for plan in plans:
        plan.save(file_store)
    RunIndex(file_store).add_changed()
    file_store.delete(plans[0].name)
    reader = LenientReader(file_store)
    assert [row.plan for row in RunIndex(file_store).newest(9, reader)] == [plans[1].name]
    assert [(one.name, "verify --repair" in one.reason) for one in reader.skipped] == [(plans[0].name, True)]
    RunIndex(file_store).rebuild(LenientReader(file_store))
    after = LenientReader(file_store)
    RunIndex(file_store).newest(9, after)
    assert after.skipped == []


def test_writers_and_readers_at_the_same_time_lose_no_run(file_store: Store, template: Plan, small_parts: None) -> None:
    def work(number: int) -> list[str]:
        plan = plan_of(number, template)
        plan.save(file_store)
        EvaluationReport(key=f"{number:032}").save(file_store, plan.name)
        RunIndex(file_store).add_changed()
        assert plan.name in {row.plan for row in through_index(file_store)}
        return [plan.name]

    with ThreadPoolExecutor(8) as workers:
        list(workers.map(work, range(24)))
    assert through_index(file_store) == truth(file_store)
    RunIndex(file_store).add_changed()
    assert list(file_store.names(paths.CHANGES)) == []
    root = Segments(file_store, "runs", RunCodec()).find()
    assert root is not None  # and those that were slower left nothing behind
    assert set(file_store.names("index/runs/")) == {paths.index_root("runs"), *root.root.objects}


def test_a_reader_without_the_right_to_write_sees_the_same(
    file_store: Store, template: Plan, small_parts: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(20):
        plan_of(number, template).save(file_store)

    def refuse(*_: object, **__: object) -> str:
        raise Rejected("read only")

    monkeypatch.setattr(type(file_store), "write", refuse)
    assert newest(file_store) == truth(file_store)[:10]
    assert through_index(file_store) == truth(file_store)


def test_an_index_of_a_later_version_is_left_alone(
    file_store: Store, template: Plan, small_parts: None, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(20):
        plan_of(number, template).save(file_store)
    newest(file_store)
    file_store.write(paths.index_root("runs"), b'{"version": 99}')
    assert newest(file_store) == truth(file_store)[:10]
    assert "later version" in caplog.text
    assert file_store.read(paths.index_root("runs")).data == b'{"version": 99}'  # type: ignore[union-attr]
