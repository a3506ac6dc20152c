"""Quotes that do not pair, and fields of several lines: what is one row, and what several."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meli_tasks.core.errors import BadData
from meli_tasks.rowfiles.reading import RowFile
from meli_tasks.rowfiles.rows import BadRow
from tests.rowfiles.row_files import ingested, predicted
from tests.stages.listings.listing_files import LENIENT, run

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


def bad_rows(path: Path) -> list[BadRow]:
    with RowFile(path) as file:
        return [bad for chunk in file.chunks() for bad in chunk.bad]


LINES_LIKE_ROWS = {
    "two columns": 'Lote, 2\nsilla,SILLAS\nmesa,MESAS\n"libro",LIBROS\nfin, ya',
    "three columns": "Lote, 2, x\nsilla,SILLAS,1\nmesa,MESAS,2\nfin, ya, x",
    "three columns, as many delimiters as rows have": "Lote, 2, x\nsilla,SILLAS,1\nmesa,MESAS,2\nfin",
    "three columns, many delimiters": "Lote, 2, x\n,,,,\n;;;;\n\n,,\nfin, ya, x",
    "three columns, doubled quotes": 'Lote 24", 2, "x"\n"silla",SILLAS,1\n"",A,""\n"mesa","MESAS","2"\nfin" , ya, x',
    "three columns, carriage returns": "Lote, 2, x\r\nsilla,SILLAS,1\r\nmesa,MESAS,2\rfin, ya, x",
}


@pytest.mark.parametrize("at", [0, 1, 2], ids=["first column", "second column", "last column"])
@pytest.mark.parametrize("case", LINES_LIKE_ROWS)
def test_a_field_whose_lines_look_like_rows_is_one_field(tmp_path: Path, case: str, at: int) -> None:
    width = 2 if case.startswith("two") else 3
    fields = ["Silla", "SILLAS", "1"][:width]
    fields[at % width] = LINES_LIKE_ROWS[case]
    text = io.StringIO(newline="")
    csv.writer(text).writerows([["title", "category", "price"][:width], *[["Mesa", "MESAS", "2"][:width], fields] * 3])
    (tmp_path / "a.csv").write_bytes(text.getvalue().encode())
    titles = ["Mesa", " ".join(fields[0].split())] * 3
    assert predicted(tmp_path / "a.csv", tmp_path) == ingested(tmp_path / "a.csv", tmp_path) == titles
    assert bad_rows(tmp_path / "a.csv") == []


def test_a_space_behind_the_closing_quote_of_several_lines_is_forgiven(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('title,category,price\n"Silla\nroja" ,A,1\nMesa,B,2\n')
    assert predicted(tmp_path / "a.csv", tmp_path) == ingested(tmp_path / "a.csv", tmp_path) == ["Silla roja", "Mesa"]


OPEN_QUOTE = 'title,category,price\n"Silla,A,1\nMesa,B,2\nSofá,A,3\nMonitor 24",B,4\nTv,A,5\n'
"""The quote behind the monitor closes that of the chair: by RFC 4180 this is one title of four lines."""


def test_quotes_that_pair_by_coincidence_are_told_apart_by_the_other_rows(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(OPEN_QUOTE)
    assert ingested(tmp_path / "a.csv", tmp_path) == ["Silla,A,1 Mesa,B,2 Sofá,A,3 Monitor 24", "Tv"]
    with RowFile(tmp_path / "a.csv") as file:
        assert [list(chunk.doubtful) for chunk in file.chunks()] == [[2]]
    summary = run(tmp_path / "a.csv", tmp_path / "out", LENIENT)
    assert "a row itself: a.csv line 2. If a quote was opened" in summary.notes()[0]
    # A quote that no field has by RFC 4180, above or below: the writer of this file does not know the rules.
    for text in (OPEN_QUOTE + 'Tv 32" led,A,5\n', OPEN_QUOTE.replace('"Silla', 'Tv 32" led,A,5\n"Silla')):
        (tmp_path / "a.csv").write_text(text)
        expected = {"Mesa", "Sofá", 'Monitor 24"', "Tv", 'Tv 32" led'}
        found = ingested(tmp_path / "a.csv", tmp_path)
        assert predicted(tmp_path / "a.csv", tmp_path) == found
        assert set(found) == expected
        [bad] = bad_rows(tmp_path / "a.csv")
        assert (bad.reason, bad.cells) == ("quote never closed", ('"Silla,A,1', "", ""))


def doubtful_lines(path: Path) -> list[int]:
    with RowFile(path) as file:
        return [line for chunk in file.chunks() for line in chunk.doubtful]


@pytest.mark.parametrize(
    ("inner", "bad"), [("Sofá, rojo,A,3", [2, 5]), ("", [2]), ("Sofá", [2, 5])], ids=["comma", "blank", "no comma"]
)
def test_an_inner_line_that_is_no_row_does_not_hide_an_open_quote(tmp_path: Path, inner: str, bad: list[int]) -> None:
    text = OPEN_QUOTE.replace("Sofá,A,3", f"Lámpara,B,3\n{inner}\nCama,A,3") + 'Tv 32" led,A,5\n'
    (tmp_path / "a.csv").write_text(text)
    found = ingested(tmp_path / "a.csv", tmp_path)
    assert predicted(tmp_path / "a.csv", tmp_path) == found
    assert set(found) == {"Mesa", "Lámpara", "Cama", 'Monitor 24"', "Tv", 'Tv 32" led'}
    assert [bad.line for bad in bad_rows(tmp_path / "a.csv")] == bad
    assert doubtful_lines(tmp_path / "a.csv") == []


@pytest.mark.parametrize(
    "swallowed",
    ["", "Sofá, rojo,A,3\nMesa,B,2\nCama, azul,A,3\n", "Mesa,B,2\nCama\n"],
    ids=["two lines", "a third of them rows", "half of them rows"],
)
def test_what_could_be_an_open_quote_is_noted_where_other_quotes_are_unruly(tmp_path: Path, swallowed: str) -> None:
    text = f'title,category,price\n"Silla,A,1\n{swallowed}Monitor 24",B,4\nTv 32" led,A,5\n'
    (tmp_path / "a.csv").write_text(text)
    assert len(ingested(tmp_path / "a.csv", tmp_path)) == 2
    assert doubtful_lines(tmp_path / "a.csv") == [2]
    # A writer who knows the rules may write such titles.
    (tmp_path / "a.csv").write_text(text.replace(' 32" led', " led"))
    assert len(ingested(tmp_path / "a.csv", tmp_path)) == 2
    assert doubtful_lines(tmp_path / "a.csv") == []


def test_a_title_longer_than_any_that_looks_like_rows_is_read_as_rows(tmp_path: Path) -> None:
    swallowed = "".join(f"Mueble {number},B\n" for number in range(200)).replace("Mueble 7,", "Mueble, 7,")
    rows = f'"Silla,A\n{swallowed}Monitor 24",B\nTv,A\n'
    (tmp_path / "a.csv").write_text(f"title,category\n{rows}")
    assert len(ingested(tmp_path / "a.csv", tmp_path)) == 201
    bad = [(row.line, row.reason) for row in bad_rows(tmp_path / "a.csv")]
    assert bad == [(2, "quote never closed"), (10, "ragged row")]
    # A column that is not read may hold fields of any length, and a title's own lines are no rows.
    (tmp_path / "b.csv").write_text(f'title,category,text\nTv,A,"{swallowed}"\n')
    (tmp_path / "c.csv").write_text(f'title,category\n"{"Silla de pino" * 20}\n' + "roja\n" * 200 + '",A\n')
    for name in ("b.csv", "c.csv"):
        assert bad_rows(tmp_path / name) == []
        with RowFile(tmp_path / name) as file:
            assert sum(len(chunk.rows) for chunk in file.chunks()) == 1


def test_unruly_quotes_far_above_are_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meli_tasks.rowfiles.opening._BLOCK_BYTES", 1 << 10)
    rows = "".join(f"Mueble {number},B,{number}\n" for number in range(9_000))
    (tmp_path / "a.csv").write_text(OPEN_QUOTE.replace('"Silla', f'Tv 32" led,A,5\n{rows}"Silla'))
    assert len(ingested(tmp_path / "a.csv", tmp_path)) == 9_005
    assert [bad.line for bad in bad_rows(tmp_path / "a.csv")] == [9_003]


@pytest.mark.parametrize("below", [0, 1, 300_000], ids=["last row", "last row but one", "many rows below"])
@pytest.mark.parametrize("rows", [30, 60_000], ids=["one block", "several blocks"])
def test_a_quote_left_open_costs_its_own_row(tmp_path: Path, rows: int, below: int) -> None:
    lines = [f"Mueble numero {number},{'AB'[number % 2]}\n" for number in range(rows + below)]
    lines.insert(rows, '"Silla de pino,A\n')
    (tmp_path / "a.csv").write_text("title,category\n" + "".join(lines))
    with RowFile(tmp_path / "a.csv") as file:
        chunks = list(file.chunks())
    assert sum(len(chunk.rows) for chunk in chunks) == rows + below
    [bad] = [bad for chunk in chunks for bad in chunk.bad]
    assert (bad.line, bad.reason) == (rows + 2, "quote never closed")
    lines_found = [line for chunk in chunks for line in chunk.lines.tolist()]
    assert lines_found == [*range(2, rows + 2), *range(rows + 3, rows + below + 3)]


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    titles=st.lists(
        st.sampled_from(["Silla", "Mesa, x", 'Tv 32" led', '"Oferta"', "a\nb", "x,y\nz,w", ""]), max_size=40
    ),
    width=st.integers(2, 4),
    data=st.data(),
)
def test_a_quote_left_open_among_all_kinds_of_titles_costs_its_own_row(
    tmp_path: Path, titles: list[str], width: int, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(titles)))
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["title", "category", "x", "y"][:width])
    writer.writerows([title, *"ABC"[: width - 1]] for title in titles[:at])
    line = text.getvalue().count("\n") + 1
    text.write('"Abierta' + ",A" * (width - 1) + "\n")
    writer.writerows([title, *"ABC"[: width - 1]] for title in titles[at:])
    (tmp_path / "a.csv").write_text(text.getvalue())
    with RowFile(tmp_path / "a.csv") as file:
        chunks = list(file.chunks())
    assert [title for chunk in chunks for title in chunk.rows.cells()[0]] == titles
    assert [(bad.line, bad.reason) for chunk in chunks for bad in chunk.bad] == [(line, "quote never closed")]


def test_many_quotes_left_open_cost_their_own_rows(tmp_path: Path) -> None:
    lines = [f"{'' if number % 3 else chr(34)}Mueble {number},A\n" for number in range(3_000)]
    (tmp_path / "a.csv").write_text("title,category\n" + "".join(lines))
    assert [bad.line for bad in bad_rows(tmp_path / "a.csv")] == list(range(2, 3_002, 3))


def test_a_ragged_record_of_several_lines_is_torn_apart_if_a_line_of_it_looks_like_a_row(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('title,category,price\n"Silla\nMesa,B,2\nMonitor 24",B,4,x\nSofá,A,3\n')
    titles = ["Mesa", "Sofá"]
    assert predicted(tmp_path / "a.csv", tmp_path) == ingested(tmp_path / "a.csv", tmp_path) == titles


def test_a_carriage_return_outside_quotes_costs_its_own_row(tmp_path: Path) -> None:
    """Some readers take it for a line end, others for a part of the field: it must not be guessed."""
    (tmp_path / "a.csv").write_bytes(b'title,category\nSilla\rroja,A\nMesa,B\r\n"Sof\ra",A\nTv,B\r\r\n')
    assert predicted(tmp_path / "a.csv", tmp_path) == ["Mesa", "Sof a", "Tv"]
    assert [(bad.line, bad.reason) for bad in bad_rows(tmp_path / "a.csv")] == [(2, "carriage return outside quotes")]


@pytest.mark.parametrize(
    ("header", "names"),
    [
        ('"Title","cate\rgory"\n', ["Title", "cate\rgory"]),
        ('title,"two\nlines, and a ""quote"""\n', ["title", 'two\nlines, and a "quote"']),
        ('\ufeff"TITLE" ;x\r\n', ["TITLE ", "x"]),
        ('title,"never closed\n', ["title", "never closed"]),
    ],
)
def test_a_header_with_quotes(tmp_path: Path, header: str, names: list[str]) -> None:
    mark = ";" if ";" in header else ","
    (tmp_path / "a.csv").write_bytes((header + f"Silla{mark}1\nMesa{mark}2\n").encode())
    with RowFile(tmp_path / "a.csv") as file:
        assert list(file.names) == names
        [chunk] = file.chunks()
    assert chunk.rows.texts(0) == ["Silla", "Mesa"]
    assert chunk.lines.tolist() == [header.count("\n") + 1, header.count("\n") + 2]


