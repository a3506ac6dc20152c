from __future__ import annotations

import json
import re
from collections import Counter
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

from meli_tasks.core.hyperparameters import Preprocess
from meli_tasks.core.text import encoder as text_module
from meli_tasks.core.text import word_ngrams as word_ngrams_module
from meli_tasks.core.text.encoder import FIRST_WORD, UNKNOWN, Encoder, Recognized, tokenize
from meli_tasks.core.text.ngrams import frequent_ngrams, ngrams_of_word
from meli_tasks.core.text.word_ngrams import WordNgramIndex
from tests.core.text.encoders import encoder_of
from tests.core.text.raw_titles import raw_titles

words = st.lists(st.text("abcd", min_size=1, max_size=6), max_size=7)
titles_of_words = st.lists(words, max_size=12)


def ngrams_of(words: list[str], word_range: tuple[int, int], character_range: tuple[int, int]) -> list[str]:
    """The plain definition: every n-gram of one title, repeats kept."""
    found = [ngram for word in words for ngram in ngrams_of_word(word, word_range, character_range)]
    for length in range(max(2, word_range[0]), word_range[1] + 1):
        found += [" ".join(words[start : start + length]) for start in range(len(words) - length + 1)]
    return found


@given(words, st.sampled_from([(1, 1), (1, 2), (2, 3)]), st.sampled_from([(1, 1), (2, 5), (3, 4), (8, 8)]))
def test_ngrams_equal_scikit_learns(
    words: list[str], word_range: tuple[int, int], character_range: tuple[int, int]
) -> None:
    found = Counter(ngrams_of(words, word_range, character_range))
    title = " ".join(words)
    by_word = CountVectorizer(analyzer="word", ngram_range=word_range, token_pattern=r"\S+").build_analyzer()(title)
    by_letter = CountVectorizer(analyzer="char_wb", ngram_range=character_range).build_analyzer()(title)
    marked = Counter(re.sub(" $", ">", re.sub("^ ", "<", ngram)) for ngram in by_letter if ngram != " ")
    ours = Counter({ngram[1:]: count for ngram, count in found.items() if ngram.startswith("#")})
    lone = [mark for mark in ours if mark in "<>"]  # a lone space of sklearn's may be either end of the word
    assert {ngram: count for ngram, count in found.items() if not ngram.startswith("#")} == Counter(by_word)
    assert {ngram: ours[ngram] for ngram in ours if ngram not in lone} == marked


