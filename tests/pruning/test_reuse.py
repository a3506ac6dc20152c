"""Marking what is reused, and a runner that meets pruned artifacts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from meli_tasks.artifacts import paths, reading
from meli_tasks.artifacts.manifest import Manifest, find, find_record
from meli_tasks.core.errors import NotFound, Rejected
from meli_tasks.execution.attempts import publish
from meli_tasks.execution.reuse import mark_used
from meli_tasks.execution.runner import Runner, Step
from meli_tasks.ledger import Ledger
from meli_tasks.planning.evaluation import EvaluationReport
from meli_tasks.tracking.registry import Registry
from tests.execution.toy_stage import Toy, writes_its_params

STEP = Step("toy", "made", {"value": 7})


def changed(runner: Runner, made: Manifest, **fields: object) -> Manifest:
    """The manifest with other fields, in the store."""
    other = replace(made, **fields)  # type: ignore[arg-type]
    reading.write(runner.store, other.name, other.to_bytes())
    return other


def pruned(runner: Runner, made: Manifest) -> Manifest:
    """What `meli prune` leaves of an artifact."""
    other = changed(runner, made, pruned="2026-11-29T03:00:00+00:00")
    for file in made.outputs:
        runner.store.delete(made.file_name(file))
    runner.cache.remove(runner.cache.folder / f"{made.stage}/{made.key}-{made.attempt}")
    return other


def old(runner: Runner, made: Manifest) -> Manifest:
    return changed(runner, made, about={**made.about, "at": (datetime.now(UTC) - timedelta(days=9)).isoformat()})


def test_a_reused_artifact_is_marked_at_most_once_a_day(runner: Runner, toy: Callable[..., Toy]) -> None:
    toy(writes_its_params)
    made = runner.run(STEP).manifest
    assert runner.run(STEP).manifest == made == find(runner.store, "toy", STEP.key)
    old(runner, made)
    used = runner.run(STEP)
    assert used.hit and datetime.now(UTC) - datetime.fromisoformat(used.manifest.used) < timedelta(hours=1)
    assert find(runner.store, "toy", STEP.key) == used.manifest
    assert runner.run(STEP).manifest == used.manifest


def test_a_mark_is_made_again_if_the_clock_that_made_it_was_wrong(runner: Runner, toy: Callable[..., Toy]) -> None:
    toy(writes_its_params)
    made = runner.run(STEP).manifest
    for used in ((datetime.now(UTC) + timedelta(days=400)).isoformat(), "yesterday", "2026-01-01T00:00:00"):
        again = mark_used(runner.store, changed(runner, made, used=used))
        assert again is not None and again.used != used


def test_whoever_may_not_write_there_uses_it_all_the_same(
    runner: Runner, toy: Callable[..., Toy], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    toy(writes_its_params)
    made = old(runner, runner.run(STEP).manifest)

    def refuse(*args: object, **options: object) -> str:
        raise Rejected("403")

    monkeypatch.setattr(runner.store, "write", refuse)
    assert mark_used(runner.store, made) == made
    assert f"{made.name} could not be marked as used" in caplog.text


def test_a_model_that_a_prune_is_deleting_is_not_promoted(
    runner: Runner, toy: Callable[..., Toy], monkeypatch: pytest.MonkeyPatch
) -> None:
    toy(writes_its_params)
    made = old(runner, runner.run(STEP).manifest)
    changed(runner, made, pruned="2026-11-29T03:00:00+00:00")  # its files are deleted next
    monkeypatch.setattr("meli_tasks.tracking.registry.need_model", lambda *_: made)  # read before that
    registry = Registry.quick(runner.settings, runner.store, Ledger(runner.store))
    with pytest.raises(NotFound, match="was pruned a moment ago"):
        registry._need_whole(EvaluationReport(key="0" * 32, models={"mlp": made.key}), "mlp")


def test_an_input_that_is_used_is_marked_too(runner: Runner, toy: Callable[..., Toy]) -> None:
    toy(writes_its_params)
    old(runner, runner.run(STEP).manifest)
    assert runner.run(Step("toy", "next", {"value": 8}, {"toy": STEP.key})).manifest.inputs
    found = find(runner.store, "toy", STEP.key)
    assert found is not None and found.used


def test_a_pruned_step_is_computed_again_with_the_same_bytes_and_quietly(
    runner: Runner, toy: Callable[..., Toy], caplog: pytest.LogCaptureFixture
) -> None:
    toy(writes_its_params)
    made = runner.run(STEP).manifest
    pruned(runner, made)
    again = runner.run(STEP)
    assert (again.hit, again.manifest.outputs, again.manifest.pruned) == (False, made.outputs, "")
    assert not [record for record in caplog.records if record.levelname == "WARNING"]
    assert list(runner.store.names(paths.DAMAGED)) == []
    assert runner.store.size(made.own_name) is None
    assert runner.run(STEP).hit


def test_whoever_is_first_wins_when_a_step_is_pruned_while_it_is_looked_up(
    runner: Runner, toy: Callable[..., Toy], monkeypatch: pytest.MonkeyPatch
) -> None:
    toy(writes_its_params)
    made = old(runner, runner.run(STEP).manifest)
    write = runner.store.write
    late = [made]

    def write_after_the_prune(name: str, *args: object, **options: object) -> str:
        if late and name == made.name:
            pruned(runner, late.pop())
        return write(name, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(runner.store, "write", write_after_the_prune)
    again = runner.run(STEP)
    assert not again.hit and again.manifest.attempt != made.attempt
    assert runner.run(STEP).hit


def test_a_step_whose_input_was_pruned_names_the_stage_to_run(runner: Runner, toy: Callable[..., Toy]) -> None:
    toy(writes_its_params)
    pruned(runner, runner.run(STEP).manifest)
    with pytest.raises(NotFound, match=r"was pruned on 2026-11-29: .* Run the stage `toy` first"):
        runner.run(Step("toy", "next", {"value": 8}, {"toy": STEP.key}))


def test_a_result_that_is_published_over_a_pruned_one_counts(runner: Runner, toy: Callable[..., Toy]) -> None:
    toy(writes_its_params)
    made = runner.run(STEP).manifest
    pruned(runner, made)
    again = replace(made, attempt="again", pruned="")
    for file in made.outputs:
        runner.store.write(again.file_name(file), b"7")
    assert publish(runner.store, again) == again == find_record(runner.store, "toy", STEP.key)
