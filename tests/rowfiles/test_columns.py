"""Columns by name, whatever their case, and one name for each."""

from __future__ import annotations

import pytest

from meli_tasks.core.errors import BadData
from meli_tasks.rowfiles.columns import find_column, missing_column, refuse_twins, renamed_twins, unique_names


def test_repeated_and_nameless_columns_get_names_of_their_own() -> None:
    assert unique_names(["title", "", ""]) == ["title", "column_2", "column_3"]
    assert unique_names(["", "title"]) == ["", "title"]
    assert unique_names(["x", "x", "x_2"]) == ["x_1", "x_2_", "x_2"]


def test_columns_are_found_whatever_their_case() -> None:
    assert find_column(["id", " Título"], "título ") == 1
    assert find_column(["Title", "title"], "title", exact_first=True) == 1
    assert find_column(["name"], "title") is None


def test_twins_are_refused_whatever_their_case() -> None:
    refuse_twins("a.csv", ["title", "x", "x"], "title")
    with pytest.raises(BadData, match=r"a\.csv: the column 'title' occurs 2 times; rename all but one"):
        refuse_twins("a.csv", ["title", " Title "], "title")


def test_renamed_columns_are_listed_by_their_position() -> None:
    assert renamed_twins(["title", "", "", "x", "x"]) == {
        "(column 2)": "column_2",
        "(column 3)": "column_3",
        "x (column 4)": "x_4",
        "x (column 5)": "x_5",
    }
    assert renamed_twins(["title", ""]) == {}


@pytest.mark.parametrize(
    ("wanted", "names", "setting", "message"),
    [
        (
            "title",
            ["Titel", ""],
            "",
            "a.csv: no column 'title'. Its columns: Titel, (no name). Is it 'Titel'? Rename it",
        ),
        ("title", ["x"], "", "Its columns: a single one. Name the column 'title'."),
        ("title", ["root:$6$hash:19000", "0"], "", "Its columns: 2, which do not look like names. Name"),
        ("title", [], "", "Its columns: none."),
        ("date", [f"c{n}" for n in range(25)], "", "c19 and 5 more."),
        ("created", ["created_at"], "date_column", "Correct date_column: is it 'created_at'?"),
        ("xyz", ["title"], "date_column", "name the column with each title's date, or none"),
    ],
)
def test_the_message_about_a_missing_column(wanted: str, names: list[str], setting: str, message: str) -> None:
    assert message in missing_column("a.csv", wanted, names, setting)
