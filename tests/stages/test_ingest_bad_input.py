"""Ingest of bad input: every kind of bad row is reported and costs no other row, and no bad file gets through."""

from __future__ import annotations

import gzip
import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from meli_tasks.core.errors import BadData, DiskFull
from tests.stages.listings.listing_files import (
    FEW,
    LENIENT,
    as_parquet,
    csv_of,
    listings,
    quarantine,
    run,
    some_rows,
    write,
)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


BAD_ROWS = {
    "no title": b",reliable,spanish,CHAIRS,\n",
    "no title, only spaces": b"  \t ,reliable,spanish,CHAIRS,\n",
    "no category": b"Silla,reliable,spanish,,train\n",
    "title too long": b"x" * 1_001 + b",reliable,spanish,CHAIRS,\n",
    "title too long, 10 MB": b"x" * 10_000_000 + b",reliable,spanish,CHAIRS,\n",
    "title too long, 10 MB in quotes": b'"' + b"x y\n" * 2_500_000 + b'",reliable,spanish,CHAIRS,\n',
    "bad encoding": "Sillón,reliable,spanish,CHAIRS,\n".encode("latin-1"),
    "ragged row": b"Silla, de pino,reliable,spanish,CHAIRS,\n",
    "ragged row, short": b"Silla\n",
    "quote never closed": b'"Silla,reliable,spanish,CHAIRS,\n',
    "unknown split": b"Silla,reliable,spanish,CHAIRS,holdout\n",
}


@pytest.mark.parametrize("last", [False, True], ids=["amid others", "at the end"])
@pytest.mark.parametrize("case", BAD_ROWS)
def test_a_bad_row_goes_to_quarantine_and_costs_no_other(tmp_path: Path, out: Path, case: str, last: bool) -> None:
    rows = [{**row, "split": ""} for row in some_rows()]
    good = csv_of(rows)
    lines = good.splitlines(keepends=True)
    at = len(lines) if last else 31
    summary = run(write(tmp_path, "a.csv", b"".join([*lines[:at], BAD_ROWS[case], *lines[at:]])), out, LENIENT)
    reason = case.split(",", maxsplit=1)[0]
    assert summary.bad_by_reason == {reason: 1}
    (bad,) = quarantine(out)
    assert (bad["file"], bad["line"], bad["reason"]) == ("a.csv", at + 1, reason)
    assert len(bad["seen"]) <= 900
    assert [row["title"] for row in listings(out)] == [row["title"] for row in rows]


