"""The titles that ingest and predict read from a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from meli_tasks.prediction.files import predict_file
from tests.stages.listings.listing_files import LENIENT, listings, run


class Recorder:
    """A classifier that keeps the titles it gets."""

    categories: ClassVar = ["A"]

    def __init__(self) -> None:
        self.titles: list[str] = []

    def rank(self, titles: Sequence[str], top: int = 5) -> tuple[Any, Any]:
        self.titles += titles
        return np.zeros((len(titles), 1), np.int64), np.ones((len(titles), 1), np.float32)

    def known(self, titles: Sequence[str]) -> Any:
        return np.ones(len(titles), np.bool_)


def predicted(path: Path, folder: Path) -> list[str]:
    recorder = Recorder()
    predict_file(recorder, path, folder / "predicted.jsonl")
    return recorder.titles


def ingested(path: Path, folder: Path) -> list[str]:
    out = folder / "out"
    out.mkdir(exist_ok=True)
    run(path, out, LENIENT)
    return [str(row["title"]) for row in listings(out)]
