"""The train stage on small artifacts made here: files written, model loaded again, clear errors."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from meli_tasks.core.batch import Batch
from meli_tasks.core.errors import BadData, BadHyperparameters, LostCard, MissingArtifact, MissingDevice
from meli_tasks.core.hyperparameters import Preprocess, Train
from meli_tasks.core.networks import MLP, PooledBatch
from meli_tasks.core.text import tokenize
from meli_tasks.stages import other_cards, train
from meli_tasks.stages.log import SilentLog
from meli_tasks.stages.model_files import load_model
from meli_tasks.stages.ngram_arrays import write_ngrams
from tests.core.encoders import encoder_of

NOUNS = {"COVERS": "funda", "MUGS": "taza", "SHOES": "zapatilla", "TABLES": "mesa"}
OTHERS = ["silicona", "11", "hombre", "roja", "madera", "promo", "x3", "nueva", "ofertas"]


class Recorded(SilentLog):
    """Keeps what a stage told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def info(self, message: str) -> None:
        self.lines.append(message)


def titles_of(count: int, seed: int) -> tuple[list[str], list[int]]:
    random = np.random.default_rng(seed)
    labels = random.integers(0, len(NOUNS), count).tolist()
    nouns = [NOUNS[name] for name in sorted(NOUNS)]
    return [" ".join([nouns[label], *random.choice(OTHERS, 3)]) for label in labels], labels


@pytest.fixture
def inputs(tmp_path: Path) -> dict[str, Path]:
    folders = {name: tmp_path / name for name in ("preprocess", "embed")}
    for folder in folders.values():
        folder.mkdir()
    folder = folders["preprocess"]
    titles, _ = titles_of(300, 1)
    encoder = encoder_of(tokenize(titles, "default"), Preprocess.model_validate({"max_ngrams": 200}))
    for split, count, seed in (("train", 300, 1), ("validation", 80, 2)):
        titles, labels = titles_of(count, seed)
        encoded = encoder.encode(titles)
        for name in ("tokens", "offsets"):
            np.save(folder / f"{split}.{name}.npy", getattr(encoded, name))
        np.save(folder / f"{split}.labels.npy", np.array(labels, np.int32))
        np.save(folder / f"{split}.reliable.npy", np.ones(count, bool))
    stored = encoder.to_json()
    (folder / "vocabulary.txt").write_text("\n".join(stored.pop("words")) + "\n", encoding="utf-8")
    del stored["ngrams"], stored["ngram_weights"]
    write_ngrams(folder, encoder, encoder.words, ("train", "validation"))
    (folder / "encoder.json").write_text(json.dumps(stored), encoding="utf-8")
    (folder / "categories.json").write_text(json.dumps(sorted(NOUNS)), encoding="utf-8")
    vectors = np.random.default_rng(0).normal(size=(2 + len(encoder.words), 8)).astype(np.float32)
    vectors[0] = 0
    np.save(folders["embed"] / "vectors.npy", vectors)
    return folders


