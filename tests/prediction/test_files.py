"""Batch prediction: every row of the input is in the output, in order, whatever is wrong with it."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow
import pyarrow.csv
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meli_tasks.core.errors import BadData, DiskFull
from meli_tasks.prediction.files import check_files, given_names, predict_file
from meli_tasks.rowfiles.reading import RowFile

PREDICTED = ["category", "probability", "categories", "probabilities", "known"]


class ByLength:
    """Puts a title into the category of its length, so that a wrong row would show."""

    categories: ClassVar = [f"LENGTH_{length}" for length in range(7)]

    def rank(self, titles: Sequence[str], top: int = 5) -> tuple[Any, Any]:
        first = np.array([len(title) % 7 for title in titles])[:, None]
        probabilities = np.array([0.5, 0.2, 0.1, 0.1, 0.05, 0.03, 0.02], np.float32)[:top]
        return (first + np.arange(top)) % 7, np.tile(probabilities, (len(titles), 1))

    def known(self, titles: Sequence[str]) -> Any:
        return np.array(["qwertz" not in title for title in titles])


def predict(source: Path, target: Path, **options: Any) -> Any:
    return predict_file(ByLength(), source, target, **options)


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    data = text.encode(encoding)
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def rows_of(path: Path) -> list[dict[str, Any]]:
    with RowFile(path) as file:
        return [dict(row) for chunk in file.chunks() for row in chunk.whole().rows.objects()]


@pytest.mark.parametrize("name", ["in.csv", "in.csv.gz"])
@pytest.mark.parametrize("output", ["out.csv", "out.csv.gz", "out.jsonl", "out.jsonl.gz", "out.parquet"])
def test_csv_into_every_kind(tmp_path: Path, name: str, output: str) -> None:
    source = write(tmp_path / name, 'id,title\n1,abc\n2,"de, ""f"""\n3,\n')
    done = predict(source, tmp_path / output, batch_rows=2)
    rows = rows_of(tmp_path / output)
    assert [row["title"] for row in rows] == ["abc", 'de, "f"', ""]
    assert [row["category"] for row in rows] == ["LENGTH_3", "LENGTH_0", ""]
    assert list(rows[0]) == ["id", "title", *PREDICTED]
    assert (done.rows, done.bad_rows, dict(done.bad)) == (3, 1, {"no title": 1})


def test_csv_joins_the_ranked_five(tmp_path: Path) -> None:
    source = write(tmp_path / "in.csv", "title\nabc\n\n")
    predict(source, tmp_path / "out.csv")
    lines = (tmp_path / "out.csv").read_text().splitlines()
    assert lines[0] == "title," + ",".join(PREDICTED)
    assert lines[1] == (
        "abc,LENGTH_3,0.5,LENGTH_3 | LENGTH_4 | LENGTH_5 | LENGTH_6 | LENGTH_0,0.5 | 0.2 | 0.1 | 0.1 | 0.05,true"
    )
    assert lines[2] == ",,,,,"  # with one column, a blank line is a row without a title


def test_json_lines_keep_values_and_lists(tmp_path: Path) -> None:
    source = write(
        tmp_path / "in.jsonl", '{"title": "añb", "n": 1.5, "tags": [1, null]}\n\n{"n": 2}\n[1]\n{"title": 3}\n'
    )
    done = predict(source, tmp_path / "out.jsonl", top=2)
    first, second, third, fourth = rows_of(tmp_path / "out.jsonl")
    assert first == {
        "title": "añb", "n": 1.5, "tags": [1, None],
        "category": "LENGTH_3", "probability": 0.5, "categories": ["LENGTH_3", "LENGTH_4"], "probabilities": [0.5, 0.2],
        "known": True,
    }  # fmt: skip
    assert second == {"n": 2, "category": "", "probability": None, "categories": [], "probabilities": [], "known": None}
    assert third["unreadable"] == "[1]"
    assert fourth["title"] == 3 and fourth["category"] == "LENGTH_1"  # a number is a title, as in training
    assert dict(done.bad) == {"no title": 1, "malformed JSON": 1}


