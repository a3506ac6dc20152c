"""train: one hyperparameter set to a model.

In: `preprocess` (encoded titles, encoder, categories) and `embed` (vectors.npy). Out: model.safetensors and model.json
(together all that classifying a raw title needs), history.json (an entry an epoch), curves.png.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

from meli_tasks.core.classifier import TitleClassifier
from meli_tasks.core.encoded_titles import EncodedTitles
from meli_tasks.core.errors import BadData, MissingArtifact, MissingDevice
from meli_tasks.core.hyperparameters import Section, Train
from meli_tasks.core.networks import TitleNetwork, build
from meli_tasks.core.text import FIRST_WORD, Encoder
from meli_tasks.core.training import Epoch, State, Training
from meli_tasks.stages.checkpoints import Checkpoints, NoCheckpoints
from meli_tasks.stages.curves import draw_curves
from meli_tasks.stages.log import Log

OUTPUTS = ("model.safetensors", "model.json", "history.json", "curves.png")

# A training shorter than this begins anew when it is killed; saving takes at most a twentieth of a longer one.
SECONDS_BETWEEN_EPOCHS_SAVED = 20.0
SECONDS_WITHIN_AN_EPOCH = 180.0
MOST_OF_THE_TIME = 0.05

NGRAM_WEIGHTS = "encoder.ngram_weights"
"""The tensor beside the network's own in model.safetensors: the n-grams' inverse document frequencies."""


def run(
    inputs: Mapping[str, Path],
    out: Path,
    params: Section | Mapping[str, Any],
    log: Log,
    *,
    device: str = "auto",
    checkpoints: Checkpoints | None = None,
) -> dict[str, Any]:
    """Trains and writes the model. Uses the threads torch is set to. A checkpoint that is there is gone on from.

    Device: "auto" takes CUDA where there is a card and the CPU where there is none. Errors: MissingDevice.
    """
    settings = params if isinstance(params, Train) else Train.model_validate(dict(params))
    device = chosen_device(device, log)
    folder = inputs["preprocess"]
    encoder = read_encoder(folder)
    categories = json.loads((folder / "categories.json").read_text(encoding="utf-8"))
    vectors = np.load(inputs["embed"] / "vectors.npy")
    if len(vectors) != FIRST_WORD + len(encoder.words):
        raise BadData(
            f"{inputs['embed'] / 'vectors.npy'} has {len(vectors)} rows, but the vocabulary asks for "
            f"{FIRST_WORD + len(encoder.words)}: the two come from different runs"
        )
    titles = read_titles(folder, "train", settings, device)
    validation = read_titles(folder, "validation", settings, device)
    network = build(settings, vectors.shape, len(encoder.ngrams), len(categories))
    network.words.weight.data.copy_(torch.from_numpy(vectors))
    network.to(device)
    size = parameter_counts(network)
    log.info(
        f"{settings.architecture} on {device}: {len(titles):,} training and {len(validation):,} validation titles, "
        f"{len(categories):,} categories, {size['trained']:,} of {size['all']:,} parameters train"
    )
    began = time.monotonic()
    training = Training(network, titles, validation, settings)
    epochs = _train(training, checkpoints or NoCheckpoints(), log)
    best = max(epochs, key=lambda epoch: epoch.validation_balanced_accuracy)
    kept = best if settings.keep == "best" else epochs[-1]
    seconds = time.monotonic() - began
    log.info(
        f"kept epoch {kept.epoch}: balanced accuracy {kept.validation_balanced_accuracy:.4f} on validation; "
        f"{len(epochs)} epochs in {seconds:.1f} s, {len(epochs) * len(titles) / seconds:,.0f} titles/s with validation"
    )
    write_model(out, network, encoder, categories)
    (out / "history.json").write_text(json.dumps([asdict(epoch) for epoch in epochs], indent=1), encoding="utf-8")
    draw_curves(epochs, kept.epoch, out / "curves.png")
    return {
        "best_epoch": kept.epoch,
        "validation_balanced_accuracy": kept.validation_balanced_accuracy,
        "validation_loss": kept.validation_loss,
        "train_loss": kept.train_loss,
        "epochs_run": len(epochs),
        "parameters": size["all"],
        "trained_parameters": size["trained"],
    }


def chosen_device(asked: str, log: Log) -> str:
    """ "cuda" or "cpu". Errors: MissingDevice when a card was asked for and there is none."""
    if asked == "cpu" or torch.cuda.is_available():
        return "cpu" if asked == "cpu" else "cuda"
    if asked == "cuda":
        raise MissingDevice(
            "MELI_DEVICE=cuda, but PyTorch sees no card on this machine: nvidia-smi says whether there is one, and "
            "`meli doctor` whether this PyTorch can use it. MELI_DEVICE=auto would train on the CPU instead."
        )
    log.info("there is no card on this machine: training on the CPU, as MELI_DEVICE=auto allows")
    return "cpu"


def _train(training: Training, checkpoints: Checkpoints, log: Log) -> list[Epoch]:
    _resume(training, checkpoints, log)
    pace = _Pace()
    for event in training.run():
        if isinstance(event, Epoch):
            log.epoch(asdict(event))
            log.info(
                f"epoch {event.epoch}/{training.params.epochs}: train loss {event.train_loss:.4f}, validation loss "
                f"{event.validation_loss:.4f}, balanced accuracy {event.validation_balanced_accuracy:.4f}"
                f"{' (best)' if event.best else ''}, {event.seconds:.1f} s"
            )
        else:
            log.progress(**asdict(event))
        if pace.due(isinstance(event, Epoch)):
            with pace.saving():
                checkpoints.save(lambda path: write_state(path, training.state()))
    return training.epochs


def _resume(training: Training, checkpoints: Checkpoints, log: Log) -> None:
    path = checkpoints.newest()
    if path is None:
        return
    training.resume(read_state(path))
    path.unlink()
    for epoch in training.epochs:
        log.epoch(asdict(epoch))
    log.info(f"resumed at epoch {training.epoch}, step {training.step:,} of {training.steps:,}, from a checkpoint")


class _Pace:
    """When to save: at the end of an epoch, within a long one every few minutes, and never at much cost."""

    def __init__(self) -> None:
        self._last = time.monotonic()
        self._cost = 0.0

    def due(self, epoch_ended: bool) -> bool:
        since = time.monotonic() - self._last
        shortest = SECONDS_BETWEEN_EPOCHS_SAVED if epoch_ended else SECONDS_WITHIN_AN_EPOCH
        return since >= max(shortest, self._cost / MOST_OF_THE_TIME)

    @contextmanager
    def saving(self) -> Iterator[None]:
        began = time.monotonic()
        yield
        self._last = time.monotonic()
        self._cost = self._last - began


def write_state(path: Path, state: State) -> None:
    """A training's state as one safetensors file, the plain values in its header. Errors: OSError."""
    tensors = {name: value.detach().cpu().contiguous() for name, value in state.tensors.items()}
    try:
        save_file(tensors, path, metadata={"facts": json.dumps(state.facts)})
    except SafetensorError as error:
        raise OSError(f"{path}: {error}") from error