def test_a_header_with_a_carriage_return_outside_quotes_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"title,cate\rgory\nSilla,A\nMesa,B\n")
    with pytest.raises(BadData, match="carriage return outside quotes"):
        RowFile(tmp_path / "a.csv")


def test_a_delimiter_behind_every_row_makes_no_row_bad(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("title;category\nSilla;A;\nMesa;B;\nTv;A;\n")
    titles = ["Silla", "Mesa", "Tv"]
    assert predicted(tmp_path / "a.csv", tmp_path) == ingested(tmp_path / "a.csv", tmp_path) == titles
    (tmp_path / "a.csv").write_text("title;category\nSilla;A\nMesa;B;\nTv;A\n")
    assert [(bad.line, bad.reason) for bad in bad_rows(tmp_path / "a.csv")] == [(3, "ragged row")]


def test_a_line_of_delimiters_is_a_row_and_a_blank_one_is_none(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("title,category\nSilla,A\n,,,\n,\n  \n\nMesa,B\n")
    assert [(bad.line, bad.reason) for bad in bad_rows(tmp_path / "a.csv")] == [(3, "ragged row")]
    with RowFile(tmp_path / "a.csv") as file:
        [chunk] = file.chunks()
    assert (list(chunk.rows.texts(0)), chunk.lines.tolist()) == (["Silla", "", "Mesa"], [2, 4, 7])


def test_the_text_nan_is_text(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('title,category\n"nan",A\n"NULL",B\n"None",A\nNaN,"NA"\n"",B\n')
    titles = ["nan", "NULL", "None", "NaN"]
    assert predicted(tmp_path / "a.csv", tmp_path) == ingested(tmp_path / "a.csv", tmp_path) == titles