def test_lines_are_counted_through_blocks_of_every_kind(
    tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blocks that Arrow reads, and between them some that it leaves alone."""
    monkeypatch.setattr("meli_tasks.rowfiles.opening._BLOCK_BYTES", 300)
    monkeypatch.setattr("meli_tasks.rowfiles.reading._START_BYTES", 5)
    lines = csv_of([{"title": f"Silla {number}", "category": "AB"[number % 2]} for number in range(200)]).splitlines(
        True
    )
    lines[20:20] = [b"\n", b"Mesa,\n"]
    lines[90:90] = [b'"de\n', b'pino",A\n', b"ragged\n"]
    lines[150:150] = [b'"never closed,B\n']
    summary = run(write(tmp_path, "a.csv", b"".join(lines)), out, LENIENT)
    assert [(bad["line"], bad["reason"]) for bad in quarantine(out)] == [
        (22, "no category"),
        (93, "ragged row"),
        (151, "quote never closed"),
    ]
    assert summary.rows == 201
    assert [row["title"] for row in listings(out) if row["title"] != "de pino"] == [f"Silla {n}" for n in range(200)]


def test_bytes_that_are_not_utf8_are_shown_as_such(tmp_path: Path, out: Path) -> None:
    data = b"title,category\nMesa,TABLES\nSill\xf3n,CHAIRS\nSilla,CHAIRS\n"
    run(write(tmp_path, "a.csv", data), out, LENIENT)
    assert quarantine(out)[0]["seen"] == "title=Sill\\xf3n, category=CHAIRS"


def test_bad_json_lines_go_to_quarantine(tmp_path: Path, out: Path) -> None:
    lines = [
        '{"title": "Silla", "category": "CHAIRS"}',
        '{"title": "Mesa", "category"',
        "[1]",
        '{"title": 501, "category": "JEANS"}',
    ]
    lines += ['{"category": "CHAIRS"}', '{"title": "Sill\\ud800n", "category": "CHAIRS"}', "{" * 100_000]
    run(write(tmp_path, "a.jsonl", "\n".join(lines).encode()), out, LENIENT)
    assert [row["title"] for row in listings(out)] == ["Silla", "501"]
    assert [(bad["line"], bad["reason"]) for bad in quarantine(out)] == [
        (2, "malformed JSON"),
        (3, "malformed JSON"),
        (5, "no title"),
        (6, "bad encoding"),
        (7, "malformed JSON"),
    ]


def test_parquet_texts_that_are_no_texts(tmp_path: Path, out: Path) -> None:
    titles = pa.array([b"Silla", b"Sill\xf3n", None, b"Mesa"]).view(pa.string())
    categories = pa.array(["CHAIRS", "CHAIRS", "CHAIRS", "TABLES"]).dictionary_encode()
    pq.write_table(pa.table({"title": titles, "category": categories}), tmp_path / "a.parquet")
    run(tmp_path / "a.parquet", out, LENIENT)
    assert [row["title"] for row in listings(out)] == ["Silla", "Mesa"]
    assert [(bad["line"], bad["reason"]) for bad in quarantine(out)] == [(2, "bad encoding"), (3, "no title")]


def test_more_bad_rows_than_allowed_stop_the_stage(tmp_path: Path, out: Path) -> None:
    rows = some_rows(94) + [{**some_rows(1)[0], "title": ""}] * 4 + [{**some_rows(1)[0], "category": ""}] * 2
    source = write(tmp_path, "a.csv", csv_of(rows))
    with pytest.raises(BadData) as caught:
        run(source, out)
    message = str(caught.value)
    assert "6 of 100 rows (6.0%) cannot be used: 4 no title, 2 no category." in message
    assert message.count("a.csv line ") == 3
    assert "max_bad_fraction (now 5.0%)" in message
    assert run(source, out, {**FEW, "max_bad_fraction": 0.06}).rows == 94


@pytest.mark.parametrize(("encoding", "name"), [("latin-1", "ISO-8859-1"), ("cp1252", "WINDOWS-1252")])
def test_a_file_in_another_encoding_is_named(tmp_path: Path, out: Path, encoding: str, name: str) -> None:
    rows = [{**row, "title": row["title"] + (" – ñandú" if encoding == "cp1252" else " ñandú")} for row in some_rows()]
    with pytest.raises(BadData, match=rf"bad encoding.*(?s:.)*looks like {name}; convert it: iconv -f {name} -t UTF-8"):
        run(write(tmp_path, "a.csv", csv_of(rows).decode().encode(encoding)), out)


def test_a_few_lines_in_another_encoding_are_named_and_the_file_is_not_to_be_converted(
    tmp_path: Path, out: Path
) -> None:
    lines = csv_of(some_rows(100)).splitlines(keepends=True)
    for line in (3, 50, 51, 90, 95, 99):
        lines[line - 1] = b"Pi\xf1ata,reliable,spanish,SOFAS\n"
    with pytest.raises(BadData) as caught:
        run(write(tmp_path, "a.csv", b"".join(lines)), out)
    message = str(caught.value)
    assert "6 of 100 rows (6.0%) cannot be used: 6 bad encoding." in message
    assert (
        "Some lines look like ISO-8859-1 in a source that is otherwise UTF-8: a.csv: 3, 50, 51, 90, 95, 99." in message
    )
    assert "iconv" not in message


def test_each_file_of_a_folder_has_an_encoding_of_its_own(tmp_path: Path, out: Path) -> None:
    (tmp_path / "in").mkdir()
    rows = [{**row, "category": row["category"] + " música"} for row in some_rows()]
    text = csv_of(rows).decode()
    (tmp_path / "in" / "a.csv").write_text(text, encoding="utf-8")
    (tmp_path / "in" / "b.csv").write_text(text, encoding="latin-1")
    (tmp_path / "in" / "c.csv").write_bytes(text.encode() + "Sillón,reliable,spanish,SOFAS\n".encode("latin-1"))
    with pytest.raises(BadData) as caught:
        run(tmp_path / "in", out)
    message = str(caught.value)
    assert "The encoding of b.csv looks like ISO-8859-1; convert it: iconv -f ISO-8859-1" in message
    assert "in a source that is otherwise UTF-8: c.csv: 62. Correct those lines only" in message
    assert "a.csv" not in message.partition("The encoding of")[2]


BAD_FILES = {
    "empty": (b"", "the file is empty"),
    "blank": (b"\n \n\n", "nothing but blank lines"),
    "header only": (b"title,category\n", "a header, but no row"),
    "missing column": (
        b"titulo,category,price\nSilla,CHAIRS,3\n",
        "no column 'title'. Its columns: titulo, category, price. Is it 'titulo'?",
    ),
    "no such column at all": (b"a,b\n1,2\n", "no column 'title'. Its columns: a, b."),
    "column twice": (b"title,title,category\na,b,c\n", "'title' occurs 2 times"),
    "json without the column": (
        b'{"name": "Silla", "categoria": "CHAIRS"}\n',
        "no column 'title'. Its columns: name, categoria.",
    ),
    "json array": (b'[{"title": "Silla"}]', "one JSON array"),
    "zip": (b"PK\x03\x04" + b"x" * 50, "a zip archive or a spreadsheet"),
    "utf-16": ("title,category\nSilla,CHAIRS\n".encode("utf-16"), "UTF-16"),
    "picture": (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "this is not text"),
    "web page": (b"<!DOCTYPE html><html></html>", "a web page"),
    "latin-1 header": ("título,categoría\nSilla,CHAIRS\n".encode("latin-1"), "the header is not UTF-8"),
    "damaged parquet": (b"PAR1" + b"x" * 100, "this Parquet file is damaged"),
    "truncated gzip": (gzip.compress(csv_of(some_rows(3_000)))[:-3_000], "the gzip file is incomplete"),
    "damaged gzip": (gzip.compress(b"title,category\n")[:-8] + b"12345678", "the gzip file is damaged"),
    "gzip of nothing": (gzip.compress(b""), "nothing but blank lines"),
    "parquet of something else": (as_parquet([{"title": "Silla", "category": [1]}]), "holds list<"),
    "parquet without the column": (as_parquet([{"titles": "Silla", "category": "CHAIRS"}]), "Is it 'titles'?"),
    "parquet without rows": (
        as_parquet([{"title": "a", "category": "b"}][:0] or [{"title": "", "category": ""}]),
        "cannot be used",
    ),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_a_bad_file_is_refused_with_its_name_and_what_to_do(tmp_path: Path, out: Path, case: str) -> None:
    data, expected = BAD_FILES[case]
    with pytest.raises(BadData) as caught:
        run(write(tmp_path, "titles.csv.gz", data), out)
    assert expected in str(caught.value)
    assert "titles.csv.gz" in str(caught.value)
    assert not (out / "staged.arrows").exists()


def test_a_missing_file_and_an_empty_folder_are_refused(tmp_path: Path, out: Path) -> None:
    with pytest.raises(BadData, match="cannot be read: No such file"):
        run(tmp_path / "none.csv", out)
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadData, match="the folder holds no files"):
        run(tmp_path / "empty", out)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("name", ["listings.parquet", "quarantine.jsonl.gz", "staged.arrows"])
def test_a_full_disk_is_reported(tmp_path: Path, out: Path, name: str) -> None:
    (out / name).symlink_to("/dev/full")
    rows = [{**row, "title": f"{row['title']} {random.random()}"} for row in some_rows(5_000)]
    rows += [{**rows[0], "category": f"RARE {number}"} for number in range(500)]
    with pytest.raises(DiskFull, match="No space left on the disk of"):
        run(write(tmp_path, "a.csv", csv_of(rows)), out, {"min_category_rows": 10})


def test_letters_in_a_column_that_is_not_read_tell_that_a_file_is_not_to_be_converted(
    tmp_path: Path, out: Path
) -> None:
    rows = "".join(f"Funda {number},{'AB'[number % 2]},Peña\n" for number in range(60)).encode()
    (tmp_path / "a.csv").write_bytes(b"title,category,seller\n" + rows + "Piñata,A,x\n".encode("latin-1"))
    assert "The encodings are mixed" in run(tmp_path / "a.csv", out, LENIENT).encoding