def read_state(path: Path) -> State:
    """What `write_state` wrote."""
    with safe_open(path, framework="pt") as file:
        names: list[str] = file.keys()
        return State(json.loads(file.metadata()["facts"]), {name: file.get_tensor(name) for name in names})


def parameter_counts(network: TitleNetwork) -> dict[str, int]:
    """How many numbers the network holds, and how many of them the training may change."""
    tables = [network.words] + ([network.ngrams.table] if network.ngrams is not None else [])
    dense = sum(weight.numel() for weight in network.parameters() if weight.requires_grad)
    rows = sum(table.trained * table.weight.shape[1] for table in tables)
    return {"all": sum(weight.numel() for weight in network.parameters()), "trained": dense + rows}


def read_titles(folder: Path, split: str, params: Train, device: str) -> EncodedTitles:
    """The preprocess stage's arrays of one split, on the device; n-grams only for a set that uses them."""

    def array(name: str) -> NDArray[Any]:
        path = folder / f"{split}.{name}.npy"
        if not path.exists():
            raise MissingArtifact(f"{path} is missing: has preprocess run with this set's parameters?")
        loaded: NDArray[Any] = np.load(path, mmap_mode="r")
        return loaded

    ngrams = (array("ngrams"), array("ngram_offsets"), array("ngram_values")) if params.ngram_dimensions else None
    return EncodedTitles.from_arrays(
        (array("tokens"), array("offsets")), ngrams, array("labels"), array("reliable"), device=device
    )


def read_encoder(folder: Path) -> Encoder:
    """The encoder that the preprocess stage wrote."""
    stored = json.loads((folder / "encoder.json").read_text(encoding="utf-8"))
    words = (folder / "vocabulary.txt").read_text(encoding="utf-8").split("\n")
    stored |= {"words": [word for word in words if word], "ngrams": [], "ngram_weights": []}
    if (folder / "ngrams.txt").exists():
        ngrams = (folder / "ngrams.txt").read_text(encoding="utf-8").split("\n")
        stored["ngrams"] = [ngram for ngram in ngrams if ngram]
        stored["ngram_weights"] = np.load(folder / "ngram_weights.npy")
    return Encoder.from_json(stored)


def write_model(out: Path, network: TitleNetwork, encoder: Encoder, categories: list[str]) -> None:
    """model.safetensors (the network's weights and the n-grams') and model.json (everything else)."""
    tensors = {name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}
    described = encoder.to_json()
    uses_ngrams = network.ngrams is not None
    described["ngrams"] = described["ngrams"] if uses_ngrams else []
    del described["ngram_weights"]
    tensors[NGRAM_WEIGHTS] = torch.from_numpy(encoder.ngram_weights if uses_ngrams else np.empty(0, np.float32))
    save_file(tensors, out / "model.safetensors")
    model = {
        "train": network.params.model_dump(mode="json"),
        "word_vectors_shape": list(network.words.weight.shape),
        "ngram_count": len(described["ngrams"]),
        "categories": categories,
        "encoder": described,
    }
    (out / "model.json").write_text(json.dumps(model, ensure_ascii=False), encoding="utf-8")


def load_model(folder: Path, threads: int | None = None) -> TitleClassifier:
    """The classifier that `run` wrote, on the CPU. `threads`: torch's threads from now on, for the whole process.

    Raises MissingArtifact when a file is not there, BadData when the two do not belong together.
    """
    for name in ("model.json", "model.safetensors"):
        if not (folder / name).exists():
            raise MissingArtifact(f"{folder / name} is missing: this folder does not hold a trained model")
    if threads:
        torch.set_num_threads(threads)
    stored = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    tensors = load_file(folder / "model.safetensors")
    encoder = Encoder.from_json(stored["encoder"] | {"ngram_weights": tensors.pop(NGRAM_WEIGHTS).numpy()})
    params = Train.model_validate(stored["train"])
    network = build(params, tuple(stored["word_vectors_shape"]), stored["ngram_count"], len(stored["categories"]))
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        raise BadData(f"{folder}: model.safetensors does not fit model.json: {error}") from error
    network.seed(params.seed, torch.device("cpu"))
    return TitleClassifier(encoder, network, stored["categories"])
