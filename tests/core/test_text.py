from __future__ import annotations

import csv
import gzip
import json
import os
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from gensim.parsing import preprocessing as gensim_filters
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

from meli_tasks.core import ngrams as ngrams_module
from meli_tasks.core import text as text_module
from meli_tasks.core import tokenizers
from meli_tasks.core.errors import BadData, BadHyperparameters
from meli_tasks.core.hyperparameters import Preprocess
from meli_tasks.core.ngrams import frequent_ngrams
from meli_tasks.core.stop_words import SPANISH
from meli_tasks.core.text import UNKNOWN, Encoder, learn, ngrams_of, tokenize

REAL_TITLES = Path(os.environ.get("MELI_REAL_DATA", Path(__file__).parents[3] / "shared" / "data"))

PIECES = ["<b>", "</a href>", "cannot", "Wanna", "GIMME", "gonna", "gotta", "lemme", "para", "más", "1/2", "½", "™"]
pieces = st.one_of(st.sampled_from(PIECES), st.text(max_size=6), st.sampled_from(" \t\n<>'\"«”–.ñÉ9"))
raw_titles = st.lists(pieces, max_size=8).map("".join)
words = st.lists(st.text("abcd", min_size=1, max_size=6), max_size=7)
titles_of_words = st.lists(words, max_size=12)


def lab_words(title: str) -> list[str]:
    """The lab's notebook step by step: gensim's filters, then what is left of NLTK's word_tokenize after them."""
    text = gensim_filters.strip_tags(title.lower())
    text = gensim_filters.strip_numeric(gensim_filters.strip_punctuation(text))
    text = re.sub("([«“‘„»”’\u2012-\u2015])", r" \1 ", text)
    text = re.sub(r"\s+", " ", f" {text} ")
    for first, second in (("can", "not"), ("gim", "me"), ("gon", "na"), ("got", "ta"), ("lem", "me")):
        text = re.sub(rf"(?i)\b({first})({second})\b", r" \1 \2 ", text)
    text = re.sub(r"(?i)\b(wan)(na)(?=\s)", r" \1 \2 ", text)
    return [word for word in text.split() if word not in SPANISH and len(word) >= 3]


@given(st.lists(raw_titles, max_size=5))
@example(["I cannot", "wanna", "¡gimme¡", "lemme", "a<b c>d gonna", "43'' LED", "x<y", "Σ ΑΣ"])
def test_lab_words_are_the_notebooks(titles: list[str]) -> None:
    assert tokenize(titles, "lab") == [lab_words(title) for title in titles]


def test_lab_words_are_the_notebooks_on_every_real_title() -> None:
    file = REAL_TITLES / "meli_spanish.csv.gz"
    if not file.exists():
        pytest.skip(f"no real titles at {file}; MELI_REAL_DATA says where they are")
    with gzip.open(file, "rt", encoding="utf-8", newline="") as rows:
        titles = [row["title"] for row in csv.DictReader(rows)]
    assert tokenize(titles, "lab") == [lab_words(title) for title in titles]


def test_lab_drops_digits_stop_words_and_short_words_and_keeps_accents() -> None:
    assert tokenize(["Funda <b>Silicona</b> p/ iPhone 11 PRO, Más Algodón!"], "lab") == [
        ["funda", "silicona", "iphone", "pro", "algodón"]
    ]
    assert len(SPANISH) == 313


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Funda Silicona Iphone 11", ["funda", "silicona", "iphone", "11"]),
        ("Camión AÇÚCAR Ñandú", ["camion", "acucar", "nandu"]),
        ("Tv 43'' Led-Smart!", ["tv", "43", "led", "smart"]),
        ("Caño 1/2 x 1,5 mts ½ 2.5mm", ["cano", "1/2", "x", "1.5", "mts", "1/2", "2.5", "mm"]),
        ("S10+ (3d) Nº2", ["s10", "3d", "no2"]),
        ("Marca™ x²", ["marcatm", "x2"]),
        ("¡¿ - _ .,", []),
        ("", []),
    ],
)
def test_default_words(title: str, expected: list[str]) -> None:
    assert tokenize([title], "default") == [expected]


@given(raw_titles)
def test_default_words_of_default_words_are_themselves(title: str) -> None:
    (found,) = tokenize([title], "default")
    assert tokenize([" ".join(found)], "default") == [found]
    assert not set("".join(found)) & set("#<> ")


