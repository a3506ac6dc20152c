"""`meli prune` while runs write, when it is killed, and when something cannot be read or deleted: nothing is lost."""

from __future__ import annotations

import threading
from random import Random
from typing import Any

import pytest

from meli_tasks.artifacts import paths
from meli_tasks.core.errors import BadData, Conflict, Unreachable
from meli_tasks.execution.reuse import mark_used
from meli_tasks.pruning import pins
from meli_tasks.pruning.prune import Outcome
from meli_tasks.stages.summaries import ENSEMBLE
from meli_tasks.store import Listed
from tests.past_run import PastRun
from tests.pruning.memory import Nights
from tests.pruning.test_prune import FEW, evaluated_of, has_files, missing, prune


def test_what_was_reused_after_the_mark_phase_stays(nights: Nights) -> None:
    runs = [nights.night() for _ in range(5)]
    nights.store.pass_time(days=40)
    pruning, outcome = nights.prune(FEW), Outcome()
    found = pruning.find()
    used = mark_used(nights.store, runs[1].trainings["cnn"])  # a run that has just begun
    assert used is not None and used.used
    pruning.delete(found, outcome)
    assert [each.name for each in outcome.in_use] == [f"train/{used.key}"]
    assert has_files(nights, used)
    assert mark_used(nights.store, runs[1].trainings["mlp"]) is None
    nights.store.pass_time(days=4)
    assert [each.name for each in prune(nights)[1].deleted] == [f"train/{used.key}"]


def test_a_run_that_is_pinned_after_the_mark_phase_stays(nights: Nights) -> None:
    runs = [nights.night() for _ in range(5)]
    nights.store.pass_time(days=40)
    pruning, outcome = nights.prune(FEW), Outcome()
    found = pruning.find()
    pins.pin(nights.store, runs[1].plan, "somebody")
    pruning.delete(found, outcome)
    assert all(has_files(nights, made) for made in runs[1].trainings.values())
    assert {each.kind for each in outcome.in_use} == {"train", "evaluate"}
    assert pins.pin(nights.store, runs[2].plan, "somebody")[1] == 3


