"""The train stage on small artifacts made here: files written, model loaded again, clear errors."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from meli_tasks.core.data.batch import Batch
from meli_tasks.core.errors import BadData, NotFound, OutOfMemory, Unreachable
from meli_tasks.core.models.classifier import TitleClassifier
from meli_tasks.core.models.networks import MLP, PooledBatch
from meli_tasks.core.training.state import State
from meli_tasks.stages import train
from meli_tasks.stages.files.model_files import load_model
from meli_tasks.stages.hooks import Hooks
from meli_tasks.stages.timings import Timings
from meli_tasks.stages.training import fitting, memory_needs, setup
from meli_tasks.stages.training.setup import read_state, write_state
from tests.stages.small_titles import NOUNS, Recorded, params_of, prepared, titles_of


@pytest.fixture
def inputs(tmp_path: Path) -> dict[str, Path]:
    return prepared(tmp_path)


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"ngram_dimensions": 8},
        {"architecture": "cnn", "filters": 8, "word_vectors": "trained", "ngram_dimensions": 8},
        {"architecture": "cnn", "filters": 8, "filter_lengths": (2, 9), "word_vectors": "trained"},
    ],
)
def test_a_trained_model_classifies_raw_titles(inputs: dict[str, Path], tmp_path: Path, values: dict[str, Any]) -> None:
    out, log = tmp_path / "out", Recorded()
    out.mkdir()
    summary = train.run(inputs, out, params_of(**values), Hooks(log))
    assert {path.name for path in out.iterdir()} == set(train.OUTPUTS)
    assert summary.validation_balanced_accuracy > 0.9
    history = json.loads((out / "history.json").read_text())
    assert [entry["epoch"] for entry in history] == [1, 2, 3, 4, 5, 6]
    best = history[summary.kept_epoch - 1]
    assert best["best"] and best["validation_balanced_accuracy"] == summary.validation_balanced_accuracy
    assert (out / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert any("epoch 6/6" in line for line in log.lines)

    model = load_model(out)
    titles, labels = titles_of(80, 2)
    indices, _ = model.rank(titles, top=1)
    by_category = [(indices[np.array(labels) == label, 0] == label).mean() for label in range(len(NOUNS))]
    assert model.categories == sorted(NOUNS)
    assert np.mean(by_category) == pytest.approx(summary.validation_balanced_accuracy, abs=1e-6)


def test_the_same_inputs_give_the_same_files(inputs: dict[str, Path], tmp_path: Path) -> None:
    folders = [tmp_path / "first", tmp_path / "second"]
    for folder in folders:
        folder.mkdir()
    params = params_of(ngram_dimensions=8, dropout=0.3)
    recorded: list[Timings] = []
    summaries = [train.run(inputs, folder, params, Hooks(record_timings=recorded.append)) for folder in folders]
    assert summaries[0] == summaries[1]
    assert [len(timings.epoch_seconds) for timings in recorded] == [summaries[0].epochs_run] * 2
    for name in train.OUTPUTS:
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes()


def test_a_model_without_ngrams_does_not_store_them(inputs: dict[str, Path], tmp_path: Path) -> None:
    for name, values in (("with", {"ngram_dimensions": 4}), ("without", {})):
        (tmp_path / name).mkdir()
        train.run(inputs, tmp_path / name, params_of(epochs=1, **values), Hooks())
    with_ngrams, without = (json.loads((tmp_path / name / "model.json").read_text()) for name in ("with", "without"))
    assert len(with_ngrams["encoder"]["ngrams"]) > 50 and without["encoder"]["ngrams"] == []


def test_vectors_of_another_vocabulary_are_rejected(inputs: dict[str, Path], tmp_path: Path) -> None:
    np.save(inputs["embed"] / "vectors.npy", np.zeros((3, 8), np.float32))
    with pytest.raises(BadData, match="has 3 rows, but the vocabulary needs"):
        train.run(inputs, tmp_path, params_of(), Hooks())


def test_missing_ngram_arrays_are_named(inputs: dict[str, Path], tmp_path: Path) -> None:
    (inputs["preprocess"] / "validation.word_ngrams.npy").unlink()
    with pytest.raises(NotFound, match=r"validation\.word_ngrams\.npy"):
        train.run(inputs, tmp_path, params_of(ngram_dimensions=4), Hooks())


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
def test_a_killed_run_resumes_to_the_same_model(
    inputs: dict[str, Path], tmp_path: Path, values: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fitting, "SECONDS_BETWEEN_EPOCH_CHECKPOINTS", 0.0)
    monkeypatch.setattr(fitting, "MAX_CHECKPOINT_FRACTION", 1e9)
    outs = [tmp_path / name for name in ("undisturbed", "killed", "resumed")]
    for out in outs:
        out.mkdir()
    train.run(inputs, outs[0], params_of(**values), Hooks())
    with pytest.raises(KeyboardInterrupt):
        train.run(inputs, outs[1], params_of(**values), Hooks(checkpoints=Kept(tmp_path, stop_after=3)))
    log = Recorded()
    train.run(inputs, outs[2], params_of(**values), Hooks(log, checkpoints=Kept(tmp_path)))
    assert any("resumed at epoch 4, step " in line for line in log.lines)
    assert (outs[2] / "model.safetensors").read_bytes() == (outs[0] / "model.safetensors").read_bytes()
    assert [entry["epoch"] for entry in json.loads((outs[2] / "history.json").read_text())] == [1, 2, 3, 4, 5, 6]


def test_without_a_gpu_training_falls_back_to_the_cpu_only_if_allowed(inputs: dict[str, Path], tmp_path: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    log = Recorded()
    train.run(inputs, tmp_path, params_of(epochs=1), Hooks(log, device="auto"))
    assert "training on the CPU, as MELI_DEVICE=auto allows" in log.lines[0]
    with pytest.raises(Unreachable, match="MELI_DEVICE=cuda, but PyTorch finds no GPU"):
        train.run(inputs, tmp_path, params_of(epochs=1), Hooks(device="cuda"))


class StopAtCheck:
    """A stop that is requested at the n-th check."""

    def __init__(self, at_check: int) -> None:
        self.left = at_check

    def requested_by(self) -> str | None:
        self.left -= 1
        return None if self.left > 0 else "ana at 2026-11-22T03:00:00"


def test_a_stopped_run_keeps_the_best_epoch_and_says_who_requested_it(inputs: dict[str, Path], tmp_path: Path) -> None:
    log = Recorded()
    summary = train.run(inputs, tmp_path, params_of(epochs=500), Hooks(log, stop_requests=StopAtCheck(at_check=3)))
    assert (summary.epochs_run, summary.stopped_by) == (3, "ana at 2026-11-22T03:00:00")
    history = json.loads((tmp_path / "history.json").read_text())
    best = max(epoch["validation_balanced_accuracy"] for epoch in history)
    assert summary.validation_balanced_accuracy == best
    assert any("stop requested by ana" in line for line in log.lines)
    load_model(tmp_path)


def test_a_stop_after_the_last_epoch_is_not_reported(inputs: dict[str, Path], tmp_path: Path) -> None:
    log = Recorded()
    summary = train.run(
        inputs, tmp_path, params_of(epochs=2, keep="last"), Hooks(log, stop_requests=StopAtCheck(at_check=2))
    )
    assert (summary.kept_epoch, summary.stopped_by) == (2, "")
    assert not any("stop requested" in line for line in log.lines)


def test_stop_requests_are_checked_every_few_seconds_within_an_epoch(
    inputs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fitting, "SECONDS_BETWEEN_STOP_CHECKS", 0.0)
    clock = iter(range(1_000_000))
    monkeypatch.setattr("time.monotonic", lambda: next(clock))  # every step is reported
    summary = train.run(inputs, tmp_path, params_of(epochs=500), Hooks(stop_requests=StopAtCheck(at_check=3)))
    assert summary.epochs_run == 1


def test_a_full_gpu_is_reported(inputs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # There is no GPU here: the network reports that the memory is full.
    real = MLP.pooled

    def full(network: MLP, batch: Batch | PooledBatch, words: torch.Tensor | None) -> torch.Tensor:
        pooled = real(network, batch, words)
        if network.training and len(pooled) > 20:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return pooled

    monkeypatch.setattr(MLP, "pooled", full)
    log = Recorded()
    summary = train.run(inputs, tmp_path, params_of(batch_size=64), Hooks(log))
    assert summary.batch_size_used == 16
    assert any("memory was full with 64 titles per step: continuing with 16" in line for line in log.lines)


def test_a_checkpoint_without_the_steps_of_each_row_is_reported_and_not_resumed(
    inputs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fitting, "SECONDS_BETWEEN_EPOCH_CHECKPOINTS", 0.0)
    monkeypatch.setattr(fitting, "MAX_CHECKPOINT_FRACTION", 1e9)
    outs, params = [tmp_path / name for name in ("undisturbed", "killed", "again")], params_of(ngram_dimensions=8)
    for out in outs:
        out.mkdir()
    train.run(inputs, outs[0], params, Hooks())
    kept = Kept(tmp_path, stop_after=3)
    with pytest.raises(KeyboardInterrupt):
        train.run(inputs, outs[1], params, Hooks(checkpoints=kept))
    state = read_state(kept.file)
    former = {name: value for name, value in state.tensors.items() if not name.startswith("optimizer.row_steps.")}
    write_state(kept.file, State(state.metadata, former))
    log = Recorded()
    train.run(inputs, outs[2], params, Hooks(log, checkpoints=Kept(tmp_path)))
    assert any("which did not count the steps" in line and "from the beginning" in line for line in log.lines)
    assert not any("resumed" in line for line in log.lines)
    assert (outs[2] / "model.safetensors").read_bytes() == (outs[0] / "model.safetensors").read_bytes()


@pytest.mark.parametrize("values", [{"hidden": (65_536, 65_536)}, {"architecture": "cnn", "filters": 8_192}])
def test_a_network_that_cannot_fit_is_refused_before_its_memory_is_allocated(
    inputs: dict[str, Path], tmp_path: Path, values: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory_needs, "memory_of", lambda _: 1_000_000)
    monkeypatch.setattr(setup, "read_titles", None)  # not even the titles are read
    with pytest.raises(OutOfMemory, match=r"needs at least [\d.,]+ GB, but this machine has 0\.0 GB.* parameters"):
        train.run(inputs, tmp_path, params_of(**values), Hooks(device="cpu"))


@pytest.mark.parametrize("values", [{"mean_over_padding": True}, {"architecture": "cnn", "max_over_padding": True}])
def test_a_model_that_sees_padding_pads_every_title_alike(
    inputs: dict[str, Path], tmp_path: Path, values: dict[str, Any]
) -> None:
    train.run(inputs, tmp_path, params_of(epochs=1, **values), Hooks())
    stored = json.loads((tmp_path / "model.json").read_text())
    assert stored["padded_to"] == 4  # all training titles have four words
    model = load_model(tmp_path)
    titles = ["funda", "taza roja", "mesa madera nueva roja promo hombre"]
    together = model.probabilities(titles)
    alone = np.concatenate([model.probabilities([title]) for title in titles])
    np.testing.assert_allclose(together, alone, rtol=1e-5)
    del stored["padded_to"]  # a model of 0.1.0 pads to the longest title of the batch, as it did
    (tmp_path / "model.json").write_text(json.dumps(stored))
    former = load_model(tmp_path)
    assert isinstance(former, TitleClassifier) and former.network.padded_to is None
