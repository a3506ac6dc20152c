"""train: one hyperparameter set to a model.

In: `preprocess` (encoded titles, encoder, categories) and `embed` (vectors.npy). Out: model.safetensors and model.json
(together all that classifying a raw title needs), history.json (an entry an epoch), curves.png.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file

from meli_tasks.core.classifier import TitleClassifier
from meli_tasks.core.errors import BadData, MissingArtifact
from meli_tasks.core.hyperparameters import Section, Train
from meli_tasks.core.networks import TitleNetwork, build
from meli_tasks.core.text import FIRST_WORD, Encoder
from meli_tasks.core.training import EncodedTitles, Epoch, train
from meli_tasks.stages.curves import draw_curves
from meli_tasks.stages.log import Log

OUTPUTS = ("model.safetensors", "model.json", "history.json", "curves.png")

NGRAM_WEIGHTS = "encoder.ngram_weights"
"""The tensor beside the network's own in model.safetensors: the n-grams' inverse document frequencies."""


def run(
    inputs: Mapping[str, Path], out: Path, params: Section | Mapping[str, Any], log: Log, device: str | None = None
) -> dict[str, Any]:
    """Trains and writes the model. Device: CUDA when there is one, unless told. Uses the threads torch is set to."""
    settings = params if isinstance(params, Train) else Train.model_validate(dict(params))
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
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
    epochs = _train(network, titles, validation, settings, log)
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


def _train(
    network: TitleNetwork, titles: EncodedTitles, validation: EncodedTitles, params: Train, log: Log
) -> list[Epoch]:
    epochs: list[Epoch] = []
    for event in train(network, titles, validation, params):
        if not isinstance(event, Epoch):
            log.progress(**asdict(event))
            continue
        epochs.append(event)
        log.info(
            f"epoch {event.epoch}/{params.epochs}: train loss {event.train_loss:.4f}, validation loss "
            f"{event.validation_loss:.4f}, balanced accuracy {event.validation_balanced_accuracy:.4f}"
            f"{' (best)' if event.best else ''}, {event.seconds:.1f} s"
        )
    return epochs


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