def numbered(titles: list[list[str]]) -> tuple[list[str], np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """(words from id 2, tokens, offsets)"""
    words = sorted({word for title in titles for word in title})
    tokens = [words.index(word) + FIRST_WORD for title in titles for word in title]
    return words, np.array(tokens, np.int32), np.cumsum([0, *map(len, titles)])


@given(titles_of_words, st.sampled_from([(1, 1), (1, 3), (2, 2), (2, 3)]), st.integers(1, 3), st.integers(1, 30))
def test_frequent_ngrams_equal_a_plain_count(
    titles: list[list[str]], word_range: tuple[int, int], min_count: int, most: int
) -> None:
    counted = Counter(ngram for words in titles for ngram in ngrams_of(words, word_range, (2, 3)))
    expected = sorted((-count, ngram) for ngram, count in counted.items() if count >= min_count)[:most]
    words, tokens, offsets = numbered(titles)
    found, counts = frequent_ngrams(words, len(words), tokens, offsets, word_range, (2, 3), min_count, most)
    assert [(-count, ngram) for ngram, count in zip(found, counts.tolist(), strict=True)] == expected


def test_counting_in_chunks_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    words, tokens, offsets = numbered(
        [["funda", "funda", "mesa"], [], ["mesa"], ["silla", "mesa", "luz"], ["funda"]] * 3
    )
    expected = frequent_ngrams(words, len(words), tokens, offsets, (1, 3), (2, 4), 1, 1_000)
    monkeypatch.setattr(word_ngrams_module, "TITLES_A_CHUNK", 2)
    found = frequent_ngrams(words, len(words), tokens, offsets, (1, 3), (2, 4), 1, 1_000)
    assert found[0] == expected[0]
    assert np.array_equal(found[1], expected[1])


def test_word_ngrams_consist_of_vocabulary_words_only() -> None:
    words, tokens, offsets = numbered([["a", "b", "z"], ["a", "b", "z"]])
    found, _ = frequent_ngrams(words, 2, tokens, offsets, (1, 3), (8, 8), 1, 1_000)
    assert {ngram for ngram in found if " " in ngram} == {"a b"}
    assert "z" in found


@given(titles_of_words, st.sampled_from([(2, 2), (2, 3), (3, 3)]), st.data())
def test_known_word_ngrams_are_found_at_their_positions(
    titles: list[list[str]], lengths: tuple[int, int], data: st.DataObject
) -> None:
    _, tokens, offsets = numbered(titles)
    rows = [tokens[low:high].tolist() for low, high in pairwise(offsets.tolist())]
    every = {
        tuple(r[s : s + n]) for r in rows for n in range(lengths[0], lengths[1] + 1) for s in range(len(r) - n + 1)
    }
    known = data.draw(st.lists(st.sampled_from(sorted(every)), unique=True)) if every else []
    found, ends = WordNgramIndex.of(known, list(range(len(known)))).find(tokens, offsets)
    for row, (low, high) in zip(rows, pairwise(ends.tolist()), strict=True):
        here = [tuple(row[start : start + n]) for n in (2, 3) for start in range(len(row) - n + 1)]
        assert sorted(found[low:high].tolist()) == sorted(
            known.index(word_ngram) for word_ngram in here if word_ngram in known
        )


def test_words_are_numbered_by_frequency_then_alphabet() -> None:
    titles = [["b", "a", "c"], ["b", "c"], ["d", "b"], ["a"]]
    encoder = encoder_of(titles, Preprocess(max_words=3))
    assert encoder.words == ["b", "a", "c"]
    encoded = encoder.encode(["a b z", "", "c c"])
    assert encoded.tokens.tolist() == [3, 2, UNKNOWN, 4, 4]
    assert encoded.offsets.tolist() == [0, 3, 3, 5]
    assert encoded.tokens.dtype == np.int32
    assert encoded.offsets.dtype == np.int64
    assert len(encoded) == 3
    assert encoded.word_ngram_offsets.tolist() == [0, 0, 0, 0]


def test_rare_words_and_the_end_of_long_titles_are_excluded() -> None:
    titles = [["a", "b", "long"], ["a", "b"], ["a", "long"]]
    encoder = encoder_of(titles, Preprocess(min_word_count=2, max_title_words=2))
    assert encoder.words == ["a", "b"]
    assert encoder.encode(["a b a a"]).tokens.tolist() == [2, 3]


def test_encoding_nothing_gives_empty_arrays() -> None:
    for params in (Preprocess(), Preprocess(max_ngrams=10, min_ngram_count=1)):
        encoded = encoder_of([["a"]], params).encode([])
        assert (len(encoded), len(encoded.tokens), len(encoded.word_ngrams), len(encoded.new_char_ngrams)) == (
            0,
            0,
            0,
            0,
        )
        assert (
            encoded.word_ngram_offsets.tolist()
            == encoded.offsets.tolist()
            == encoded.new_char_ngram_offsets.tolist()
            == [0]
        )


WITH_NGRAMS = Preprocess(max_ngrams=200, min_ngram_count=1, word_ngrams=(1, 2), character_ngrams=(2, 4))


@given(titles_of_words.filter(any), titles_of_words)
@settings(max_examples=50)
def test_char_and_word_ngrams_hold_every_known_ngram(learned: list[list[str]], titles: list[list[str]]) -> None:
    encoder = encoder_of(learned, WITH_NGRAMS)
    encoded = encoder.encode_words(titles)
    values, offsets = encoder.char_ngrams_of_vocabulary()
    new = FIRST_WORD + len(encoder.words)
    for row, words in enumerate(titles):
        found = encoded.word_ngrams[encoded.word_ngram_offsets[row] : encoded.word_ngram_offsets[row + 1]].tolist()
        for token in encoded.tokens[encoded.offsets[row] : encoded.offsets[row + 1]].tolist():
            if token < new:
                found += values[offsets[token] : offsets[token + 1]].tolist()
            else:
                found += encoded.new_char_ngrams[
                    encoded.new_char_ngram_offsets[token - new] : encoded.new_char_ngram_offsets[token - new + 1]
                ].tolist()
        counted = Counter(ngrams_of(words, encoder.word_ngrams, encoder.character_ngrams))
        assert Counter(encoder.ngrams[number] for number in found) == Counter(
            {ngram: count for ngram, count in counted.items() if ngram in encoder.ngrams}
        )


def test_the_weights_of_word_ngrams_equal_scikit_learns() -> None:
    titles = ["funda iphone", "mesa de luz", "mesa funda", "luz"]  # no title has an n-gram twice
    theirs = TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"\S+").fit(titles)
    encoder = encoder_of(tokenize(titles, "default"), WITH_NGRAMS)
    ours = dict(zip(encoder.ngrams, encoder.ngram_weights.tolist(), strict=True))
    assert {ngram for ngram in ours if not ngram.startswith("#")} == set(theirs.vocabulary_)
    for ngram, column in theirs.vocabulary_.items():
        assert ours[ngram] == pytest.approx(theirs.idf_[column], rel=1e-6)


