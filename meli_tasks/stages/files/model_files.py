"""A trained model as files: model.safetensors and model.json, which together can classify raw titles."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from meli_tasks.core.errors import BadData
from meli_tasks.core.hyperparameters import Train
from meli_tasks.core.models.classifier import TitleClassifier
from meli_tasks.core.models.ensemble import Classifier, Ensemble, Member
from meli_tasks.core.models.networks import TitleNetwork, build
from meli_tasks.core.text.encoder import Encoder
from meli_tasks.stages.files.model_names import (
    FORMER_INVERSE_TEMPERATURES,
    NGRAM_VECTORS,
    NGRAM_WEIGHTS,
    need_model_files,
)


@dataclass(frozen=True)
class MemberFiles:
    """A model that becomes a member of an ensemble: its name, folder, weight and inverse temperature."""

    name: str
    folder: Path
    weight: float
    inverse_temperature: float


def read_encoder(folder: Path) -> Encoder:
    """Read the encoder that preprocess wrote."""
    stored = json.loads((folder / "encoder.json").read_text(encoding="utf-8"))
    words = (folder / "vocabulary.txt").read_text(encoding="utf-8").split("\n")
    stored |= {"words": [word for word in words if word], "ngrams": [], "ngram_weights": []}
    if (folder / "ngrams.txt").exists():
        ngrams = (folder / "ngrams.txt").read_text(encoding="utf-8").split("\n")
        stored["ngrams"] = [ngram for ngram in ngrams if ngram]
        stored["ngram_weights"] = np.load(folder / "ngram_weights.npy")
    return Encoder.from_json(stored)


def write_model(out: Path, network: TitleNetwork, encoder: Encoder, categories: list[str]) -> None:
    """Write model.safetensors (the weights of the network and of the n-grams) and model.json (everything else)."""
    tensors = {name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}
    described = encoder.to_json()
    uses_ngrams = network.ngrams is not None
    described["ngrams"] = described["ngrams"] if uses_ngrams else []
    del described["ngram_weights"]
    if uses_ngrams:
        # They are nearly all of the model's size, and their last bits do not affect its accuracy.
        tensors[NGRAM_VECTORS] = tensors[NGRAM_VECTORS].half()
    tensors[NGRAM_WEIGHTS] = torch.from_numpy(encoder.ngram_weights if uses_ngrams else np.empty(0, np.float32))
    save_file(tensors, out / "model.safetensors")
    model = {
        "train": network.params.model_dump(mode="json"),
        "word_vectors_shape": list(network.words.weight.shape),
        "ngram_count": len(described["ngrams"]),
        "padded_to": network.padded_to,
        "categories": categories,
        "encoder": described,
    }
    (out / "model.json").write_text(json.dumps(model, ensure_ascii=False), encoding="utf-8")


def write_ensemble(out: Path, members: Sequence[MemberFiles]) -> None:
    """Write several models as one into the same two files; models that share an encoder store it a single time."""
    tensors: dict[str, Tensor] = {}
    encoders: list[tuple[dict[str, Any], Tensor]] = []
    models = []
    for place, member in enumerate(members):
        stored, own = _read(member.folder)
        encoder = (stored["encoder"], own.pop(NGRAM_WEIGHTS))
        same = (at for at, other in enumerate(encoders) if other[0] == encoder[0] and other[1].equal(encoder[1]))
        number = next(same, len(encoders))
        if number == len(encoders):
            encoders.append(encoder)
        models.append({**stored, "encoder": number})
        tensors |= {f"model{place}.{name}": tensor for name, tensor in own.items()}
    tensors |= {f"encoder{place}.ngram_weights": weights for place, (_, weights) in enumerate(encoders)}
    save_file(tensors, out / "model.safetensors")
    ensemble = {
        "members": [member.name for member in members],
        "weights": [member.weight for member in members],
        "inverse_temperatures": [member.inverse_temperature for member in members],
    }
    described = {"ensemble": ensemble, "models": models, "encoders": [encoder for encoder, _ in encoders]}
    (out / "model.json").write_text(json.dumps(described, ensure_ascii=False), encoding="utf-8")


def load_model(folder: Path, threads: int | None = None, *, for_few_titles: bool = False) -> Classifier:
    """Load the classifier of a folder, on the CPU.

    Args:
        folder: The folder of a train or ensemble artifact.
        threads: The number of threads that torch uses from now on, in the whole process.
        for_few_titles: Whether to read from the files only what each title needs, and precompute nothing: a tenth of
            the time for a model that classifies a handful of titles. The files must not change until it is released.

    Raises:
        NotFound: a file does not exist.
        BadData: the two files do not belong together.
    """
    need_model_files(folder)
    if threads:
        torch.set_num_threads(threads)
    try:
        stored, tensors = _read(folder)
        if "ensemble" in stored:
            return _ensemble(stored, tensors, for_few_titles)
        return _classifier(stored, tensors, _encoder(stored["encoder"], tensors.pop(NGRAM_WEIGHTS)), for_few_titles)
    except (RuntimeError, KeyError, ValueError, SafetensorError) as error:
        raise BadData(f"{folder}: model.safetensors does not fit model.json: {error}") from error


def _read(folder: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    stored: dict[str, Any] = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    return stored, load_file(folder / "model.safetensors")


def _encoder(described: Mapping[str, Any], ngram_weights: Tensor) -> Encoder:
    return Encoder.from_json({**described, "ngram_weights": ngram_weights.numpy()})


def _classifier(
    stored: Mapping[str, Any], tensors: Mapping[str, Tensor], encoder: Encoder, for_few_titles: bool
) -> TitleClassifier:
    params = Train.model_validate(stored["train"])
    with torch.device("meta"):  # random weights that are replaced would take longer than all else
        network = build(params, tuple(stored["word_vectors_shape"]), stored["ngram_count"], len(stored["categories"]))
    if not for_few_titles:  # in memory of its own, and in single precision
        tensors = {name: tensor.clone().float() for name, tensor in tensors.items()}
    network.load_state_dict(tensors, assign=True)
    network.padded_to = stored.get("padded_to")  # missing up to 0.1.0: such predictions depend on the batch, as before
    network.seed(params.seed, torch.device("cpu"))
    return TitleClassifier(encoder, network, stored["categories"], precompute=not for_few_titles)


def _ensemble(stored: Mapping[str, Any], tensors: Mapping[str, Tensor], for_few_titles: bool) -> Ensemble:
    described = stored["ensemble"]
    encoders = [
        _encoder(encoder, tensors[f"encoder{place}.ngram_weights"]) for place, encoder in enumerate(stored["encoders"])
    ]
    classifiers = [
        _classifier(model, _with_prefix(tensors, f"model{place}."), encoders[model["encoder"]], for_few_titles)
        for place, model in enumerate(stored["models"])
    ]
    inverse_temperatures = described.get("inverse_temperatures", described.get(FORMER_INVERSE_TEMPERATURES))
    parts = zip(described["members"], classifiers, described["weights"], inverse_temperatures, strict=True)
    return Ensemble([Member(*part) for part in parts])


def _with_prefix(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