@pytest.mark.parametrize("output", ["out.csv", "out.jsonl", "out.parquet"])
def test_a_title_without_a_known_word_gets_no_category_and_says_so(tmp_path: Path, output: str) -> None:
    source = write(tmp_path / "in.csv", "title\nabc\nqwertz\n\n")
    done = predict(source, tmp_path / output)
    assert (done.rows, done.unknown_rows, done.bad_rows, done.failed) == (3, 1, 1, False)
    known, unknown, bad = rows_of(tmp_path / output)
    yes, no, nothing = ("true", "false", "") if output == "out.csv" else (True, False, None)
    assert [row["known"] for row in (known, unknown, bad)] == [yes, no, nothing]
    assert known["category"] == "LENGTH_3"
    for name in ("category", "probability", "categories", "probabilities"):
        assert unknown[name] == bad[name] and not unknown[name]


def test_a_file_of_unknown_words_only_has_not_failed(tmp_path: Path) -> None:
    assert not predict(write(tmp_path / "in.csv", "title\nqwertz\nqwertz asdf\n"), tmp_path / "out.csv").failed


def test_parquet_keeps_types_and_all_row_groups(tmp_path: Path) -> None:
    table = pyarrow.table(
        {
            "id": pyarrow.array(range(10), pyarrow.uint16()),
            "title": pyarrow.array([None, *("x" * n for n in range(1, 10))]).dictionary_encode(),
            "tags": pyarrow.array([[n] for n in range(10)]),
        }
    )
    pyarrow.parquet.write_table(table, tmp_path / "in.parquet", row_group_size=4)
    predict(tmp_path / "in.parquet", tmp_path / "out.parquet", batch_rows=3)
    out = pyarrow.parquet.read_table(tmp_path / "out.parquet")
    assert out.select(["id", "tags"]) == table.select(["id", "tags"])
    assert out["category"].to_pylist() == ["", *(f"LENGTH_{n % 7}" for n in range(1, 10))]
    assert out.schema.field("probability").type == pyarrow.float32()
    assert out.schema.field("categories").type == pyarrow.list_(pyarrow.string())
    assert out["probability"][0].as_py() is None


def test_parquet_without_rows_keeps_its_columns(tmp_path: Path) -> None:
    pyarrow.parquet.write_table(pyarrow.table({"title": pyarrow.array([], pyarrow.string())}), tmp_path / "in.parquet")
    assert predict(tmp_path / "in.parquet", tmp_path / "out.parquet").rows == 0
    assert pyarrow.parquet.read_schema(tmp_path / "out.parquet").names == ["title", *PREDICTED]


def test_a_header_alone_is_a_file_of_no_rows(tmp_path: Path) -> None:
    source = write(tmp_path / "in.csv", "title,id\n")
    assert predict(source, tmp_path / "out.csv").rows == 0
    assert (tmp_path / "out.csv").read_text() == "title,id,category,probability,categories,probabilities,known\n"


def test_columns_of_the_same_name_are_kept_under_another(tmp_path: Path) -> None:
    source = write(tmp_path / "in.csv", "title,category,given_category\nabc,TRUE_ONE,older\n")
    done = predict(source, tmp_path / "out.csv")
    [row] = rows_of(tmp_path / "out.csv")
    assert row["category"] == "LENGTH_3"
    assert row["given_category"] == "older"
    assert row["given_given_category"] == "TRUE_ONE"
    assert done.renamed == {"category": "given_given_category"}
    assert given_names(["title"]) == {}
    assert given_names(["Category ", "category", "given_category"]) == {
        "Category ": "given_Category",
        "category": "given_given_category",
    }


def test_rows_that_do_not_fit_the_header_stay_whole(tmp_path: Path) -> None:
    source = write(tmp_path / "in.csv", 'title,note\nabc,x,y,z\nabc\n"broken" quote,1\nabc,"new\nline"\n')
    done = predict(source, tmp_path / "out.csv")
    rows = rows_of(tmp_path / "out.csv")
    assert [row["title"] for row in rows] == ["abc", "abc", "broken quote", "abc"]
    assert [row["note"] for row in rows] == ["x,y,z", "", "1", "new\nline"]
    assert [bool(row["category"]) for row in rows] == [False, False, True, True]
    assert dict(done.bad) == {"ragged row": 2}