@pytest.mark.parametrize("tokenizer", ["lab", "default"])
def test_forgetting_pieces_changes_nothing(tokenizer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    titles = ["Funda iPhone 11", "Funda Samsung S10", "Mesa ratona 1/2 uso"] * 3
    expected = tokenize(titles, tokenizer)
    monkeypatch.setattr(tokenizers, "REMEMBERED_PIECES", 2)
    assert tokenize(titles, tokenizer) == expected


def test_unknown_tokenizer_is_named() -> None:
    with pytest.raises(BadHyperparameters, match="unknown tokenizer 'bert'; there are default, lab"):
        tokenize(["a"], "bert")


@given(words, st.sampled_from([(1, 1), (1, 2), (2, 3)]), st.sampled_from([(1, 1), (2, 5), (3, 4), (8, 8)]))
def test_ngrams_are_sklearns(words: list[str], word_range: tuple[int, int], character_range: tuple[int, int]) -> None:
    found = Counter(ngrams_of(words, word_range, character_range))
    title = " ".join(words)
    by_word = CountVectorizer(analyzer="word", ngram_range=word_range, token_pattern=r"\S+").build_analyzer()(title)
    by_letter = CountVectorizer(analyzer="char_wb", ngram_range=character_range).build_analyzer()(title)
    marked = Counter(re.sub(" $", ">", re.sub("^ ", "<", ngram)) for ngram in by_letter if ngram != " ")
    ours = Counter({ngram[1:]: count for ngram, count in found.items() if ngram.startswith("#")})
    lone = [mark for mark in ours if mark in "<>"]  # sklearn's lone space is either mark, told apart by neither
    assert {ngram: count for ngram, count in found.items() if not ngram.startswith("#")} == Counter(by_word)
    assert {ngram: ours[ngram] for ngram in ours if ngram not in lone} == marked


@given(titles_of_words, st.sampled_from([(1, 1), (1, 3), (2, 2), (2, 3)]), st.integers(1, 3), st.integers(1, 30))
def test_frequent_ngrams_are_those_of_plain_counting(
    titles: list[list[str]], word_range: tuple[int, int], min_titles: int, most: int
) -> None:
    counted = Counter(ngram for words in titles for ngram in set(ngrams_of(words, word_range, (2, 3))))
    expected = sorted((-count, ngram) for ngram, count in counted.items() if count >= min_titles)[:most]
    found, counts = frequent_ngrams(titles, word_range, (2, 3), min_titles, most)
    assert [(-count, ngram) for ngram, count in zip(found, counts.tolist(), strict=True)] == expected


def test_counting_in_chunks_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    titles = [["funda", "funda", "mesa"], [], ["mesa"], ["silla", "mesa"], ["funda"]]
    expected = frequent_ngrams(titles, (1, 2), (2, 4), 1, 1_000)
    monkeypatch.setattr(ngrams_module, "TITLES_A_CHUNK", 2)
    found = frequent_ngrams(titles, (1, 2), (2, 4), 1, 1_000)
    assert found[0] == expected[0]
    assert np.array_equal(found[1], expected[1])


def test_words_are_numbered_by_frequency_then_alphabet() -> None:
    titles = [["b", "a", "c"], ["b", "c"], ["d", "b"], ["a"]]
    encoder = learn(titles, Preprocess(max_words=3))
    assert encoder.words == ["b", "a", "c"]
    encoded = encoder.encode(["a b z", "", "c c"])
    assert encoded.tokens.tolist() == [3, 2, UNKNOWN, 4, 4]
    assert encoded.offsets.tolist() == [0, 3, 3, 5]
    assert encoded.tokens.dtype == np.int32
    assert encoded.offsets.dtype == np.int64
    assert len(encoded) == 3
    assert encoded.ngram_offsets.tolist() == [0, 0, 0, 0]


def test_rare_words_and_the_rest_of_long_titles_are_left_out() -> None:
    titles = [["a", "b", "long"], ["a", "b"], ["a", "long"]]
    encoder = learn(titles, Preprocess(min_word_count=2, max_title_words=2))
    assert encoder.words == ["a", "b"]
    assert encoder.encode(["a b a a"]).tokens.tolist() == [2, 3]


def test_titles_without_any_word_are_bad_data() -> None:
    with pytest.raises(BadData, match="none of the 2 training titles has a word left after tokenizer 'default'"):
        learn([[], []], Preprocess())


def test_encoding_nothing_gives_empty_arrays() -> None:
    for params in (Preprocess(), Preprocess(max_ngrams=10, min_ngram_titles=1)):
        encoded = learn([["a"]], params).encode([])
        assert (len(encoded), len(encoded.tokens), len(encoded.ngrams)) == (0, 0, 0)
        assert encoded.ngram_offsets.tolist() == [0]


WITH_NGRAMS = Preprocess(max_ngrams=200, min_ngram_titles=1, word_ngrams=(1, 2), character_ngrams=(2, 4))


@given(titles_of_words.filter(any), titles_of_words)
@settings(max_examples=50)
def test_ngram_values_are_plain_tf_idf(learned: list[list[str]], titles: list[list[str]]) -> None:
    encoder = learn(learned, WITH_NGRAMS)
    encoded = encoder.encode_words(titles)
    for row, words in enumerate(titles):
        counted = Counter(ngrams_of(words, encoder.word_ngrams, encoder.character_ngrams))
        weights = {
            index: (1 + np.log(counted[ngram])) * encoder.ngram_weights[index]
            for index, ngram in enumerate(encoder.ngrams)
            if counted[ngram]
        }
        low, high = encoded.ngram_offsets[row], encoded.ngram_offsets[row + 1]
        assert encoded.ngrams[low:high].tolist() == list(weights)
        norm = np.sqrt(sum(weight**2 for weight in weights.values()))
        np.testing.assert_allclose(encoded.ngram_values[low:high], [w / norm for w in weights.values()], rtol=1e-5)


def test_word_ngrams_alone_give_sklearns_matrix() -> None:
    titles = ["funda iphone funda", "mesa de luz", "mesa funda", "luz"]
    theirs = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"\S+")
    matrix = theirs.fit_transform(titles).toarray()
    # Character n-grams of 8 letters do not occur in these words but for the marked words themselves.
    params = Preprocess(max_ngrams=500, min_ngram_titles=1, character_ngrams=(8, 8))
    encoder = learn(tokenize(titles, "default"), params)
    only_words = [index for index, ngram in enumerate(encoder.ngrams) if not ngram.startswith("#")]
    ours = np.zeros((len(titles), len(encoder.ngrams)))
    encoded = encoder.encode(titles)
    rows = np.repeat(np.arange(len(titles)), np.diff(encoded.ngram_offsets))
    ours[rows, encoded.ngrams] = encoded.ngram_values
    ours = ours[:, only_words]
    ours /= np.linalg.norm(ours, axis=1, keepdims=True)
    columns = [theirs.vocabulary_[encoder.ngrams[index]] for index in only_words]
    np.testing.assert_allclose(ours, matrix[:, columns], rtol=1e-5)
    assert len(columns) == matrix.shape[1]


