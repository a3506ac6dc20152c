"""Titles cut by Arrow and looked up by piece give the words that `tokenize` gives title by title."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from meli_tasks.core.errors import BadHyperparameters
from meli_tasks.core.text.tokenizers import tokenize
from meli_tasks.stages.encoding import word_numbers
from meli_tasks.stages.encoding.word_numbers import WordNumbers, most_frequent, pieces_of

PIECES = ["<b>", "</a href>", "cannot", "Wanna", "para", "más", "1/2", "½", "™", "funda", "FUNDA", "S10+", " ", "\t"]
pieces = st.one_of(st.sampled_from(PIECES), st.text(st.characters(codec="utf-8"), max_size=5))
titles = st.lists(pieces, max_size=7).map("".join)
batches = st.lists(st.lists(titles, max_size=5), max_size=4)


def words_by_title(numbers: WordNumbers, batch: list[str], tokenizer: str) -> list[list[str]]:
    tokens, lengths = numbers.encode(pieces_of(pa.array(batch, pa.string()), tokenizer))
    assert (tokens.dtype, lengths.dtype) == (np.int32, np.int64)
    assert len(tokens) == lengths.sum()
    words = [numbers.words[number] for number in tokens.tolist()]
    return [words[start:end] for start, end in pairwise([0, *np.cumsum(lengths).tolist()])]


@settings(deadline=None)
@given(batches, st.sampled_from(["default", "lab"]), st.integers(1, 4), st.booleans())
@example([["a<b c>d gonna", "x<y", "<<b>c>"], ["ΑΣ<b>x ΟΔΟΣ", "gımme G\u0130MME"]], "lab", 4, False)
@example([["TV 43'' Led-Smart!", "a\tb\nc"], ["funda funda funda funda funda"]], "default", 3, True)
@example([["<BEGIN> <END>", "", "-"], [""]], "default", 3, True)
def test_batches_hold_the_words_of_each_title(
    many: list[list[str]], tokenizer: str, longest: int, boundaries: bool
) -> None:
    numbers = WordNumbers(tokenizer, longest, boundaries)
    for batch in many:
        expected = [words[:longest] for words in tokenize(batch, tokenizer)]
        if boundaries:
            expected = [["<BEGIN>", *words, "<END>"] if words else [] for words in expected]
        assert words_by_title(numbers, batch, tokenizer) == expected
    assert len(numbers) == len(set(numbers.words))


def test_emptying_the_cache_changes_no_number(monkeypatch: pytest.MonkeyPatch) -> None:
    batch = [f"Funda número {number} para S{number}" for number in range(50)]
    remembering, forgetting = WordNumbers("default", 40), WordNumbers("default", 40)
    expected = [words_by_title(remembering, batch, "default") for _ in range(3)]
    monkeypatch.setattr(word_numbers, "CACHED_PIECES", 3)
    assert [words_by_title(forgetting, batch, "default") for _ in range(3)] == expected
    assert forgetting.words == remembering.words


def test_an_unknown_tokenizer_is_named() -> None:
    with pytest.raises(BadHyperparameters, match="unknown tokenizer 'bert'"):
        WordNumbers("bert", 40)


@settings(deadline=None)
@given(st.lists(st.sampled_from("abcdefgh"), max_size=40), st.integers(1, 3), st.integers(1, 9))
def test_the_most_frequent_words_equal_a_plain_sort(words: list[str], least: int, most: int) -> None:
    counted = Counter(words)
    names = sorted("abcdefgh", reverse=True)
    counts = np.array([counted[name] for name in names])
    expected = sorted((-count, word) for word, count in counted.items() if count >= least)[:most]
    assert [names[number] for number in most_frequent(names, counts, least, most)] == [word for _, word in expected]
