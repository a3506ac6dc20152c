"""How titles become words: as in the lab, and by default."""

from __future__ import annotations

import csv
import gzip
import os
import re
from pathlib import Path

import pytest
from gensim.parsing import preprocessing as gensim_filters
from hypothesis import example, given
from hypothesis import strategies as st

from meli_tasks.core.errors import BadHyperparameters
from meli_tasks.core.text import tokenizers
from meli_tasks.core.text.encoder import tokenize
from meli_tasks.core.text.invisible import INVISIBLE
from meli_tasks.core.text.splits import split_of
from meli_tasks.core.text.stop_words import SPANISH
from tests.core.text.raw_titles import raw_titles

REAL_TITLES = Path(os.environ.get("MELI_REAL_DATA") or Path(__file__).parents[4] / "shared" / "data")


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
@example(["I cannot", "wanna", "¡gimme¡", "lemme", "a<b c>d gonna", "43'' LED", "x<y", "Σ ΑΣ", "gımme sofá"])
def test_lab_words_equal_the_notebooks(titles: list[str]) -> None:
    assert tokenize(titles, "lab") == [lab_words(title) for title in titles]


def test_lab_words_equal_the_notebooks_on_every_real_title() -> None:
    file = REAL_TITLES / "meli_spanish.csv.gz"
    if not file.exists():
        pytest.skip(f"no real titles at {file}; MELI_REAL_DATA says where they are")
    with gzip.open(file, "rt", encoding="utf-8", newline="") as rows:
        titles = [row["title"] for row in csv.DictReader(rows)]
    assert tokenize(titles, "lab") == [lab_words(title) for title in titles]


def test_lab_removes_digits_stop_words_and_short_words_and_keeps_accents() -> None:
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
        ("Caño 1½ 2¼'' ⅜x1⅛ ½½", ["cano", "1", "1/2", "2", "1/4", "3/8", "x1", "1/8", "1/2", "1/2"]),
        ("⅟8 1⅟8 5²⁄₃", ["1/8", "1", "1/8", "5", "2/3"]),
        ("10² m³ H₂O 2³2 5m²", ["10", "2", "m3", "h2o", "2", "3", "2", "5m2"]),
        ("Fun\u00adda Si\u200bli\u200dco\u2060na\ufeff", ["funda", "silicona"]),
        ("\u200eTV\u200f 4\u200b3\u00ad\ufe0f, ni\u034f\u0303a \u200b", ["tv", "43", "nia"]),
        ("S10+ (3d) Nº2", ["s10", "3d", "no2"]),
        ("Marca™ x²", ["marcatm", "x2"]),
        ("¡¿ - _ .,", []),
        ("", []),
    ],
)
def test_default_words(title: str, expected: list[str]) -> None:
    assert tokenize([title], "default") == [expected]


@given(raw_titles, st.sampled_from(sorted(INVISIBLE)), st.integers(0, 30))
def test_what_is_not_displayed_separates_no_words(title: str, invisible: str, at: int) -> None:
    twin = title[:at] + invisible + title[at:]
    assert tokenize([twin], "default") == tokenize([title], "default")
    assert split_of([twin]).tolist() == split_of([title]).tolist()


def test_the_lab_s_words_keep_what_is_not_displayed() -> None:
    """As NLTK does: the word is not cut, and stays another word than its twin."""
    assert tokenize(["Fun\u00adda de sili\u200bcona"], "lab") == [["fun\u00adda", "sili\u200bcona"]]


@given(raw_titles)
def test_the_default_tokenizer_is_idempotent(title: str) -> None:
    (found,) = tokenize([title], "default")
    assert tokenize([" ".join(found)], "default") == [found]
    assert not set("".join(found)) & set("#<> ")


@pytest.mark.parametrize("tokenizer", ["lab", "default"])
def test_emptying_the_cache_changes_no_words(tokenizer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    titles = ["Funda iPhone 11", "Funda Samsung S10", "Mesa ratona 1/2 uso"] * 3
    expected = tokenize(titles, tokenizer)
    monkeypatch.setattr(tokenizers, "CACHED_PIECES", 2)
    assert tokenize(titles, tokenizer) == expected


def test_unknown_tokenizer_is_named() -> None:
    with pytest.raises(BadHyperparameters, match="unknown tokenizer 'bert'; known are default, lab"):
        tokenize(["a"], "bert")