@given(st.lists(raw_titles, min_size=1, max_size=6), st.lists(raw_titles, max_size=6))
@settings(max_examples=50)
def test_json_round_trip_encodes_the_same(learned: list[str], titles: list[str]) -> None:
    encoder = learn([["a"], *tokenize(learned, "default")], WITH_NGRAMS)
    again = Encoder.from_json(json.loads(json.dumps(encoder.to_json())))
    assert again.to_json() == encoder.to_json()
    before, after = encoder.encode(titles), again.encode(titles)
    for field in ("tokens", "offsets", "ngrams", "ngram_offsets", "ngram_values"):
        assert np.array_equal(getattr(before, field), getattr(after, field)), field
        assert getattr(before, field).dtype == getattr(after, field).dtype


def test_encoding_in_chunks_and_forgetting_words_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    titles = ["funda iphone 11", "", "mesa ratona", "funda mesa funda", "silla"]
    encoder = learn(tokenize(titles, "default"), WITH_NGRAMS)
    expected = encoder.encode(titles)
    monkeypatch.setattr(text_module, "TITLES_A_CHUNK", 2)
    monkeypatch.setattr(text_module, "REMEMBERED_WORDS", 1)
    found = Encoder.from_json(encoder.to_json()).encode(titles)
    assert np.array_equal(found.ngrams, expected.ngrams)
    assert np.array_equal(found.ngram_offsets, expected.ngram_offsets)
    assert np.array_equal(found.ngram_values, expected.ngram_values)
    assert np.array_equal(found.tokens, expected.tokens)


def test_ngrams_and_weights_must_be_as_many() -> None:
    with pytest.raises(ValueError, match="1 n-grams, but 0 weights"):
        Encoder("default", [], ["a"], np.zeros(0, np.float32), (1, 1), (2, 2), 10)
