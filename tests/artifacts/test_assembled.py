"""An ensemble that was made by a runner stores no member twice, and is put together whenever it is needed."""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from meli_tasks.artifacts.cache import download
from meli_tasks.artifacts.manifest import Manifest, ModelRef, Output, need
from meli_tasks.artifacts.outputs import damage, read_file
from meli_tasks.champion import is_whole
from meli_tasks.core.errors import BadData, NotFound
from meli_tasks.core.models.ensemble import Ensemble
from meli_tasks.execution.attempts import replace as replace_attempt
from meli_tasks.execution.reuse import mark_used
from meli_tasks.execution.runner import Runner, Step
from meli_tasks.integrity import Repair, Verification
from meli_tasks.stages.files.digest import MODEL_FILES
from meli_tasks.stages.files.model_files import MemberFiles, load_model, write_ensemble
from meli_tasks.stages.files.pieces import PIECES, Pieces, write_pieces
from tests.stages.test_ensemble import WORDS, listings, model

__all__ = ["listings"]  # a fixture
MANY = [*WORDS, *(f"word{number}" for number in range(2_000))]


def publish(runner: Runner, step: Step, folder: Path) -> Manifest:
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    outputs = {name: Output(sha256(data).hexdigest(), len(data)) for name, data in files.items()}
    made = Manifest(step.stage, step.key, step.params, step.inputs, outputs, {}, "attempt1")
    for name, data in files.items():
        runner.store.write(made.file_name(name), data)
    runner.store.write(made.name, made.to_bytes())
    return made


@pytest.fixture
def members(runner: Runner, listings: Path, tmp_path: Path) -> dict[str, Manifest]:
    """Two trained models of 2,004 words in a store, which know different things."""
    knows = {"left": "funda taza", "right": "mesa zapatilla"}
    return {
        name: publish(runner, Step("train", name, {"name": name}, {}), model(tmp_path / name, words, words=MANY))
        for name, words in knows.items()
    }


@pytest.fixture
def step(runner: Runner, listings: Path, members: dict[str, Manifest]) -> Step:
    ingest = publish(runner, Step("ingest", "titles", {}, {"source": "a"}), listings)
    models = {f"model:{name}": made.key for name, made in members.items()}
    return Step("ensemble", "left, right", {}, {"ingest": ingest.key, **models})


def in_store(runner: Runner, made: Manifest) -> dict[str, int]:
    prefix = made.file_name("")
    return {each.name.removeprefix(prefix): each.size for each in runner.store.objects(prefix)}


def test_its_files_are_those_of_before_and_take_next_to_no_room(runner: Runner, step: Step, tmp_path: Path) -> None:
    made = runner.run(step).manifest
    assert made.assembled == sorted(MODEL_FILES)
    stored = in_store(runner, made)
    assert stored.keys() == {"choice.json", PIECES}
    assert sum(stored.values()) < 0.1 * sum(made.outputs[file].bytes for file in MODEL_FILES)
    runner.cache.remove(runner.cache.folder / f"ensemble/{made.key}-{made.attempt}")
    folder = runner.folder(made)
    assert isinstance(load_model(folder), Ensemble)
    summary = json.loads((folder / "model.json").read_text())["ensemble"]
    whole = tmp_path / "whole"
    whole.mkdir()
    named = zip(summary["members"], summary["weights"], summary["inverse_temperatures"], strict=True)
    write_ensemble(whole, [MemberFiles(name, tmp_path / name, weight, power) for name, weight, power in named])
    for file in MODEL_FILES:
        assert (folder / file).read_bytes() == (whole / file).read_bytes() == read_file(runner.store, made, file)
    assert damage(runner.store, made) == [] and is_whole(runner.store, made)
    assert Verification(runner.store, runner.cache, ["ensemble/"]).run().findings == []
    assert runner.run(step).hit


