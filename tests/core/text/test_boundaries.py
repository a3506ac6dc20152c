"""Boundary tokens at both ends of a title."""

from __future__ import annotations

import pytest

from meli_tasks.core.hyperparameters import Preprocess
from meli_tasks.core.text.boundaries import BOUNDARIES
from meli_tasks.core.text.encoder import FIRST_WORD, Encoder
from meli_tasks.core.text.ngrams import ngrams_of_word
from tests.core.text.encoders import encoder_of


def test_boundary_tokens_form_word_ngrams() -> None:
    titles = [["funda", "iphone"], ["funda", "samsung"], []]
    params = Preprocess(boundaries=True, max_title_words=2, max_ngrams=1_000, min_ngram_count=2, word_ngrams=(1, 2))
    encoder = encoder_of(titles, params)
    assert encoder.words[:2] == ["<BEGIN>", "<END>"]
    assert "<BEGIN> funda" in encoder.ngrams
    of_words = {ngram for word in ("begin", "end") for ngram in ngrams_of_word(word, (1, 1), (2, 5))}
    assert not of_words & {ngram for token in BOUNDARIES for ngram in ngrams_of_word(token, (1, 1), (2, 5))}
    encoded = Encoder.from_json(encoder.to_json()).encode(["Funda samsung cara", "", "samsung funda"])
    words = [encoder.words[token - FIRST_WORD] for token in encoded.tokens.tolist()]
    assert words == ["<BEGIN>", "funda", "samsung", "<END>", "<BEGIN>", "samsung", "funda", "<END>"]
    assert encoded.offsets.tolist() == [0, 4, 4, 8]
    assert [encoder.ngrams[number] for number in encoded.word_ngrams.tolist()] == ["<BEGIN> funda"]


def test_an_encoder_stored_before_boundary_tokens_existed_has_none() -> None:
    stored = encoder_of([["funda", "iphone"]], Preprocess()).to_json()
    del stored["boundaries"]
    assert Encoder.from_json(stored).encode(["funda"]).tokens.tolist() == [2]


@pytest.mark.parametrize("boundaries", [False, True])
def test_a_title_without_a_known_word_is_not_known(boundaries: bool) -> None:
    encoder = encoder_of([["funda", "iphone"]], Preprocess(boundaries=boundaries))
    assert encoder.known(["una funda", "zzz", ""], parts=True).tolist() == [True, False, False]
