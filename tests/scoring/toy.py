"""A model whose answers show which title they are for."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np

from meli_tasks.artifacts.manifest import Manifest


class ByLength:
    """Puts a title into the category of its length, so that a wrong row would show."""

    categories: ClassVar = [f"LENGTH_{length}" for length in range(7)]
    encoder = SimpleNamespace(words=["funda", "mesa"], tokenizer="default")

    def rank(self, titles: Sequence[str], top: int = 5) -> tuple[Any, Any]:
        first = np.array([len(title) % 7 for title in titles])
        probabilities = np.tile(np.array([0.5, 0.2, 0.1, 0.1, 0.05], np.float32)[:top], (len(titles), 1))
        probabilities[:, 0] = 0.9 - first / 10
        return (first[:, None] + np.arange(top)) % 7, probabilities

    def known(self, titles: Sequence[str]) -> Any:
        return np.array(["qwertz" not in title for title in titles], dtype=bool)


def model_named(name: str) -> Manifest:
    return Manifest("train", name * 32, {}, {}, {}, {}, "first")