def test_a_quote_opened_by_mistake_costs_one_row_only(tmp_path: Path) -> None:
    lines = ["title,note", '"abc,1', "abcd,2", "abcde,3", '"a, b",4', '"abc,5', '"two\nlines",6', "abcdef,7"]
    done = predict(write(tmp_path / "in.csv", "\n".join(lines) + "\n"), tmp_path / "out.csv")
    rows = rows_of(tmp_path / "out.csv")
    assert [row["title"] for row in rows] == ['"abc,1', "abcd", "abcde", "a, b", '"abc,5', "two\nlines", "abcdef"]
    assert [row["note"] for row in rows] == ["", "2", "3", "4", "", "6", "7"]
    assert dict(done.bad) == {"quote never closed": 2}


def test_bad_rows_are_reported_by_line(tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_bytes(b'title,n\nabc,1\n,2\n"two\nlines",3\nSill\xf3n,4\nragged\n' + b",5\n" * 30)
    done = predict(source, tmp_path / "out.csv", batch_rows=3)
    assert done.bad_lines == {
        "no title": [3, *range(8, 27)],
        "bad encoding": [6],
        "ragged row": [7],
    }
    assert dict(done.bad) == {"no title": 31, "bad encoding": 1, "ragged row": 1}
    assert not done.failed


@pytest.mark.parametrize(("text", "failed"), [("title\n\n\n", True), ("title\n", False), ("title\nabc\n\n", False)])
def test_a_prediction_fails_if_no_row_can_be_classified(tmp_path: Path, text: str, failed: bool) -> None:
    assert predict(write(tmp_path / "in.csv", text), tmp_path / "out.csv").failed is failed


def test_a_title_of_ten_megabytes_is_a_bad_row_not_a_crash(tmp_path: Path) -> None:
    source = write(tmp_path / "in.jsonl", json.dumps({"title": "x" * 10_000_000}) + '\n{"title": "abc"}\n')
    done = predict(source, tmp_path / "out.jsonl")
    assert [row["category"] for row in rows_of(tmp_path / "out.jsonl")] == ["", "LENGTH_3"]
    assert dict(done.bad) == {"title too long": 1}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("in.csv", b"", "is empty"),
        ("in.csv.gz", gzip.compress(b"", mtime=0), "contains nothing but blank lines"),
        ("in.csv", b"name,id\nabc,1\n", "no column 'title'. Its columns: name, id. Name the column 'title'."),
        ("in.jsonl", b'{"name": "abc"}\n', "no column 'title'. Its columns: a single one"),
        ("in.csv", "title\nabc\n".encode("utf-16"), "iconv -f UTF-16"),
        ("in.csv.gz", gzip.compress(b"title\n" + b"abcdef\n" * 100_000, mtime=0)[:-20], "is incomplete"),
        ("in.csv", b"title,Title\na,b\n", "the column 'title' occurs 2 times"),
        ("in.json", b'{\n "title": "abc"\n}\n', "none of its first lines is a JSON object"),
        ("in.jsonl", b'[{"title": "abc"}]', "one JSON array"),
        ("in.parquet", b"PAR1 title\nabc\n", "this Parquet file is damaged"),
        ("in.csv", b"PK\x03\x04" + b"x" * 50, "a zip archive or a spreadsheet"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_and_leaves_nothing(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadData) as raised:
        predict(tmp_path / name, tmp_path / "out.csv")
    assert message in str(raised.value)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_input_as_output_is_refused_under_any_name(tmp_path: Path) -> None:
    source = write(tmp_path / "in.csv", "title\nabc\n")
    (tmp_path / "link.csv").symlink_to(source)
    (tmp_path / "hard.csv").hardlink_to(source)
    for target in (source, tmp_path / "link.csv", tmp_path / "hard.csv", tmp_path / "." / "in.csv"):
        with pytest.raises(BadData, match="the same file"):
            predict(source, target)
    assert source.read_text() == "title\nabc\n"


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_an_interrupted_prediction_leaves_the_old_output(tmp_path: Path, error: type[BaseException]) -> None:
    source = write(tmp_path / "in.csv", "title\n" + "abc\n" * 100)
    target = write(tmp_path / "out.csv", "what was there\n")

    def interrupt(progress: Any) -> None:
        if progress.rows >= 50:
            raise error

    with pytest.raises(error):
        predict(source, target, batch_rows=10, report=interrupt)
    assert target.read_text() == "what was there\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv", "out.csv"]


def test_a_full_disk_is_reported_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write(tmp_path / "in.csv", "title\nabc\n")

    def full(old: object, new: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(DiskFull, match="nothing half-written was left behind"):
        predict(source, tmp_path / "out.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


def test_json_lines_into_csv_refuses_a_column_that_comes_after_the_first_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write(tmp_path / "in.jsonl", '{"title": "abc"}\n{"title": "abc", "new": 1}\n')
    predict(source, tmp_path / "all.csv", batch_rows=1)
    assert [row["new"] for row in rows_of(tmp_path / "all.csv")] == ["", "1"]
    monkeypatch.setattr("meli_tasks.rowfiles.reading._START_BYTES", 5)
    monkeypatch.setattr("meli_tasks.rowfiles.opening._BLOCK_BYTES", 15)
    with pytest.raises(BadData, match=r"brings 'new'.*JSON Lines"):
        predict(source, tmp_path / "out.csv")


def test_files_are_checked_before_a_model_is_loaded(tmp_path: Path) -> None:
    source = write(tmp_path / "in.csv", "title\nabc\n")
    check_files(source, tmp_path / "out.parquet")
    with pytest.raises(BadData, match=r"No such file or directory\. Only files on this machine"):
        check_files(Path("s3://bucket/in.csv"), tmp_path / "out.csv")
    with pytest.raises(BadData, match="No such file"):
        check_files(tmp_path / "absent.csv", tmp_path / "out.csv")
    with pytest.raises(BadData, match="there is no folder"):
        check_files(source, tmp_path / "absent" / "out.csv")
    with pytest.raises(BadData, match="does not say what kind"):
        check_files(source, tmp_path / "out.xlsx")


cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\x00"), max_size=12)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    rows=st.lists(st.tuples(cells, cells), min_size=1, max_size=12), kinds=st.permutations(["csv", "jsonl", "parquet"])
)
def test_no_row_is_lost_or_changed_on_the_way_through_all_kinds(
    tmp_path: Path, rows: list[tuple[str, str]], kinds: list[str]
) -> None:
    start = write(tmp_path / "start.jsonl", "".join(json.dumps({"title": t, "note": n}) + "\n" for t, n in rows))
    path = start
    for step, kind in enumerate(kinds):
        target = tmp_path / f"step{step}.{kind}"
        predict(path, target, batch_rows=5)
        path = target
    assert [(row["title"], row["note"]) for row in rows_of(path)] == rows
    assert [row["category"] for row in rows_of(path)] == [
        f"LENGTH_{len(clean) % 7}" if clean else "" for clean in (" ".join(t.split()) for t, _ in rows)
    ]


@pytest.mark.parametrize("seller", ["Peña".encode(), b"Pena"], ids=["UTF-8", "ASCII"])
def test_letters_of_any_column_tell_whether_the_whole_file_can_be_converted(tmp_path: Path, seller: bytes) -> None:
    rows = b"Funda,A," + seller + b"\n" + "Piñata,A,x\n".encode("latin-1")
    (tmp_path / "a.csv").write_bytes(b"title,category,seller\n" + rows)
    advice = predict_file(ByLength(), tmp_path / "a.csv", tmp_path / "out.csv").encoding_advice
    assert ("The encodings are mixed" in advice) == (seller == "Peña".encode())
    # Letters that are not UTF-8 do not make a file UTF-8 either, in whatever column.
    (tmp_path / "b.csv").write_bytes(b"title,category,seller\n" + rows.replace(seller, "Núñez".encode("latin-1")))
    advice = predict_file(ByLength(), tmp_path / "b.csv", tmp_path / "out.csv").encoding_advice
    assert "iconv -f ISO-8859-1 -t UTF-8" in advice
