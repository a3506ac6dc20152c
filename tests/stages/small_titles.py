"""Titles of four categories as the stages before train leave them, and parameters that learn them in seconds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from meli_tasks.core.hyperparameters import Preprocess, Train
from meli_tasks.core.text.encoder import tokenize
from meli_tasks.stages.encoding.ngram_arrays import write_ngrams
from meli_tasks.stages.hooks import SilentLog
from tests.core.text.encoders import encoder_of

NOUNS = {"COVERS": "funda", "MUGS": "taza", "SHOES": "zapatilla", "TABLES": "mesa"}
OTHERS = ["silicona", "11", "hombre", "roja", "madera", "promo", "x3", "nueva", "ofertas"]


class Recorded(SilentLog):
    """Keeps the lines that a stage logged."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def info(self, message: str) -> None:
        self.lines.append(message)


def titles_of(count: int, seed: int) -> tuple[list[str], list[int]]:
    """Titles and their labels; the noun tells the category."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, len(NOUNS), count).tolist()
    nouns = [NOUNS[name] for name in sorted(NOUNS)]
    return [" ".join([nouns[label], *random.choice(OTHERS, 3)]) for label in labels], labels


def prepared(place: Path) -> dict[str, Path]:
    """The folders of preprocess and embed, made under a place."""
    folders = {name: place / name for name in ("preprocess", "embed")}
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
