"""The two files of a trained model, and the names in them that are not those of the network's own tensors."""

from __future__ import annotations

from pathlib import Path

from meli_tasks.core.errors import NotFound

MODEL_FILES = ("model.json", "model.safetensors")

NGRAM_WEIGHTS = "encoder.ngram_weights"
"""The tensor in model.safetensors that is not the network's: the inverse document frequencies of the n-grams."""

NGRAM_VECTORS = "ngrams.table.weight"
"""The tensor of the network that is stored in half precision."""

FORMER_INVERSE_TEMPERATURES = "sharpness"
"""The key of `inverse_temperatures` in ensembles written up to commit 468b5c0."""


def need_model_files(folder: Path) -> None:
    """Check that a folder has both files.

    Raises:
        NotFound: one does not exist.
    """
    for name in MODEL_FILES:
        if not (folder / name).exists():
            raise NotFound(f"{folder / name} is missing: this folder does not contain a trained model")