def test_new_words_have_ids_after_the_vocabulary() -> None:
    encoder = encoder_of([["mesa", "mesas"], ["silla"]], WITH_NGRAMS)
    encoded = encoder.encode(["mesita silla", "mesita xyzzy mesa"])
    new = FIRST_WORD + len(encoder.words)
    silla, mesa = (encoder.words.index(word) + FIRST_WORD for word in ("silla", "mesa"))
    assert encoded.tokens.tolist() == [new, silla, new, new + 1, mesa]
    known = encoder.char_ngrams_of(["mesita"])[0].tolist()
    assert encoded.new_char_ngrams[: encoded.new_char_ngram_offsets[1]].tolist() == known
    assert {"#<me", "#mes"} <= {encoder.ngrams[number] for number in known}
    assert encoded.new_char_ngram_offsets.tolist() == [0, len(known), len(known)]


FIELDS = ("tokens", "offsets", "word_ngrams", "word_ngram_offsets", "new_char_ngrams", "new_char_ngram_offsets")


@given(st.lists(raw_titles, min_size=1, max_size=6), st.lists(raw_titles, max_size=6))
@settings(max_examples=50)
def test_json_round_trip_encodes_the_same(learned: list[str], titles: list[str]) -> None:
    encoder = encoder_of([["a"], *tokenize(learned, "default")], WITH_NGRAMS)
    again = Encoder.from_json(json.loads(json.dumps(encoder.to_json())))
    assert again.to_json() == encoder.to_json()
    before, after = encoder.encode(titles), again.encode(titles)
    for field in FIELDS:
        assert np.array_equal(getattr(before, field), getattr(after, field)), field
        assert getattr(before, field).dtype == getattr(after, field).dtype


def test_emptying_the_cache_of_new_words_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    titles = ["funda iphone 11", "", "mesa ratona", "funda mesa funda", "silla"]
    encoder = encoder_of(tokenize(titles[:1], "default"), WITH_NGRAMS)
    expected = encoder.encode(titles)
    monkeypatch.setattr(text_module, "REMEMBERED_WORDS", 1)
    found = Encoder.from_json(encoder.to_json()).encode(titles)
    for field in FIELDS:
        assert np.array_equal(getattr(found, field), getattr(expected, field)), field


def test_a_word_is_known_by_its_parts_if_they_cover_half_of_it() -> None:
    """Nearly every nonsense has a known n-gram of two letters, so that one alone must not count."""
    params = Preprocess(min_word_count=1, max_ngrams=1_000, min_ngram_count=1, character_ngrams=(2, 5))
    encoder = encoder_of([["zapatilla", "running", "asa", "puzzle"]], params)
    titles = ["zapatila", "asdkjh qwe zzz", "qwe zapatila", "-", "puzz", "xxxpuzxxx"]
    assert encoder.known(titles, parts=True).tolist() == [True, False, True, False, True, False]
    assert not encoder.known(titles, parts=False).any()
    assert len(encoder.encode(["asdkjh"]).new_char_ngrams)
    pairs = encoder_of([["zapatilla"]], Preprocess(max_ngrams=1_000, min_ngram_count=1, character_ngrams=(2, 3)))
    assert pairs.known(["zapatila", "zaqqqqq"], parts=True).tolist() == [True, False]


def test_only_the_words_that_reach_the_model_count() -> None:
    encoder = encoder_of([["funda"]], Preprocess(max_title_words=2))
    assert encoder.known(["qwe funda", "qwe qwe funda"], parts=True).tolist() == [True, False]


def test_every_ngram_needs_a_weight() -> None:
    with pytest.raises(ValueError, match="1 n-grams, but 0 weights"):
        Encoder("default", [], ["a"], np.zeros(0, np.float32), (1, 1), (2, 2), 10)


def test_a_piece_is_recognized_by_its_best_word() -> None:
    params = Preprocess(min_word_count=1, max_ngrams=1_000, min_ngram_count=1, character_ngrams=(3, 5))
    encoder = encoder_of([["zapatilla", "running"]], params)
    found = {piece: encoder.recognizes(piece) for piece in ("Zapatilla", "zapatillas", "qwx", "-", "", "qwx-running")}
    assert found == {
        "Zapatilla": Recognized.WORD,
        "zapatillas": Recognized.PARTS,
        "qwx": Recognized.NOTHING,
        "-": Recognized.IGNORED,
        "": Recognized.IGNORED,
        "qwx-running": Recognized.WORD,
    }
