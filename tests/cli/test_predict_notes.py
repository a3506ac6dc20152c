"""What `meli predict` says about the files that it read and wrote."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.cli.program import document, here
from tests.prediction.test_files import ByLength


def test_predict_says_what_it_found_and_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("meli_tasks.cli.predict._classifier", lambda key, set_name: ("a model", ByLength()))
    lines = ["title,category,Category,n", "Silla,Música,x,1", *['"Lote,1,2,3', "a,b,c,d", 'fin",x,y,z'], "Mesa,B,y,2"]
    (tmp_path / "odd.csv").write_bytes("\n".join(lines).encode() + "\nSillón,A,z,3\n".encode("latin-1"))
    result = here("predict", "--input", "odd.csv", "--output", "odd_out.jsonl")
    notes = " ".join(result.stderr.split())
    assert "1 row got an empty category (bad encoding: 1, line 7)." in notes
    assert "Some lines look like ISO-8859-1 in a source that is otherwise UTF-8: odd.csv: 7." in notes
    assert "1 row of CSV has a field of several lines, any of which could be a row itself: line 3." in notes
    assert "given_Category (was Category), given_category (was category)" in notes
    table = pa.table({"title": ["Silla"], "photo": [b"\xff\xd8"]})
    pq.write_table(table, tmp_path / "photos.parquet")
    result = here("predict", "--input", "photos.parquet", "--output", "photos.csv")
    assert "bytes that are not text were written in base64: photo (1 value)." in " ".join(result.stderr.split())
    assert document("predict", "--input", "photos.parquet", "--output", "photos.csv")["base64_values"] == {"photo": 1}


def test_predict_counts_the_titles_without_a_known_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("meli_tasks.cli.predict._classifier", lambda key, set_name: ("a model", ByLength()))
    (tmp_path / "in.csv").write_text("title\nSilla\nqwertz\n\n")
    result = here("predict", "--input", "in.csv", "--output", "out.csv")
    assert result.exit_code == 0
    assert "1 row got no category, because the model knows no word of the title" in " ".join(result.stderr.split())
    found = document("predict", "--input", "in.csv", "--output", "out.csv")
    assert (found["rows"], found["classified"], found["unknown_rows"], found["bad_rows"]) == (3, 1, 1, 1)


def test_predict_says_in_which_columns_it_wrote_escapes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("meli_tasks.cli.predict._classifier", lambda key, set_name: ("a model", ByLength()))
    (tmp_path / "in.csv").write_bytes("title,seller\nSilla,Peña\nMesa,Paz\nLote,Núñez\n".encode("latin-1"))
    result = here("predict", "--input", "in.csv", "--output", "out.csv")
    note = r"bytes that are not UTF-8 were written as escapes such as \xf1: seller (2 values)."
    assert note in " ".join(result.stderr.split())
    assert (tmp_path / "out.csv").read_text().splitlines()[1].startswith(r"Silla,Pe\xf1a,")
    assert document("predict", "--input", "in.csv", "--output", "out.csv")["escaped_values"] == {"seller": 2}
