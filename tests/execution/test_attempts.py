"""Attempts: what `force` computes again stays apart from what was there before."""

from __future__ import annotations

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from meli_tasks.artifacts import paths
from meli_tasks.artifacts.manifest import Manifest, ModelRef, Output, find, find_model, need_model, replaced_models
from meli_tasks.core.errors import NotFound, Unreachable
from meli_tasks.core.hyperparameters import Train
from meli_tasks.execution import attempts
from meli_tasks.execution.runner import Runner, Step
from meli_tasks.stages import train
from meli_tasks.stages.hooks import Hooks
from meli_tasks.stages.summaries import Conditions, TrainSummary
from meli_tasks.store import Store

STEP = Step("train", "mlp", {"architecture": "mlp"})


@pytest.fixture(params=["folder", pytest.param("s3", marks=pytest.mark.integration)])
def store(request: pytest.FixtureRequest) -> Store:
    found: Store = request.getfixturevalue("file_store" if request.param == "folder" else "s3_store")
    return found


@pytest.fixture
def weights(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the stage train writes into its model; the last one counts."""
    written = ["first"]

    def stage(inputs: Mapping[str, Path], out: Path, params: Train, hooks: Hooks) -> TrainSummary:
        (out / "model.safetensors").write_text(written[-1])
        (out / "model.json").write_text("{}")
        (out / "history.json").write_text(json.dumps([{"epoch": 1, "seconds": len(written)}]))
        return TrainSummary(
            device="cpu",
            threads=2,
            precision="float32",
            world_size=1,
            batch_size_used=64,
            stopped_by="ana at 2026-11-21T10:00:00",
        )

    monkeypatch.setattr(train, "run", stage)
    return written


@pytest.fixture
def runner(runner: Runner, store: Store) -> Runner:
    return Runner(runner.settings, store, run_id="test")


def text_of(runner: Runner, ref: ModelRef) -> str:
    return (runner.folder(need_model(runner.store, ref.key, ref.sha256)) / "model.safetensors").read_text()


def test_a_forced_attempt_leaves_the_one_before_readable(runner: Runner, weights: list[str]) -> None:
    first = runner.run(STEP).manifest
    weights.append("second")
    second = runner.run(STEP, force=True).manifest
    assert first.key == second.key
    assert first.model_sha256 != second.model_sha256
    assert find_model(runner.store, STEP.key) == second
    assert find_model(runner.store, STEP.key, first.model_sha256) == first
    assert [text_of(runner, ref) for ref in (first.ref, second.ref, ModelRef(STEP.key))] == [
        "first",
        "second",
        "second",
    ]
    weights.append("third")
    runner.run(STEP, force=True)
    assert [text_of(runner, ref) for ref in (first.ref, second.ref)] == ["first", "second"]
    assert [found.attempt for found in replaced_models(runner.store, STEP.key)] == [second.attempt, first.attempt]


def test_an_attempt_with_the_same_bytes_is_the_same_model(
    runner: Runner, weights: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    first = runner.run(STEP).manifest
    weights.append("first")
    with caplog.at_level("INFO", logger="meli_tasks"):
        second = runner.run(STEP, force=True).manifest
    assert second.outputs["history.json"] != first.outputs["history.json"]  # it holds times, which are no result
    assert second.ref == first.ref
    assert "computed again with the same result" in caplog.text
    assert not [record for record in caplog.records if record.levelname == "WARNING"]


def test_another_result_is_logged(runner: Runner, weights: list[str], caplog: pytest.LogCaptureFixture) -> None:
    runner.run(STEP)
    weights.append("second")
    runner.run(STEP, force=True)
    assert "computed again with another result" in caplog.text


def test_damaged_files_are_replaced_by_an_attempt_with_the_same_bytes(runner: Runner, weights: list[str]) -> None:
    first = runner.run(STEP).manifest
    runner.store.write(first.file_name("model.safetensors"), b"x" * first.outputs["model.safetensors"].bytes)
    again = runner.run(STEP, force=True).manifest
    fresh = Runner(runner.settings.model_copy(update={"cache": runner.settings.cache / "another"}), runner.store)
    assert text_of(fresh, first.ref) == "first"
    assert need_model(runner.store, first.key, first.model_sha256) == again


def test_an_attempt_that_is_gone_is_named(runner: Runner, weights: list[str]) -> None:
    runner.run(STEP)
    with pytest.raises(NotFound, match=r"attempt with sha256 0123456789ab is no longer there; the key now has"):
        need_model(runner.store, STEP.key, "0123456789abcdef")
    with pytest.raises(NotFound, match="Run the stage `train` first"):
        need_model(runner.store, "0" * 32, "0123456789abcdef")


def test_a_lost_answer_to_a_forced_attempt_is_not_a_rival(
    runner: Runner, weights: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    runner.run(STEP)
    weights.append("second")
    write, lost = runner.store.write, []

    def loses_the_answer(name: str, data: bytes, **options: Any) -> str:
        version = write(name, data, **options)
        if name == paths.manifest("train", STEP.key) and not lost:
            lost.append(version)
            return write(name, data, **options)  # as a client does that got none
        return version

    monkeypatch.setattr(runner.store, "write", loses_the_answer)
    second = runner.run(STEP, force=True).manifest
    assert lost
    assert find(runner.store, "train", STEP.key) == second
    assert len(replaced_models(runner.store, STEP.key)) == 1


def test_of_racing_attempts_none_is_lost(store: Store) -> None:
    """Each may have been promoted by its run before another one replaced it."""
    barrier = Barrier(6)

    def attempt(number: int) -> Manifest:
        sha256 = f"{number:064}"
        outputs = {"model.safetensors": Output(sha256, 1), "model.json": Output(sha256, 1)}
        return Manifest(
            "train", "k" * 32, {}, {}, outputs, {}, f"attempt{number}", {"at": f"2026-11-20T00:00:0{number}"}
        )

    def force(manifest: Manifest) -> Manifest:
        barrier.wait()
        return attempts.replace(store, manifest)

    first = attempt(0)
    attempts.publish(store, first)
    racing = [attempt(number) for number in range(1, 7)]
    with ThreadPoolExecutor(6) as threads:
        assert list(threads.map(force, racing)) == racing
    for made in [first, *racing]:
        assert find_model(store, made.key, made.model_sha256) == made


def test_a_manifest_says_what_may_have_changed_the_result(runner: Runner, weights: list[str]) -> None:
    manifest = runner.run(STEP).manifest
    found = manifest.conditions
    assert (found.device, found.threads, found.precision) == ("cpu", 2, "float32")
    assert (found.world_size, found.batch_size) == (1, 64)
    assert found.stopped_by == "ana at 2026-11-21T10:00:00"
    assert found.torch == manifest.about["versions"]["torch"]  # type: ignore[index,call-overload]
    assert find(runner.store, "train", STEP.key) == manifest


def test_a_model_that_was_stopped_early_is_not_reused_without_a_word(
    runner: Runner, weights: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    assert not runner.run(STEP).hit
    assert "stopped early" not in caplog.text
    assert runner.run(STEP).hit
    assert "train mlp was stopped early by ana at 2026-11-21T10:00:00; `force` trains it to the end" in caplog.text


def test_a_manifest_names_the_attempts_that_it_was_made_from(runner: Runner, weights: list[str]) -> None:
    first = runner.run(STEP).manifest
    weights.append("second")
    second = runner.run(STEP, force=True).manifest
    for ref, attempt in ((first.ref, first), (second.ref, second)):
        _, found = runner._inputs(Step("evaluate", "mlp", {}, {"model:mlp": str(ref)}), Path(), None)  # type: ignore[arg-type]
        assert found == {"model:mlp": attempt.attempt}


def test_a_manifest_of_0_1_0_has_no_conditions() -> None:
    fields = {"stage": "train", "key": "k", "params": {}, "inputs": {}, "outputs": {}, "summary": {}, "attempt": "a"}
    manifest = Manifest.from_bytes(json.dumps({**fields, "about": {}, "of a later version": 1}).encode())
    assert (manifest.conditions, manifest.input_attempts, manifest.model_sha256) == (Conditions(), {}, "")
    assert json.loads(manifest.to_bytes())["conditions"] == {}


def test_an_unreachable_store_leaves_the_attempt_before(
    runner: Runner, weights: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = runner.run(STEP).manifest
    weights.append("second")
    write = runner.store.write

    def refuses(name: str, data: bytes, **options: Any) -> str:
        if name == first.own_name:
            raise Unreachable("away")
        return write(name, data, **options)

    monkeypatch.setattr(runner.store, "write", refuses)
    with pytest.raises(Unreachable):
        runner.run(STEP, force=True)
    assert find(runner.store, "train", STEP.key) == first


def test_a_reference_is_read_as_it_was_written() -> None:
    for ref in (ModelRef("key"), ModelRef("key", "f00d")):
        assert ModelRef.parse(str(ref)) == ref
    assert ModelRef("key", "f00d").is_same(ModelRef("key"))
    assert not ModelRef("key", "f00d").is_same(ModelRef("key", "beef"))
    assert not ModelRef("key").is_same(ModelRef("other"))


@pytest.mark.parametrize("kind", ["cut short", "of a later version"])
def test_a_replaced_manifest_that_cannot_be_read_hides_no_other(
    runner: Runner, weights: list[str], kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    first = runner.run(STEP).manifest
    weights.append("second")
    runner.run(STEP, force=True)
    data = first.to_bytes()
    spoilt = data[:100] if kind == "cut short" else data.replace(b'"bytes":', b'"codec":1,"bytes":')
    runner.store.write(paths.replaced_manifest("train", STEP.key, "deadbeef"), spoilt)
    assert find_model(runner.store, STEP.key, first.model_sha256) == first
    assert ("deadbeef" in caplog.text) == (kind == "cut short")
