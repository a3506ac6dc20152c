"""`meli verify`: damage in every part of a store is found, named, and mended."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.nightly_store import Nights
from meli_tasks.artifacts import paths, reading
from meli_tasks.artifacts.manifest import need
from meli_tasks.artifacts.outputs import damage
from meli_tasks.artifacts.reading import LenientReader
from meli_tasks.execution.runner import Runner, Step
from meli_tasks.integrity import Finding, Repair, Verification
from meli_tasks.ledger import Ledger
from meli_tasks.planning.plan import Plan
from meli_tasks.planning.run_index import RunIndex
from meli_tasks.planning.run_view import View
from meli_tasks.sets import stored
from tests.decided import promote
from tests.execution.toy_stage import Toy, writes_its_params

FILE = "folder/result.txt"


@pytest.fixture
def made(runner: Runner, toy: Callable[..., Toy]) -> Step:
    """A store with an artifact, a set, an object beside a plan and two decisions."""
    toy(writes_its_params)
    step = Step("toy", "made", {"value": 7})
    runner.run(step)
    stored.write(runner.store, "mine", {"extends": "mlp"}, {"by": "a test"})
    reading.write(runner.store, "plans/run/abc/timing.json", b'{"seconds": 3}')
    for label in "ab":
        promote(Ledger(runner.store), label)
    return step


def found(runner: Runner, *prefixes: str) -> list[Finding]:
    return Verification(runner.store, runner.cache, prefixes).run().findings


def test_nothing_is_damaged_in_a_new_store(runner: Runner, made: Step) -> None:
    checked = Verification(runner.store, runner.cache).run()
    assert (checked.findings, checked.without_digest) == ([], 0)
    assert checked.objects == 9


def test_each_damage_is_named_and_mended(runner: Runner, made: Step) -> None:
    store = runner.store
    manifest = need(store, "toy", made.key)
    store.write(manifest.file_name(FILE), b"8")
    store.write("plans/run/abc/timing.json", b'{"seconds": 4,"seal":"' + b"0" * 64 + b'"}')
    store.delete(paths.decision(1))
    cached = next((runner.cache.folder / "toy").glob("*"))
    (cached / FILE).write_text("9")
    names = {finding.name: finding.reason for finding in found(runner)}
    assert set(names) == {manifest.name, "plans/run/abc/timing.json", paths.decision(1), str(cached)}
    assert "is damaged: its sha256 is not that of its manifest" in names[manifest.name]
    mended = list(Repair(runner).run(found(runner)))
    assert [each.advice for each in mended] == [""] * 4
    assert found(runner) == []
    assert damage(store, need(store, "toy", made.key)) == []
    assert store.read("plans/run/abc/timing.json") is None
    assert any(name.startswith("damaged/plans/run/abc/timing.json/") for name in store.names(paths.DAMAGED))


@pytest.mark.parametrize("content", [b"", b"{", b'{"stage": "../..", "key": "k"}'])
def test_a_damaged_manifest_is_quarantined_and_an_ordinary_run_computes_it(
    runner: Runner, made: Step, content: bytes
) -> None:
    name = paths.manifest("toy", made.key)
    runner.store.write(name, content)
    assert [finding.name for finding in found(runner, "toy/")] == [name]
    result = runner.run(made)
    assert not result.hit
    assert found(runner) == []
    assert any(name in kept for kept in runner.store.names(paths.DAMAGED))


@pytest.mark.parametrize("damaged", [b"8", b"", None])
def test_a_step_whose_files_are_damaged_is_computed_again_by_an_ordinary_run(
    runner: Runner, made: Step, damaged: bytes | None
) -> None:
    before = need(runner.store, "toy", made.key)
    if damaged is None:
        runner.store.delete(before.file_name(FILE))
    else:
        runner.store.write(before.file_name(FILE), damaged)
    again = runner.run(made)
    assert not again.hit
    assert again.manifest == before  # with the same bytes it is the same attempt, with what was measured then
    assert damage(runner.store, before) == []
    assert runner.run(made).hit


def test_a_step_that_gives_other_bytes_than_those_that_were_damaged_is_another_attempt(
    runner: Runner, made: Step, toy: Callable[..., Toy]
) -> None:
    before = need(runner.store, "toy", made.key)
    runner.store.delete(before.file_name(FILE))
    toy(lambda inputs, out, params: writes_its_params(inputs, out, {"value": 8}))
    again = runner.run(made).manifest
    assert (again.attempt != before.attempt, again.outputs != before.outputs) == (True, True)
    assert damage(runner.store, need(runner.store, "toy", made.key)) == []


def test_a_damaged_copy_of_a_decision_is_written_again(runner: Runner, made: Step) -> None:
    runner.store.write(paths.decision_copy(2), b"no")
    assert [finding.name for finding in found(runner, "ledger")] == [paths.decision_copy(2)]
    assert [each.advice for each in Repair(runner).run(found(runner))] == [""]
    assert found(runner) == []


def test_two_manifests_that_were_exchanged_are_damaged(runner: Runner, made: Step) -> None:
    other = runner.run(Step("toy", "other", {"value": 8})).manifest
    one = need(runner.store, "toy", made.key)
    data = [runner.store.read(each.name) for each in (one, other)]
    for each, blob in zip((other, one), data, strict=True):
        assert blob is not None
        runner.store.write(each.name, blob.data)
    assert sorted(finding.name for finding in found(runner)) == sorted((one.name, other.name))
    assert runner.run(made).manifest.summary == one.summary


def test_a_set_that_was_damaged_has_to_be_added_again(runner: Runner, made: Step) -> None:
    name = paths.hyperparameter_set("mine")
    blob = runner.store.read(name)
    assert blob is not None
    runner.store.write(name, blob.data.replace(b"mlp", b"cnn"))
    [mended] = Repair(runner).run(found(runner))
    assert mended.advice.startswith("Make the set mine again")


def test_the_cache_is_dropped_and_fetched_again(runner: Runner, made: Step, tmp_path: Path) -> None:
    manifest = need(runner.store, "toy", made.key)
    folder = runner.folder(manifest)
    for data in ("8", "", None):
        (folder / FILE).unlink()
        if data is not None:
            (folder / FILE).write_text(data)
        assert (runner.folder(manifest) / FILE).read_text() == "7"


def test_an_index_that_is_damaged_or_lacks_a_run_is_named_and_built_again(
    runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meli_tasks.store.file.PAGE", 10)
    monkeypatch.setattr("meli_tasks.planning.run_index.LISTED", 3)
    monkeypatch.setattr("meli_tasks.index.segments.BLOCK", 4)
    monkeypatch.setattr("meli_tasks.decision_index.BLOCK", 4)
    store = runner.store
    Nights(10, 1).write(store)
    ledger = Ledger(store)
    for number in range(1, 24):
        ledger.append(number, action="keep", reason="as before", by="a test")
    RunIndex(store).newest(1, LenientReader(store))
    assert found(runner) == []
    [plan, *_] = [name for name in store.names(paths.PLANS) if paths.is_plan(name)]
    unannounced = "plans/written-by-an-earlier-version/0123456789ab.json"
    store.write(
        unannounced, json.dumps({**Plan.load(store, plan).model_dump(mode="json"), "name": unannounced}).encode()
    )
    store.delete(next(name for name in store.names("index/decisions/heads/")))
    names = {finding.name.rpartition("/")[0] for finding in found(runner)}
    assert names == {unannounced.rpartition("/")[0], "index/decisions/heads"}
    assert {each.advice for each in Repair(runner).run(found(runner))} == {""}
    assert found(runner) == []
    assert unannounced in {head.plan for head in RunIndex(store).look(LenientReader(store), View.heads)}
