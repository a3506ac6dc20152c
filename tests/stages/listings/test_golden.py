"""Golden titles: how their file is read, and what a model is told to have lost."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from meli_tasks.core.errors import BadData
from meli_tasks.stages.figures import GoldenResult, GoldenTitles, LostTitle
from meli_tasks.stages.listings import golden
from meli_tasks.stages.listings.golden import FILE, GoldenCheck, GoldenFile, GoldenTitle, read_golden


def file_of(folder: Path, text: str | bytes, name: str = "golden.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def pairs(file: GoldenFile) -> list[tuple[str, str, int]]:
    return [(found.title, found.category, found.line) for found in file.titles]


def test_titles_are_read_like_listings(tmp_path: Path) -> None:
    text = ' Category ;TITLE;why\nMUGS;"Taza;  azul ";a customer called\nJO\u0301YAS;Anillo de plata;\n'
    file = read_golden(file_of(tmp_path, text))
    assert pairs(file) == [("Taza; azul", "MUGS", 2), ("Anillo de plata", "J\u00d3YAS", 3)]
    assert (file.bad_rows, file.notes()) == (0, [])


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("golden.jsonl", b'{"title": "Taza azul", "category": "MUGS", "split": "x"}\n'),
        ("golden.csv", gzip.compress(b"title,category,split\nTaza azul,MUGS,none of ours\n", mtime=0)),
    ],
)
def test_other_formats_and_columns_of_listings_do_not_matter(tmp_path: Path, name: str, data: bytes) -> None:
    assert [found[:2] for found in pairs(read_golden(file_of(tmp_path, data, name)))] == [("Taza azul", "MUGS")]


def test_rows_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    data = b"title,category\nTaza azul,MUGS\n,MUGS\nTaza roja,\nTaza ca\xf1a,MUGS\na,b,c,d\n"
    file = read_golden(file_of(tmp_path, data))
    assert pairs(file) == [("Taza azul", "MUGS", 2)]
    assert file.bad_rows == len(file.first_bad) == 4
    assert [found.partition(":")[0] for found in file.first_bad] == ["line 3", "line 4", "line 5", "line 6"]
    (note,) = file.notes()
    assert note.startswith("4 rows of the golden titles cannot be used: line 3: no title, line 4: no category, line 5")


def test_a_title_that_repeats_counts_once(tmp_path: Path) -> None:
    file = read_golden(file_of(tmp_path, "title,category\nTaza azul,MUGS\nTAZA  azul,MUGS\n"))
    assert pairs(file) == [("Taza azul", "MUGS", 2)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"the file is empty \(0 bytes\)"),
        ("title,category\n", "it has no row. Rows with a title and a category were expected"),
        ("title,category\n,MUGS\n", r"none of its 1 row can be used \(line 2: no title\)"),
        ("title,categorie\nTaza,MUGS\n", "no column 'category'. Its columns: title, categorie. Is it 'categorie'"),
        ("name,category\nTaza,MUGS\n", "no column 'title'"),
        ("title,category,Title\nTaza,MUGS,x\n", "the column 'title' occurs 2 times"),
        (
            "title,category\nTaza azul,MUGS\nMesa,TABLES\ntaza AZUL,CUPS\n",
            "one title two categories: 'taza AZUL' is 'MUGS' on line 2 and 'CUPS' on line 4. Remove one",
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(BadData, match=message):
        read_golden(file_of(tmp_path, text))


def test_of_many_contradictions_the_first_are_named(tmp_path: Path) -> None:
    rows = [f"t{number},{category}" for category in "AB" for number in range(5)]
    with pytest.raises(BadData, match=r"'t2' is 'A' on line 4 and 'B' on line 9; and 2 more\. Remove"):
        read_golden(file_of(tmp_path, "\n".join(["title,category", *rows])))


def test_listings_are_no_golden_titles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(golden, "MAX_TITLES", 3)
    rows = ["title,category", *(f"t{number},A" for number in range(4))]
    assert len(read_golden(file_of(tmp_path, "\n".join(rows[:4]))).titles) == 3
    with pytest.raises(BadData, match=r"it has more than 3 rows\. Is it a file of listings"):
        read_golden(file_of(tmp_path, "\n".join(rows)))


class Model:
    """Puts every title into the category that it begins with, its first one if it knows none."""

    def __init__(self, categories: Sequence[str]) -> None:
        self.categories = list(categories)

    def rank(self, titles: Sequence[str], top: int = 5) -> tuple[np.ndarray, np.ndarray]:
        found = [next((i for i, name in enumerate(self.categories) if title.startswith(name)), 0) for title in titles]
        return np.array(found)[:, None], np.ones((len(titles), 1), np.float32)


def check_of(folder: Path, titles: Sequence[GoldenTitle], categories: Sequence[str]) -> GoldenCheck:
    (folder / FILE).write_text(GoldenFile(titles=tuple(titles)).model_dump_json())
    return GoldenCheck.of(folder, categories)


def test_a_model_loses_titles_that_it_puts_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(golden, "_CHUNK_TITLES", 2)
    titles = [GoldenTitle(title=title, category=title[0]) for title in ("A 1", "B 1", "C 1", "B 2")]
    check = check_of(tmp_path, titles, ["A", "B", "C"])
    lost = LostTitle(title="C 1", category="C", predicted="A")
    assert check.result(Model("AB")) == GoldenResult(titles=4, lost=(lost,), lost_titles=1)
    assert check.result(Model("CBA")) == GoldenResult(titles=4)


def test_a_model_of_an_older_version_writes_accents_otherwise(tmp_path: Path) -> None:
    check = check_of(tmp_path, [GoldenTitle(title="Jo\u0301 1", category="J\u00f3")], ["J\u00f3"])
    assert check.result(Model(["Jo\u0301"])) == GoldenResult(titles=1)


def test_only_the_first_lost_titles_are_named(tmp_path: Path) -> None:
    titles = [GoldenTitle(title=f"B {number}", category="B") for number in range(30)]
    result = check_of(tmp_path, titles, "AB").result(Model("A"))
    assert (result.lost_titles, len(result.lost), result.lost[0].title) == (30, 20, "B 0")


def test_titles_of_an_unknown_category_are_not_checked_and_reported(tmp_path: Path) -> None:
    titles = [GoldenTitle(title="A 1", category="A"), *(GoldenTitle(title=f"X {i}", category="TYPO") for i in "12")]
    check = check_of(tmp_path, titles, ["A", "B"])
    assert check.about == GoldenTitles(titles=1, unchecked_titles=2, unknown_categories=("TYPO",))
    assert check.result(Model("BA")) == GoldenResult(titles=1)
    assert check.about.notes() == [
        "2 of 3 golden titles were not checked, because no title of this run has the category 'TYPO': it is spelled "
        "differently in the source, or has too few rows."
    ]
