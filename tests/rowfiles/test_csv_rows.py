"""Quotes that do not pair, and fields of several lines: what is one row, and what several."""

from __future__ import annotations

from pathlib import Path

from meli_tasks.rowfiles.reading import RowFile
from tests.rowfiles.row_files import ingested, predicted

QUOTES = [
    ('"Samsung" funda 40', "Samsung funda 40"),
    ('Monitor 24" led', 'Monitor 24" led'),
    ('"libro" ', "libro"),
    ('"Tv 32"" usada"', 'Tv 32" usada'),
]


def test_stray_quotes_are_read_as_training_reads_them(tmp_path: Path) -> None:
    lines = "".join(f"{written},{'AB'[at % 2]}\n" for at, (written, _) in enumerate(QUOTES))
    (tmp_path / "a.csv").write_text("title,category\n" + lines)
    expected = [title for _, title in QUOTES]
    assert predicted(tmp_path / "a.csv", tmp_path) == ingested(tmp_path / "a.csv", tmp_path) == expected


def test_a_title_of_several_lines_with_commas_is_one_title(tmp_path: Path) -> None:
    text = "title,category,price\nSilla,A,1\n" + '"Zapatilla\nmodelo, 42, azul\nnueva",B,55\n' * 3 + "Mesa,A,2\n"
    (tmp_path / "a.csv").write_text(text)
    titles = ["Silla", *["Zapatilla modelo, 42, azul nueva"] * 3, "Mesa"]
    assert predicted(tmp_path / "a.csv", tmp_path) == ingested(tmp_path / "a.csv", tmp_path) == titles


def test_a_quote_opened_by_mistake_does_not_swallow_the_rows_below(tmp_path: Path) -> None:
    """The quote behind the last title closes the first one's, so the quotes pair; but each line looks like a row."""
    (tmp_path / "a.csv").write_text('title,category,price\n"Silla,A,1\nMesa,B,2\nSofá,A,3\nMonitor 24",B,4\nTv,A,5\n')
    titles = ["Mesa", "Sofá", 'Monitor 24"', "Tv"]
    assert predicted(tmp_path / "a.csv", tmp_path) == ingested(tmp_path / "a.csv", tmp_path) == titles
    with RowFile(tmp_path / "a.csv") as file:
        [bad] = [bad for chunk in file.chunks() for bad in chunk.bad]
    assert (bad.line, bad.reason, bad.cells) == (2, "quote never closed", ('"Silla,A,1', "", ""))


def test_a_ragged_record_of_several_lines_is_torn_apart_if_a_line_of_it_looks_like_a_row(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('title,category,price\n"Silla\nMesa,B,2\nMonitor 24",B,4,x\nSofá,A,3\n')
    titles = ["Mesa", "Sofá"]
    assert predicted(tmp_path / "a.csv", tmp_path) == ingested(tmp_path / "a.csv", tmp_path) == titles
