"""Peers trained on the same titles: fastText's classifier and linear SVMs on TF-IDF, each by its own package.

Every function runs in its own process. It returns the seconds and CPU seconds of its training, from titles in memory
(fastText: from its text file) to a model that predicts, and the balanced accuracy on validation and test titles.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.isolated import Clock
from benchmarks.listings import balanced_accuracy, read

# Tuned on the validation titles, a single time; docs/benchmarks.md has the table.
FASTTEXT: dict[str, int | float | str] = {
    "loss": "ova", "lr": 2.0, "epoch": 10, "wordNgrams": 2, "minn": 3, "maxn": 5, "dim": 50, "bucket": 2_000_000,
}  # fmt: skip
FASTTEXT_SMALL: dict[str, int | float | str] = {"lr": 0.5, "epoch": 2, "dim": 10, "bucket": 10_000}
# Each fastText thread initialises a tenth of the vectors; the rest keeps whatever the memory held, so a single thread
# ends in NaN now and then. Hence ten threads, and a vector length divisible by ten, on as few cores as the others.
FASTTEXT_THREADS = 10
SVM_C = 1.0
LABEL = "__label__"

Predict = Callable[[Sequence[str]], list[str]]


def normalised(title: str) -> str:
    """Lower case, no accents, words separated by spaces: how titles are usually prepared for both packages."""
    bare = unicodedata.normalize("NFKD", title.lower())
    return " ".join(re.findall(r"\w+", "".join(letter for letter in bare if not unicodedata.combining(letter))))


def _accuracies(listings: str, predict: Predict) -> dict[str, float]:
    """Balanced accuracy by split."""
    splits = {split: read(Path(listings), split) for split in ("validation", "test")}
    return {split: balanced_accuracy(titles.categories, predict(titles.titles)) for split, titles in splits.items()}


def fasttext(listings: str, work: str, threads: int, epochs: int, small: bool) -> dict[str, float]:
    """Trains fastText's supervised classifier with the tuned parameters and the given number of epochs."""
    import fasttext as package  # type: ignore[import-untyped]

    package.FastText.eprint = lambda message: None
    parameters = {**FASTTEXT, **(FASTTEXT_SMALL if small else {}), "epoch": epochs}
    train, file = read(Path(listings), "train"), Path(work) / "fasttext.txt"
    lines = (
        f"{LABEL}{category} {normalised(title)}\n"
        for title, category in zip(train.titles, train.categories, strict=True)
    )
    file.write_text("".join(lines), encoding="utf-8")
    os.sched_setaffinity(0, set(sorted(os.sched_getaffinity(0))[-threads:]))
    clock = Clock()
    model = package.train_supervised(str(file), **parameters, thread=FASTTEXT_THREADS, seed=1, verbose=0)
    seconds, cpu_seconds = clock.read()

    def predict(titles: Sequence[str]) -> list[str]:
        labels, _ = model.predict([normalised(title) for title in titles])
        return [label[0].removeprefix(LABEL) for label in labels]

    return {"seconds": seconds, "cpu_seconds": cpu_seconds, **_accuracies(listings, predict)}


def linear_svm(listings: str, characters: bool) -> dict[str, float]:
    """Trains LinearSVC on TF-IDF of words and word pairs and, with `characters`, of 2 to 5 characters within words."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_pipeline, make_union
    from sklearn.svm import LinearSVC

    common: dict[str, Any] = {"preprocessor": normalised, "sublinear_tf": True}
    words = TfidfVectorizer(**common, ngram_range=(1, 2), token_pattern=r"\S+")
    letters = TfidfVectorizer(**common, analyzer="char_wb", ngram_range=(2, 5), min_df=2)
    model = make_pipeline(make_union(words, letters) if characters else words, LinearSVC(C=SVM_C))
    train = read(Path(listings), "train")
    clock = Clock()
    model.fit(train.titles, train.categories)
    seconds, cpu_seconds = clock.read()

    def predict(titles: Sequence[str]) -> list[str]:
        labels: list[str] = model.predict(titles).tolist()
        return labels

    return {"seconds": seconds, "cpu_seconds": cpu_seconds, **_accuracies(listings, predict)}
