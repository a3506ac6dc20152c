"""Splits must be the same for ever: golden values, and what may change in a title without moving it."""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from meli_tasks.core.text.splits import SPLITS, normalise, split_of
from meli_tasks.core.text.whitespace import collapse

titles = st.lists(st.text(max_size=40), max_size=12)


def test_golden_values() -> None:
    golden = {
        "Zapatillas Nike Revolution 5 Talle 42 Negras Originales": "train",
        "Funda Silicona Iphone 11": "train",
        "Máquina De Lavar Roupas 12 Kg": "train",
        "Bicicleta Rodado 29": "test",
        "Ração Golden 15kg": "validation",
        "Vestido De Festa Longo": "train",
        "": "train",
        "日本語 ﬁne ½ ẞ": "train",
    }
    assert [SPLITS[split] for split in split_of(list(golden))] == list(golden.values())


def test_golden_counts() -> None:
    counts = np.bincount(split_of([f"Título Número {number}" for number in range(20_000)]))
    assert counts.tolist() == [17937, 1014, 1049]


def test_case_accents_and_spaces_do_not_change_the_split() -> None:
    forms = [
        "Sillón Ñandú Infantil",
        "SILLÓN ÑANDÚ INFANTIL",
        " sillon  nandu\tinfantil\n",
        "Sillo\u0301n\u00a0Nandu Infantil",
    ]
    assert normalise(forms) == ["sillon nandu infantil"] * 4
    assert len(set(split_of(forms).tolist())) == 1


@given(titles)
def test_the_split_follows_its_definition(some: list[str]) -> None:
    digests = [blake2b(title.encode("utf-8", "surrogatepass"), digest_size=8).digest() for title in normalise(some)]
    shares = [int.from_bytes(digest, "little") % 100 for digest in digests]
    assert [SPLITS[split] for split in split_of(some)] == [
        "train" if share < 90 else "validation" if share < 95 else "test" for share in shares
    ]


def test_no_titles() -> None:
    assert split_of([]).shape == (0,)
    assert normalise([]) == []


@given(titles)
def test_the_split_does_not_depend_on_other_titles(some: list[str]) -> None:
    assert normalise(some) == [normalise([title])[0] for title in some]
    assert split_of(some).tolist() == [split_of([title])[0] for title in some]


@given(titles)
def test_normalising_is_idempotent(some: list[str]) -> None:
    assert normalise(normalise(some)) == normalise(some)


@given(titles)
def test_collapse_is_split_and_join(some: list[str]) -> None:
    assert collapse(some) == [" ".join(title.split()) for title in some]