def test_a_damaged_member_damages_it_and_is_named(
    runner: Runner, step: Step, members: dict[str, Manifest], tmp_path: Path
) -> None:
    made, left = runner.run(step).manifest, members["left"]
    blob = runner.store.read(left.file_name("model.safetensors"))
    assert blob is not None
    runner.store.write(left.file_name("model.safetensors"), blob.data[:-1] + b"!")
    assert "model.safetensors is damaged" in damage(runner.store, made)[0]
    with pytest.raises(BadData, match=left.key):
        download(runner.store, made, "model.safetensors", tmp_path / "file")
    runner.store.delete(left.file_name("model.safetensors"))
    assert not is_whole(runner.store, made)
    with pytest.raises(NotFound, match=left.key):
        download(runner.store, made, "model.safetensors", tmp_path / "file")
    assert not (tmp_path / "file").exists()


def test_a_member_that_was_computed_again_with_the_same_bytes_serves(
    runner: Runner, step: Step, members: dict[str, Manifest]
) -> None:
    made, left = runner.run(step).manifest, members["left"]
    again = replace(left, attempt="attempt2")
    for file in left.outputs:
        blob = runner.store.read(left.file_name(file))
        assert blob is not None
        runner.store.write(again.file_name(file), blob.data)
        runner.store.delete(left.file_name(file))
    replace_attempt(runner.store, again)
    assert need(runner.store, "train", left.key).attempt == "attempt2"
    assert read_file(runner.store, made, "model.json")


def test_a_member_that_another_result_has_replaced_is_found_by_its_digest(
    runner: Runner, step: Step, members: dict[str, Manifest]
) -> None:
    made, left = runner.run(step).manifest, members["left"]
    outputs = dict.fromkeys(left.outputs, Output(sha256(b"other").hexdigest(), 5))
    replace_attempt(runner.store, replace(left, attempt="attempt2", outputs=outputs))
    assert read_file(runner.store, made, "model.safetensors")


def test_whoever_marks_it_marks_its_members(runner: Runner, step: Step, members: dict[str, Manifest]) -> None:
    made = runner.run(step).manifest
    old = replace(made, about={**made.about, "at": "2026-01-01T00:00:00+00:00"})
    for each in members.values():
        runner.store.write(each.name, each.to_bytes())
    assert mark_used(runner.store, old)
    assert all(need(runner.store, "train", each.key).used for each in members.values())
    left = replace(members["left"], pruned="2026-11-29T00:00:00+00:00")
    runner.store.write(left.name, left.to_bytes())
    assert mark_used(runner.store, old) is None


def test_an_ensemble_that_has_copies_is_read_as_before(runner: Runner, step: Step, tmp_path: Path) -> None:
    made = runner.run(step).manifest
    folder = runner.folder(made)
    copies = replace(made, attempt="copies", assembled=[])
    for file in copies.outputs:
        runner.store.upload(folder / file, copies.file_name(file))
    replace_attempt(runner.store, copies)
    assert copies.ref == made.ref == ModelRef(made.key, made.model_sha256)
    assert isinstance(load_model(runner.folder(need(runner.store, "ensemble", made.key))), Ensemble)
    assert "assembled" not in json.loads(copies.to_bytes())


def test_a_file_of_which_most_is_its_own_is_stored(tmp_path: Path) -> None:
    """The models are tiny, so that references would take more room than what they refer to."""
    inputs = {f"model:{name}": model(tmp_path / name, knows) for name, knows in {"a": "funda", "b": "mesa"}.items()}
    out = tmp_path / "out"
    out.mkdir()
    write_ensemble(out, [MemberFiles(name, folder, 0.5, 1.0) for name, folder in inputs.items()])
    write_pieces(out, inputs)
    assert not (out / PIECES).exists()
    assert Pieces().files == {}


def test_repair_computes_it_again_from_its_members(runner: Runner, step: Step) -> None:
    made = runner.run(step).manifest
    runner.store.delete(made.file_name(PIECES))
    findings = Verification(runner.store, runner.cache, ["ensemble/"]).run().findings
    assert [each.name for each in findings] == [made.name]
    [mended] = Repair(runner).run(findings)
    assert (mended.done, mended.advice) == ("computed again, with the same bytes", "")
    assert need(runner.store, "ensemble", made.key).model_sha256 == made.model_sha256
