"""A trained model for a handful of titles: the same two files as `model_files` reads, without torch.

Only what the titles need is read of the tables of vectors, which are nearly all of a model's size.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from meli_tasks.core.errors import BadData
from meli_tasks.core.hyperparameters import Train
from meli_tasks.core.models.numpy_networks import Floats, NumpyClassifier, NumpyMember, NumpyNetwork
from meli_tasks.core.text.encoder import Encoder
from meli_tasks.stages.files.model_names import (
    FORMER_INVERSE_TEMPERATURES,
    NGRAM_VECTORS,
    NGRAM_WEIGHTS,
    need_model_files,
)

WORD_VECTORS = "words.weight"


def load_numpy_model(folder: Path) -> NumpyClassifier | None:
    """Load the classifier of a folder. The files must not change until it is released.

    Returns:
        None if only torch can compute its predictions: they depend on more than a title.

    Raises:
        NotFound: a file does not exist.
        BadData: the two files do not belong together.
    """
    need_model_files(folder)
    stored = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    models = stored.get("models", [stored])
    if not all(NumpyNetwork.can_compute(Train.model_validate(one["train"]), one.get("padded_to")) for one in models):
        return None
    try:
        return NumpyClassifier(_members(stored, _Tensors(folder / "model.safetensors")))
    except (KeyError, ValueError, SafetensorError) as error:
        raise BadData(f"{folder}: model.safetensors does not fit model.json: {error}") from error


class _Tensors:
    """The tensors of a file, which is mapped into memory."""

    def __init__(self, path: Path) -> None:
        opened: Any = safe_open(path, framework="numpy")
        self._file = opened
        names: list[str] = self._file.keys()
        self.shapes = {name: tuple(self._file.get_slice(name).get_shape()) for name in names}

    def whole(self, name: str) -> Floats:
        tensor: Floats = self._file.get_tensor(name).astype(np.float32, copy=False)
        return tensor

    def rows(self, name: str) -> Callable[[NDArray[np.integer]], Floats]:
        """Reads rows of a table by their numbers."""
        table = self._file.get_slice(name)
        _, width = table.get_shape()

        def read(ids: NDArray[np.integer]) -> Floats:
            distinct, places = np.unique(ids, return_inverse=True)
            found = np.empty((len(distinct), width), np.float32)
            for at, row in enumerate(distinct.tolist()):
                found[at] = table[row : row + 1][0]
            taken: Floats = found[places]
            return taken

        return read


def _members(stored: Mapping[str, Any], tensors: _Tensors) -> list[NumpyMember]:
    if "ensemble" not in stored:
        encoder = _encoder(stored["encoder"], tensors.whole(NGRAM_WEIGHTS))
        return [NumpyMember(encoder, _network(stored, tensors, ""), stored["categories"])]
    encoders = [
        _encoder(encoder, tensors.whole(f"encoder{place}.ngram_weights"))
        for place, encoder in enumerate(stored["encoders"])
    ]
    ensemble = stored["ensemble"]
    inverse_temperatures = ensemble.get("inverse_temperatures", ensemble.get(FORMER_INVERSE_TEMPERATURES))
    parts = zip(stored["models"], ensemble["weights"], inverse_temperatures, strict=True)
    return [
        NumpyMember(
            encoders[model["encoder"]], _network(model, tensors, f"model{place}."), model["categories"], *weights
        )
        for place, (model, *weights) in enumerate(parts)
    ]


def _encoder(described: Mapping[str, Any], ngram_weights: Floats) -> Encoder:
    return Encoder.from_json({**described, "ngram_weights": ngram_weights})


def _network(stored: Mapping[str, Any], tensors: _Tensors, prefix: str) -> NumpyNetwork:
    params, tables = Train.model_validate(stored["train"]), (WORD_VECTORS, NGRAM_VECTORS)
    shapes = NumpyNetwork.shapes(
        params, tuple(stored["word_vectors_shape"]), stored["ngram_count"], len(stored["categories"])
    )
    own = {name: f"{prefix}{name}" for name in shapes}
    wrong = {full: tensors.shapes[full] for name, full in own.items() if tensors.shapes[full] != shapes[name]}
    if wrong:
        raise ValueError(f"these tensors have another shape: {wrong}")
    return NumpyNetwork(
        params,
        {name: tensors.whole(full) for name, full in own.items() if name not in tables},
        tensors.rows(own[WORD_VECTORS]),
        tensors.rows(own[NGRAM_VECTORS]) if params.ngram_dimensions else None,
        stored.get("padded_to"),
    )
