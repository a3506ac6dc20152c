"""How the values of a listing's columns are read."""

from __future__ import annotations

from pathlib import Path
from unicodedata import normalize

import pytest

from meli_tasks.stages.listings.cleaning import category_of, language_of, similar_categories
from tests.stages.listings.listing_files import FEW, LENIENT, csv_of, listings, quarantine, run, some_rows, write


@pytest.mark.parametrize(
    ("written", "language"),
    [
        *(
            (text, "spanish")
            for text in ("es", "ES", "es-AR", "es_MX", "es-419", "spa", "Spanish", "ESPAÑOL", "espanol")
        ),
        *(
            (text, "spanish")
            for text in (normalize("NFD", "español"), "es_ES.UTF-8", "es-Latn-AR", "Castellano", "es.utf8")
        ),
        *(
            (text, "portuguese")
            for text in ("pt", "pt_BR", "PT-br", "pt-PT", "por", "Português", "portugues", "pt_BR@x")
        ),
        ("en-US", "en-us"),
        ("Italian", "italian"),
        ("especial", "especial"),
        ("\u200bes\ufeff", "spanish"),
    ],
)
def test_languages(written: str, language: str) -> None:
    assert language_of(written) == language


def test_a_category_is_composed() -> None:
    assert category_of(normalize("NFD", "CAMIÓN")) == normalize("NFC", "CAMIÓN")
    assert category_of("\u200b\ufeff") is None
    assert category_of("ﬁne ½") == "ﬁne ½"  # only canonical twins are one


def test_similar_categories() -> None:
    names = ["PHONES", "Phones", "Pho\u200bnes", "ＰＨＯＮＥＳ", "SOFAS", "S\u00adOFAS", "TABLES", "Straße", "STRASSE"]
    assert similar_categories(names) == [
        ("PHONES", "Phones", "Pho\u200bnes", "ＰＨＯＮＥＳ"),
        ("SOFAS", "S\u00adOFAS"),
        ("STRASSE", "Straße"),
    ]
    assert similar_categories(["A", "B"]) == []


def test_twins_of_a_category_are_one_and_similar_ones_a_note(tmp_path: Path) -> None:
    rows = [
        {"title": f"Título {number}", "category": category, "language": "es-AR"}
        for number in range(5)
        for category in (normalize("NFC", "CAMIÓN"), normalize("NFD", "CAMIÓN"), "Camión", "SOFAS")
    ]
    (tmp_path / "out").mkdir()
    summary = run(write(tmp_path, "a.csv", csv_of(rows)), tmp_path / "out", {**FEW, "language": "spanish"})
    assert summary.rows == 20
    assert summary.categories == 3
    assert summary.similar_categories == (("CAMIÓN", "Camión"),)
    (note,) = summary.notes()
    assert "'CAMIÓN' and 'Camión'" in note


@pytest.mark.parametrize("title", ["\u200b", "\ufeff \u00ad", "\u2060\u200e"])
def test_a_title_that_displays_nothing_is_no_title(tmp_path: Path, title: str) -> None:
    (tmp_path / "out").mkdir()
    rows = [*some_rows(), {**some_rows()[0], "title": title}]
    assert run(write(tmp_path, "a.csv", csv_of(rows)), tmp_path / "out", LENIENT).bad_by_reason == {"no title": 1}
    assert len(listings(tmp_path / "out")) == 60
    assert len(quarantine(tmp_path / "out")) == 1
