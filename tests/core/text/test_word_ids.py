"""`Encoder.encode` looks up pieces of titles; `encode_words` of the tokenized titles is the plain definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meli_tasks.core.hyperparameters import Preprocess
from meli_tasks.core.text import word_ids
from meli_tasks.core.text.encoder import Encoder, Recognized, tokenize
from tests.core.text.encoders import encoder_of
from tests.core.text.raw_titles import raw_titles

FIELDS = ("tokens", "offsets", "word_ngrams", "word_ngram_offsets", "new_char_ngrams", "new_char_ngram_offsets")
LEARNED = ["Funda Silicona iPhone 11", "mesa ratona c/ 2 sillas", "tecla <b>A</b>", "1½ litro"]
parameters = st.builds(
    Preprocess,
    tokenizer=st.sampled_from(["default", "lab"]),
    max_ngrams=st.sampled_from([0, 200]),
    min_word_count=st.just(1),
    min_ngram_count=st.just(1),
    boundaries=st.booleans(),
    max_title_words=st.sampled_from([2, 30]),
)


def encoder_with(params: Preprocess) -> Encoder:
    return encoder_of(tokenize(LEARNED, params.tokenizer), params)


def assert_plain(encoder: Encoder, titles: list[str]) -> None:
    found, expected = encoder.encode(titles), encoder.encode_words(tokenize(titles, encoder.tokenizer))
    for field in FIELDS:
        assert np.array_equal(getattr(found, field), getattr(expected, field)), field
        assert getattr(found, field).dtype == getattr(expected, field).dtype


@given(parameters, st.lists(st.lists(st.sampled_from(LEARNED) | raw_titles, max_size=6), min_size=1, max_size=4))
@settings(max_examples=60, deadline=None)
def test_titles_are_encoded_as_their_words_are(params: Preprocess, batches: list[list[str]]) -> None:
    encoder = encoder_with(params)
    for titles in batches:  # what one batch leaves behind must not change the next one
        known = encoder.known(titles, parts=True).tolist()
        assert known == [recognized_in(encoder, title) >= Recognized.PARTS for title in titles]
        assert_plain(encoder, titles)
        assert encoder.known(titles, parts=True).tolist() == known


def recognized_in(encoder: Encoder, title: str) -> Recognized:
    """By the words that reach the model."""
    kept = tokenize([title], encoder.tokenizer)[0][: encoder.max_title_words]
    return max(map(encoder.recognizes, kept), default=Recognized.IGNORED)


@pytest.mark.parametrize("tokenizer", ["default", "lab"])
def test_forgetting_pieces_changes_nothing(monkeypatch: pytest.MonkeyPatch, tokenizer: str) -> None:
    monkeypatch.setattr(word_ids, "CACHED_PIECES", 3)
    encoder = encoder_with(Preprocess(tokenizer=tokenizer, max_ngrams=200, min_ngram_count=1, boundaries=True))
    for titles in (["qwerty mesas", "<a> mesa"], ["mesa asdf", "qwerty"], ["zxcv <a> mesa"], ["mesa asdf", "qwerty"]):
        assert_plain(encoder, titles)


def test_a_part_of_the_titles_checked_last_is_found_again() -> None:
    encoder = encoder_with(Preprocess(max_ngrams=200, min_ngram_count=1))
    titles = ["mesa qwerty", "", "qwerty sillas 2", "mesa qwerty", "funda"]
    encoder.known(titles, parts=True)
    for part in (titles[1:4], titles[4:], titles[:1], titles[::-1]):
        assert_plain(encoder, part)