def test_nothing_is_lost_between_runs_that_reuse_and_prunes(nights: Nights) -> None:
    """Whoever marked an artifact has its files, however the two race: 200 artifacts, four runs, two prunes."""
    made = [run.trainings[name] for run in (nights.night() for _ in range(100)) for name in ("mlp", "cnn")]
    nights.store.pass_time(days=40)
    broken: list[str] = []
    start = threading.Barrier(6)

    def reuse(seed: int) -> None:
        start.wait()
        for manifest in Random(seed).sample(made, len(made)):
            used = mark_used(nights.store, manifest)
            if used is not None and not has_files(nights, used):
                broken.append(used.key)

    def sweep() -> None:
        pruning = nights.prune(FEW)
        found = pruning.find()
        start.wait()
        pruning.delete(found, Outcome())

    threads = [threading.Thread(target=reuse, args=(seed,)) for seed in range(4)]
    threads += [threading.Thread(target=sweep) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert broken == []
    assert missing(nights) == []


def test_a_prune_that_was_killed_is_finished_by_the_next(nights: Nights) -> None:
    for _ in range(5):
        nights.night()
    nights.store.pass_time(days=40)

    def killed(name: str) -> None:
        raise KeyboardInterrupt(name)

    nights.store.before = killed
    with pytest.raises(KeyboardInterrupt):
        prune(nights)
    assert missing(nights) == []
    nights.store.before = lambda name: None
    prune(nights)
    assert prune(nights)[1].deleted == []
    assert missing(nights) == []


def test_nothing_is_deleted_if_the_store_does_not_say_what_its_clock_is(
    nights: Nights, monkeypatch: pytest.MonkeyPatch
) -> None:
    nights.night()
    nights.store.pass_time(days=400)
    before = set(nights.store.held)
    write = nights.store.write

    def lost(name: str, *args: Any, **options: Any) -> str:
        version = write(name, *args, **options)
        if name == paths.LAST_PRUNE:
            nights.store.delete(name)
        return version

    monkeypatch.setattr(nights.store, "write", lost)
    with pytest.raises(Conflict, match=r"prune.json of memory: disappeared while it was pruned.*Nothing was deleted"):
        prune(nights)
    assert set(nights.store.held) == before


def test_an_ensemble_that_cannot_be_deleted_keeps_its_members(nights: Nights, monkeypatch: pytest.MonkeyPatch) -> None:
    nights.promotes = 1_000
    runs = [nights.night() for _ in range(6)]
    nights.ensemble(runs[2])
    nights.store.pass_time(days=40)
    ensembles = {name for name in nights.store.names("ensemble/") if paths.is_manifest(name)}
    write = nights.store.write

    def refuse(name: str, *args: Any, **options: Any) -> str:
        if name in ensembles:
            raise Unreachable("busy")
        return write(name, *args, **options)

    monkeypatch.setattr(nights.store, "write", refuse)
    found, outcome = prune(nights)
    assert {each.kind for each in found.candidates} >= {ENSEMBLE, "train"}
    assert outcome.failed and not any(each.kind == "train" for each in outcome.deleted)
    assert missing(nights) == []
    monkeypatch.undo()
    prune(nights)
    assert not has_files(nights, runs[2].trainings["cnn"])
    assert missing(nights) == []


@pytest.mark.parametrize("what", ["plan", "evaluated", "decision", "pin"])
def test_nothing_is_deleted_while_something_cannot_be_read(nights: Nights, what: str) -> None:
    runs = [nights.night() for _ in range(5)]
    nights.store.pass_time(days=40)
    name = {
        "plan": runs[0].plan.name,
        "evaluated": paths.evaluated(runs[-1].plan.name),
        "decision": paths.decision(1),
        "pin": paths.pin("night_1"),
    }[what]
    nights.store.write(name, b'{"damaged": tru')
    if what == "decision":
        nights.store.write(paths.decision_copy(1), b"damaged too")
    before = dict(nights.store.held)
    with pytest.raises(BadData, match="verify"):
        prune(nights)
    nights.store.held.pop(paths.LAST_PRUNE, None)
    assert nights.store.held == before


@pytest.mark.parametrize("hidden", ["plans/night_5/", "pins/night_1", "plans/night_5/evaluated"])
def test_a_listing_that_was_altered_on_its_way_hides_nothing(
    nights: Nights, hidden: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [nights.night() for _ in range(5)]
    pins.pin(nights.store, runs[0].plan, "somebody")
    nights.store.pass_time(days=40)
    objects, store = nights.store.objects, nights.store

    def altered(prefix: str) -> list[Listed]:
        folder, _, file = hidden.rpartition("/")
        return [
            replace_name(each) if each.name.startswith(folder) and file in each.name else each
            for each in objects(prefix)
        ]

    def replace_name(each: Listed) -> Listed:
        return Listed(each.name.replace(".json", "x.json"), each.version, each.size, each.modified)

    monkeypatch.setattr(store, "objects", altered)
    try:
        deleted = {each.name for each in nights.prune(FEW).find().candidates}
    except BadData as error:
        assert "it was listed, but is not there" in str(error)
    else:
        kept = [*runs[0].trainings.values(), *runs[4].trainings.values()]
        assert not deleted & {f"train/{made.key}" for made in kept}
        assert not any(name.startswith("evaluate/") and name.split("/")[1] in evaluated_of(runs[4]) for name in deleted)


def test_two_prunes_at_once_delete_everything_a_single_time(nights: Nights) -> None:
    for _ in range(6):
        nights.night()
    nights.store.pass_time(days=40)
    first, second = nights.prune(FEW), nights.prune(FEW)
    found = [first.find(), second.find()]
    for pruning, each in zip((first, second), found, strict=True):
        outcome = Outcome()
        pruning.delete(each, outcome)
        assert outcome.failed == {}
    assert missing(nights) == []
    assert isinstance(nights.runs[0], PastRun)