def params_of(**values: Any) -> Train:
    base = {"architecture": "mlp", "hidden": (32,), "dropout": 0.0, "epochs": 6}
    base |= {"batch_size": 16, "learning_rate": 0.05}
    return Train.model_validate(base | values)


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"ngram_dimensions": 8},
        {"architecture": "cnn", "filters": 8, "word_vectors": "trained", "ngram_dimensions": 8},
        {"architecture": "cnn", "filters": 8, "filter_lengths": (2, 9), "word_vectors": "trained"},
    ],
)
def test_a_model_learns_is_written_and_answers_raw_titles(
    inputs: dict[str, Path], tmp_path: Path, values: dict[str, Any]
) -> None:
    out, log = tmp_path / "out", Recorded()
    out.mkdir()
    summary = train.run(inputs, out, params_of(**values), log)
    assert {path.name for path in out.iterdir()} == set(train.OUTPUTS)
    assert summary["validation_balanced_accuracy"] > 0.9
    history = json.loads((out / "history.json").read_text())
    assert [entry["epoch"] for entry in history] == [1, 2, 3, 4, 5, 6]
    best = history[summary["best_epoch"] - 1]
    assert best["best"] and best["validation_balanced_accuracy"] == summary["validation_balanced_accuracy"]
    assert (out / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert any("epoch 6/6" in line for line in log.lines)

    model = load_model(out)
    titles, labels = titles_of(80, 2)
    indices, _ = model.rank(titles, top=1)
    by_category = [(indices[np.array(labels) == label, 0] == label).mean() for label in range(len(NOUNS))]
    assert model.categories == sorted(NOUNS)
    assert np.mean(by_category) == pytest.approx(summary["validation_balanced_accuracy"], abs=1e-6)


def test_the_same_inputs_give_the_same_files(inputs: dict[str, Path], tmp_path: Path) -> None:
    folders = [tmp_path / "first", tmp_path / "second"]
    for folder in folders:
        folder.mkdir()
    params = params_of(ngram_dimensions=8, dropout=0.3)
    summaries = [train.run(inputs, folder, params, SilentLog()) for folder in folders]
    assert summaries[0] == summaries[1]
    for name in ("model.safetensors", "model.json"):
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes()


def test_a_model_without_ngrams_does_not_carry_them(inputs: dict[str, Path], tmp_path: Path) -> None:
    for name, values in (("with", {"ngram_dimensions": 4}), ("without", {})):
        (tmp_path / name).mkdir()
        train.run(inputs, tmp_path / name, params_of(epochs=1, **values), SilentLog())
    with_ngrams, without = (json.loads((tmp_path / name / "model.json").read_text()) for name in ("with", "without"))
    assert len(with_ngrams["encoder"]["ngrams"]) > 50 and without["encoder"]["ngrams"] == []


def test_vectors_of_another_vocabulary_are_refused(inputs: dict[str, Path], tmp_path: Path) -> None:
    np.save(inputs["embed"] / "vectors.npy", np.zeros((3, 8), np.float32))
    with pytest.raises(BadData, match="has 3 rows, but the vocabulary asks for"):
        train.run(inputs, tmp_path, params_of(), SilentLog())


def test_missing_ngram_arrays_are_named(inputs: dict[str, Path], tmp_path: Path) -> None:
    (inputs["preprocess"] / "validation.phrases.npy").unlink()
    with pytest.raises(MissingArtifact, match=r"validation\.phrases\.npy"):
        train.run(inputs, tmp_path, params_of(ngram_dimensions=4), SilentLog())


def test_an_empty_folder_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(MissingArtifact, match=r"model\.json is missing"):
        load_model(tmp_path)


def test_weights_of_another_model_are_refused(inputs: dict[str, Path], tmp_path: Path) -> None:
    folders = [tmp_path / "narrow", tmp_path / "wide"]
    for folder, width in zip(folders, (4, 8), strict=True):
        folder.mkdir()
        train.run(inputs, folder, params_of(epochs=1, hidden=(width,)), SilentLog())
    (folders[0] / "model.safetensors").write_bytes((folders[1] / "model.safetensors").read_bytes())
    with pytest.raises(BadData, match=r"does not fit model\.json"):
        load_model(folders[0])


@pytest.mark.parametrize("damage", ["other n-grams", "cut short"])
def test_files_that_do_not_belong_together_are_bad_data(inputs: dict[str, Path], tmp_path: Path, damage: str) -> None:
    train.run(inputs, tmp_path, params_of(epochs=1, ngram_dimensions=4), SilentLog())
    weights, described = tmp_path / "model.safetensors", tmp_path / "model.json"
    if damage == "cut short":
        weights.write_bytes(weights.read_bytes()[:-100])
    else:
        model = json.loads(described.read_text())
        model["encoder"]["ngrams"].pop()
        described.write_text(json.dumps(model))
    with pytest.raises(BadData, match=r"does not fit model\.json"):
        load_model(tmp_path)


class Kept:
    """Keeps checkpoints in a folder, and may stop the training as a killed worker would."""

    def __init__(self, folder: Path, stop_after: int = 1_000) -> None:
        self.file = folder / "checkpoint"
        self.left = stop_after

    def newest(self) -> Path | None:
        if not self.file.exists():
            return None
        return Path(shutil.copy(self.file, self.file.with_name("fetched")))

    def save(self, write: Callable[[Path], None]) -> None:
        write(self.file)
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt


@pytest.mark.parametrize("values", [{"ngram_dimensions": 8, "dropout": 0.2}, {"word_vectors": "trained"}])
def test_a_killed_training_goes_on_and_ends_with_the_same_model(
    inputs: dict[str, Path], tmp_path: Path, values: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "SECONDS_BETWEEN_EPOCHS_SAVED", 0.0)
    monkeypatch.setattr(train, "MOST_OF_THE_TIME", 1e9)
    outs = [tmp_path / name for name in ("undisturbed", "killed", "resumed")]
    for out in outs:
        out.mkdir()
    train.run(inputs, outs[0], params_of(**values), SilentLog())
    with pytest.raises(KeyboardInterrupt):
        train.run(inputs, outs[1], params_of(**values), SilentLog(), checkpoints=Kept(tmp_path, stop_after=3))
    log = Recorded()
    train.run(inputs, outs[2], params_of(**values), log, checkpoints=Kept(tmp_path))
    assert any("resumed at epoch 4, step " in line for line in log.lines)
    assert (outs[2] / "model.safetensors").read_bytes() == (outs[0] / "model.safetensors").read_bytes()
    assert [entry["epoch"] for entry in json.loads((outs[2] / "history.json").read_text())] == [1, 2, 3, 4, 5, 6]


def test_without_a_card_training_falls_back_only_where_it_may(inputs: dict[str, Path], tmp_path: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a card")
    log = Recorded()
    train.run(inputs, tmp_path, params_of(epochs=1), log, device="auto")
    assert "training on the CPU, as MELI_DEVICE=auto allows" in log.lines[0]
    with pytest.raises(MissingDevice, match="MELI_DEVICE=cuda, but PyTorch sees no card"):
        train.run(inputs, tmp_path, params_of(epochs=1), SilentLog(), device="cuda")


class Asked:
    """Somebody asks a training to stop at its n-th look."""

    def __init__(self, at_look: int) -> None:
        self.left = at_look

    def asked(self) -> str | None:
        self.left -= 1
        return None if self.left > 0 else "ana at 2026-11-22T03:00:00"


def test_a_training_that_is_asked_to_stop_keeps_its_best_epoch_and_says_who_asked(
    inputs: dict[str, Path], tmp_path: Path
) -> None:
    log = Recorded()
    summary = train.run(inputs, tmp_path, params_of(epochs=500), log, stops=Asked(at_look=3))
    assert (summary["epochs_run"], summary["stopped_by"]) == (3, "ana at 2026-11-22T03:00:00")
    history = json.loads((tmp_path / "history.json").read_text())
    best = max(epoch["validation_balanced_accuracy"] for epoch in history)
    assert summary["validation_balanced_accuracy"] == best
    assert any("asked to stop by ana" in line for line in log.lines)
    load_model(tmp_path)


def test_within_an_epoch_it_looks_every_few_seconds(
    inputs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "SECONDS_BETWEEN_LOOKS", 0.0)
    clock = iter(range(1_000_000))
    monkeypatch.setattr("time.monotonic", lambda: next(clock))  # every step is told of
    summary = train.run(inputs, tmp_path, params_of(epochs=500), SilentLog(), stops=Asked(at_look=3))
    assert summary["epochs_run"] == 1


def test_a_card_that_was_full_is_told_of(
    inputs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # No card is here: the network says that it is full.
    real = MLP.pooled

    def full(network: MLP, batch: Batch | PooledBatch, words: torch.Tensor | None) -> torch.Tensor:
        pooled = real(network, batch, words)
        if network.training and len(pooled) > 20:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return pooled

    monkeypatch.setattr(MLP, "pooled", full)
    log = Recorded()
    summary = train.run(inputs, tmp_path, params_of(batch_size=64), log)
    assert summary["batch_size_used"] == 16
    assert any("memory was full with 64 titles a step: going on with 16" in line for line in log.lines)


def test_two_processes_train_it_together(inputs: dict[str, Path], tmp_path: Path) -> None:
    # No card is here: two processes on the CPU, as two cards would have them.
    outs = [tmp_path / name for name in ("alone", "together")]
    log = Recorded()
    for out, cards in zip(outs, (1, 2), strict=True):
        out.mkdir()
        train.run(inputs, out, params_of(ngram_dimensions=4, epochs=3), log, device="cpu", cards=cards)
    assert any("mlp on 2 x cpu" in line for line in log.lines)
    histories = [json.loads((out / "history.json").read_text()) for out in outs]
    for alone, together in zip(*histories, strict=True):
        assert together["validation_loss"] == pytest.approx(alone["validation_loss"], rel=1e-3)


def test_a_process_that_is_lost_ends_the_others_and_is_told_of(
    inputs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(other_cards, "PROGRAM", [sys.executable, "-c", "raise SystemExit('the card fell off the bus')"])
    monkeypatch.setattr(other_cards, "PATIENCE", timedelta(seconds=5))
    with pytest.raises(LostCard, match=r"card 1 of 2 ended before its time.*the card fell off the bus"):
        train.run(inputs, tmp_path, params_of(), SilentLog(), device="cpu", cards=2)


def test_what_cannot_be_shared_by_cards_is_refused(inputs: dict[str, Path], tmp_path: Path) -> None:
    for values, told in (
        ({"batch_size": 15}, "batches of 15 cannot be shared by 2"),
        ({"mean_over_padding": True}, "lab's"),
    ):
        with pytest.raises(BadHyperparameters, match=told):
            train.run(inputs, tmp_path, params_of(**values), SilentLog(), device="cpu", cards=2)
