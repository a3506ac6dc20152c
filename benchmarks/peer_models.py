"""What others train on the same titles: fastText's classifier and linear SVMs on TF-IDF, each by its own package.

Every function runs in a process of its own and answers the seconds and processor seconds of its training, from titles
in memory (fastText: from its text file) to a model that predicts, and balanced accuracy on validation and test titles.
"""

from __future__ import annotations

import os
import re
import unicodedata
from pathlib import Path
from typing import Any

from benchmarks.apart import Clock
from benchmarks.listings import balanced_accuracy, read

# Tuned once on the validation titles; docs/benchmarks.md has the table.
FASTTEXT: dict[str, Any] = {
    "loss": "ova", "lr": 2.0, "epoch": 10, "wordNgrams": 2, "minn": 3, "maxn": 5, "dim": 50, "bucket": 2_000_000,
}  # fmt: skip
FASTTEXT_SMALL: dict[str, Any] = {"lr": 0.5, "epoch": 2, "dim": 10, "bucket": 10_000}
# fastText starts a tenth of its vectors a thread and leaves the rest as the memory was found: with one thread it ends
# in NaN now and then. So it gets ten threads, and vectors of a length that ten divides, on as few cores as the others.
FASTTEXT_THREADS = 10
SVM_C = 1.0
LABEL = "__label__"


def plain(title: str) -> str:
    """Lower case, no accents, words apart: what both packages' users do to titles."""
    bare = unicodedata.normalize("NFKD", title.lower())
    return " ".join(re.findall(r"\w+", "".join(letter for letter in bare if not unicodedata.combining(letter))))


def fasttext(listings: str, work: str, threads: int, epochs: int, small: bool) -> dict[str, float]:
    """fastText's supervised classifier, tuned, with `epochs` of its own."""
    import fasttext as package  # type: ignore[import-untyped]

    package.FastText.eprint = lambda said: None
    options = {**FASTTEXT, **(FASTTEXT_SMALL if small else {}), "epoch": epochs}
    train, file = read(Path(listings), "train"), Path(work) / "fasttext.txt"
    lines = (
        f"{LABEL}{category} {plain(title)}\n" for title, category in zip(train.titles, train.categories, strict=True)
    )
    file.write_text("".join(lines), encoding="utf-8")
    os.sched_setaffinity(0, set(sorted(os.sched_getaffinity(0))[-threads:]))
    clock = Clock()
    model = package.train_supervised(str(file), **options, thread=FASTTEXT_THREADS, seed=1, verbose=0)
    seconds, cpu_seconds = clock.read()
    found = {"seconds": seconds, "cpu_seconds": cpu_seconds}
    for split in ("validation", "test"):
        titles = read(Path(listings), split)
        answers, _ = model.predict([plain(title) for title in titles.titles])
        answered = [answer[0].removeprefix(LABEL) for answer in answers]
        found[split] = balanced_accuracy(titles.categories, answered)
    return found


def linear_svm(listings: str, characters: bool) -> dict[str, float]:
    """TF-IDF of words and pairs of words, and of characters 2 to 5 when asked, into scikit-learn's LinearSVC."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_pipeline, make_union
    from sklearn.svm import LinearSVC

    words = TfidfVectorizer(preprocessor=plain, ngram_range=(1, 2), token_pattern=r"\S+", sublinear_tf=True)
    letters = TfidfVectorizer(preprocessor=plain, analyzer="char_wb", ngram_range=(2, 5), min_df=2, sublinear_tf=True)
    model = make_pipeline(make_union(words, letters) if characters else words, LinearSVC(C=SVM_C))
    train = read(Path(listings), "train")
    clock = Clock()
    model.fit(train.titles, train.categories)
    seconds, cpu_seconds = clock.read()
    found = {"seconds": seconds, "cpu_seconds": cpu_seconds}
    for split in ("validation", "test"):
        titles = read(Path(listings), split)
        found[split] = balanced_accuracy(titles.categories, model.predict(titles.titles).tolist())
    return found
