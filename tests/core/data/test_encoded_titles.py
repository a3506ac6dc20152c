"""Batches of encoded titles: the words and n-grams of each title, in the requested order."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from meli_tasks.core.data.encoded_titles import EncodedTitles
from tests.core.training.small_trainings import titles_of

TITLES = titles_of(200, 2)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1_000), size=st.integers(1, 50))
def test_batches_hold_the_titles_in_the_given_order(seed: int, size: int) -> None:
    order = torch.randperm(len(TITLES), generator=torch.Generator().manual_seed(seed))
    seen: list[list[int]] = []
    word_ngrams: list[list[int]] = []
    ngrams = TITLES.ngrams
    assert ngrams is not None
    for rows, batch in TITLES.batches(order, size):
        assert len(rows) <= size
        lengths = batch.offsets.diff().tolist()
        assert batch.longest == max(lengths)
        seen += [part.tolist() for part in torch.split(batch.tokens, lengths)]
        bag = batch.ngrams
        assert bag is not None
        word_ngrams += [part.tolist() for part in torch.split(bag.word_ngrams, bag.word_ngram_offsets.diff().tolist())]
        assert torch.equal(bag.word_ngram_weights, ngrams.weights[bag.word_ngrams])
        of_word = torch.split(bag.char_ngrams, bag.char_ngram_offsets.diff().tolist())
        for token, place in zip(batch.tokens.tolist(), bag.places.tolist(), strict=True):
            assert torch.equal(of_word[place], ngrams.char_ngrams.ids[3 * token : 3 * token + 3].long())
    words = TITLES.words
    for position, row in enumerate(order.tolist()):
        assert seen[position] == words.ids[words.offsets[row] : words.offsets[row + 1]].tolist()
        known = ngrams.word_ngrams
        assert word_ngrams[position] == known.ids[known.offsets[row] : known.offsets[row + 1]].tolist()


def test_the_distinct_ngrams_of_a_title_have_norm_1() -> None:
    ngrams, words = TITLES.ngrams, TITLES.words
    assert ngrams is not None
    for row, scale in enumerate(ngrams.scales.tolist()):
        tokens = words.ids[words.offsets[row] : words.offsets[row + 1]].tolist()
        own = [number for token in tokens for number in ngrams.char_ngrams.ids[3 * token : 3 * token + 3].tolist()]
        own += ngrams.word_ngrams.ids[ngrams.word_ngrams.offsets[row] : ngrams.word_ngrams.offsets[row + 1]].tolist()
        assert (ngrams.weights[own] * scale).square().sum().item() == pytest.approx(1, rel=1e-4)


def test_words_outside_the_vocabulary_are_unknown_but_have_their_ngrams() -> None:
    char_ngrams = (np.array([0, 1, 2], np.int32), np.array([0, 0, 0, 1, 3]))
    nothing = (np.zeros(0, np.int32), np.zeros(2, np.int64))
    weights = np.ones(3, np.float32)
    titles = EncodedTitles.from_arrays(
        (np.array([2, 3], np.int32), np.array([0, 2])), 3, (char_ngrams, nothing, weights)
    )
    ((_, batch),) = titles.batches(torch.tensor([0]), 1)
    assert batch.tokens.tolist() == [2, 1]
    assert batch.ngrams is not None
    assert (batch.ngrams.places.tolist(), batch.ngrams.char_ngrams.tolist()) == ([0, 1], [0, 1, 2])
