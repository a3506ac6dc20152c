"""Batch prediction of files with rows that cannot be read: what is reported, and what is written instead."""

from __future__ import annotations

from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from tests.prediction.test_files import predict, rows_of, write
from tests.rowfiles.row_files import ingested


def test_a_malformed_line_far_below_does_not_stop_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meli_tasks.rowfiles.reading._START_BYTES", 5)
    monkeypatch.setattr("meli_tasks.rowfiles.opening._BLOCK_BYTES", 15)
    source = write(tmp_path / "in.jsonl", '{"title": "abc"}\n{"title": \n{"title": ["a"]}\n{"title": "abcd"}\n')
    for name in ("out.csv", "out.parquet"):
        done = predict(source, tmp_path / name)
        assert [row["category"] for row in rows_of(tmp_path / name)] == ["LENGTH_3", "", "", "LENGTH_4"]
        assert done.bad_lines == {"malformed JSON": [2], "title is a list": [3]}


def test_rows_in_another_encoding_come_with_advice(tmp_path: Path) -> None:
    source, few = tmp_path / "in.csv", "titulo 1,Casa\n" * 5
    source.write_text("title,category\n" + "Sillón,Música\n" * 5, encoding="latin-1")
    assert predict(source, tmp_path / "out.csv").encoding_advice == (
        "The encoding of in.csv looks like ISO-8859-1; convert it: iconv -f ISO-8859-1 -t UTF-8 old > new. "
        "Not UTF-8: lines 2, 3, 4, 5, 6."
    )
    # The one category in UTF-8 is enough: to convert the file would make "MÃºsica" of it.
    source.write_bytes(
        f"title,category\n{few}silla,Música\n".encode() + "Sillón,Casa\n".encode("latin-1") + few.encode()
    )
    assert predict(source, tmp_path / "out.csv", batch_rows=2).encoding_advice == (
        "The encodings are mixed. Some lines look like ISO-8859-1 in a source that is otherwise UTF-8: in.csv: 8. "
        "Correct those lines only; converting a whole file would damage the others."
    )
    titles = pyarrow.array([b"Silla", "Sillón".encode("latin-1")])
    pyarrow.parquet.write_table(pyarrow.table({"title": titles}), tmp_path / "in.parquet")
    done = predict(tmp_path / "in.parquet", tmp_path / "out.csv")
    assert done.encoding_advice == (
        "in.parquet has text that is not UTF-8 and looks like ISO-8859-1: row 2. Decode it as ISO-8859-1 before the "
        "file is written."
    )
    assert dict(done.base64) == {"title": 1}


def test_a_prediction_can_be_read_for_training_whatever_the_case_of_its_columns(tmp_path: Path) -> None:
    source = write(tmp_path / "in.csv", " Title ,CATEGORY\nabc,A\nabcd,B\n")
    assert predict(source, tmp_path / "out.csv").renamed == {"CATEGORY": "given_CATEGORY"}
    assert ingested(tmp_path / "out.csv", tmp_path) == ["abc", "abcd"]
