"""The vocabulary that counts titles, against the lab's: gensim's Dictionary and its filter_extremes."""

from __future__ import annotations

import csv
import gzip
import os
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import pytest
from gensim.corpora import Dictionary
from hypothesis import given, settings
from hypothesis import strategies as st

from meli_tasks.core.hyperparameters import Preprocess
from meli_tasks.core.text.encoder import tokenize
from meli_tasks.core.text.splits import split_of
from meli_tasks.sets import catalog
from meli_tasks.stages import preprocess
from meli_tasks.stages.hooks import Hooks

REAL_TITLES = Path(os.environ.get("MELI_REAL_DATA", Path(__file__).parents[4] / "shared" / "data"))

WORDS = ["funda", "iphone", "zapatilla", "mesa", "roja", "madera", "hombre", "silla", "taza", "lámpara"]
titles_of_few_words = st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=8), min_size=3, max_size=30)


def vocabulary_of(titles: list[str], params: Preprocess) -> list[str]:
    """The words that the stage preprocess chooses for these training titles."""
    categories = [f"C{place % 2}" for place in range(len(titles))]
    table = pd.DataFrame({"row": range(len(titles) + 1), "title": [*titles, "funda"]})
    table["category"], table["label_quality"] = [*categories, "C0"], "reliable"
    table["language"], table["split"] = "spanish", [*["train"] * len(titles), "validation"]
    with TemporaryDirectory() as folder:
        listings, out = Path(folder) / "ingest", Path(folder) / "out"
        for made in (listings, out):
            made.mkdir()
        table.to_parquet(listings / "listings.parquet")
        preprocess.run({"ingest": listings}, out, params, Hooks())
        return (out / "vocabulary.txt").read_text(encoding="utf-8").split()


def gensims_of(titles: list[str], no_below: int, keep_n: int) -> Dictionary:
    dictionary = Dictionary(tokenize(titles, "lab"))
    dictionary.filter_extremes(no_below=no_below, no_above=1, keep_n=keep_n)
    return dictionary


@settings(max_examples=40, deadline=None)
@given(titles=titles_of_few_words, no_below=st.integers(1, 3), keep_n=st.integers(1, len(WORDS)))
def test_the_vocabulary_is_gensims(titles: list[list[str]], no_below: int, keep_n: int) -> None:
    texts = [" ".join(title) for title in titles]
    in_titles = Counter(word for title in titles for word in set(title))
    if max(in_titles.values()) < no_below:
        return
    params = {"tokenizer": "lab", "min_word_count": no_below, "max_words": max(keep_n, 2), "word_frequency": "titles"}
    found = vocabulary_of(texts, Preprocess.model_validate(params))
    expected = gensims_of(texts, no_below, max(keep_n, 2))
    # Of equally frequent words at the limit either may be kept: gensim prefers the word that it met first.
    assert sorted(in_titles[word] for word in found) == sorted(expected.dfs.values())
    least = min(expected.dfs.values())
    above = {word for word, count in in_titles.items() if count > least}
    assert above <= set(found) and above <= set(expected.token2id)
    if len(found) < max(keep_n, 2):
        assert set(found) == set(expected.token2id)
    assert found == sorted(found, key=lambda word: (-in_titles[word], word))


def test_occurrences_are_counted_unless_the_set_says_titles() -> None:
    titles = ["mesa mesa mesa", "silla roja", "silla taza"]
    counted = {
        frequency: vocabulary_of(titles, Preprocess(min_word_count=2, word_frequency=frequency))
        for frequency in ("occurrences", "titles")
    }
    assert counted == {"occurrences": ["mesa", "silla"], "titles": ["silla"]}


@pytest.mark.parametrize("name", ["mlp_1", "cnn_1"])
def test_the_labs_vocabulary_of_the_real_titles_is_gensims_to_the_word(name: str) -> None:
    file = REAL_TITLES / "meli_spanish.csv.gz"
    if not file.exists():
        pytest.skip(f"no real titles at {file}; MELI_REAL_DATA says where they are")
    with gzip.open(file, "rt", encoding="utf-8", newline="") as rows:
        titles = [row["title"] for row in csv.DictReader(rows)]
    titles = [title for title, split in zip(titles, split_of(titles), strict=True) if split == 0]
    params = catalog.load(name).preprocess
    found = vocabulary_of(titles, params)
    expected = gensims_of(titles, params.min_word_count, params.max_words)
    assert len(found) > 10_000
    assert set(found) == set(expected.token2id)
