"""Ingest: every format loads as it is, and splits and filters are respected."""

from __future__ import annotations

import csv
import gzip
import io
import os
from collections import Counter
from pathlib import Path
from unicodedata import normalize

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meli_tasks.core.errors import BadData
from meli_tasks.core.stage_parameters import Ingest
from meli_tasks.core.text.invisible import is_blank
from meli_tasks.core.text.splits import SPLITS, split_of
from meli_tasks.stages import ingest
from meli_tasks.stages.hooks import Hooks, SilentLog
from meli_tasks.stages.summaries import RareCategories
from tests.stages.listings.listing_files import (
    FEW,
    LENIENT,
    as_json_lines,
    as_parquet,
    csv_of,
    listings,
    quarantine,
    run,
    some_rows,
    write,
)

REAL_DATA = Path(os.environ.get("MELI_REAL_DATA") or Path(__file__).parents[2].parent / "shared" / "data")
REAL, MIXED = REAL_DATA / "meli_spanish.csv.gz", REAL_DATA / "meli_mixed_quality.csv.gz"

# Of some_rows(), however they are written down.
FINGERPRINT = "e080bde8d44f4066e8c02db35adb1794305fe6992df4956702209b99a3254849"


class LineLog(SilentLog):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def info(self, message: str) -> None:
        self.lines.append(message)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


FORMATS = {
    "csv": csv_of,
    "csv, all quoted": lambda rows: csv_of(rows, quoting=csv.QUOTE_ALL),
    "csv, windows line ends": lambda rows: csv_of(rows).replace(b"\n", b"\r\n"),
    "csv, byte order mark": lambda rows: b"\xef\xbb\xbf" + csv_of(rows),
    "csv, semicolons": lambda rows: csv_of(rows, delimiter=";"),
    "csv, tabs": lambda rows: csv_of(rows, delimiter="\t"),
    "csv, no line end at the end": lambda rows: csv_of(rows).rstrip(b"\n"),
    "csv, blank lines": lambda rows: b"\n\n" + csv_of(rows).replace(b"SOFAS\n", b"SOFAS\n\n"),
    "json lines": as_json_lines,
    "json lines, blank lines": lambda rows: as_json_lines(rows).replace(b"}\n", b"}\n\n"),
    "parquet": as_parquet,
}


@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("form", FORMATS)
def test_every_format_gives_the_same_listings(tmp_path: Path, out: Path, form: str, zipped: bool) -> None:
    rows, data = some_rows(), FORMATS[form](some_rows())
    # The name says nothing: formats are recognised by their first bytes.
    summary = run(write(tmp_path, "titles.dat", gzip.compress(data) if zipped else data), out)
    found = listings(out)
    assert [{name: row[name] for name in rows[0]} for row in found] == rows
    assert [row["row"] for row in found] == list(range(60))
    assert [row["split"] for row in found] == [SPLITS[split] for split in split_of([row["title"] for row in rows])]
    assert summary.rows == summary.source_rows == 60
    assert summary.bad_rows == 0
    assert summary.languages == {"portuguese": 15, "spanish": 45}
    assert summary.fingerprint == FINGERPRINT
    assert quarantine(out) == []
    assert {path.name for path in out.iterdir()} == set(ingest.OUTPUTS)


def test_columns_that_are_not_ours_are_ignored_and_missing_ones_null(tmp_path: Path, out: Path) -> None:
    data = csv_of(
        [
            {"size": 3, " Title ": "Silla", "x": "", "CATEGORY": "CHAIRS"},
            {"size": 4, " Title ": "Mesa", "x": "", "CATEGORY": "TABLES"},
        ]
    )
    summary = run(write(tmp_path, "a.csv", data), out)
    assert [(row["title"], row["category"], row["language"], row["label_quality"]) for row in listings(out)] == [
        ("Silla", "CHAIRS", None, None),
        ("Mesa", "TABLES", None, None),
    ]
    assert summary.languages == {"unknown": 2}


def test_a_folder_of_several_formats_is_one_source(tmp_path: Path, out: Path) -> None:
    folder = tmp_path / "source"
    folder.mkdir()
    rows = some_rows()
    write(folder, "1.csv", csv_of(rows[:20]))
    write(folder, "2.jsonl.gz", gzip.compress(as_json_lines(rows[20:40])))
    write(folder, "3.parquet", as_parquet(rows[40:]))
    summary = run(folder, out)
    assert summary.rows == 60
    assert summary.fingerprint == FINGERPRINT
    assert [row["row"] for row in listings(out)] == list(range(60))


def test_the_course_s_json_lines_load_as_they_are(tmp_path: Path, out: Path) -> None:
    rows = [
        {
            **row,
            "split": "train",
            "tokenized_title": ["a", "b"],
            "data": [1, 2],
            "target": 7,
            "n_labels": 632,
            "size": 99,
        }
        for row in some_rows(400)
    ]
    summary = run(write(tmp_path, "spanish.train.jsonl.gz", gzip.compress(as_json_lines(rows))), out)
    # Its train file holds train rows only: validation and test are taken from them.
    assert summary.splits == dict(
        sorted(Counter(SPLITS[split] for split in split_of([str(row["title"]) for row in rows])).items())
    )
    assert "taken from its train rows" in summary.splits_from


def test_splits_of_the_source_are_kept(tmp_path: Path, out: Path) -> None:
    names = ["train", "validation", "valid", "Dev", "test", "train", "train", " TEST "]
    rows = [
        {"title": f"Silla {number}", "category": "AB"[number % 2], "split": name} for number, name in enumerate(names)
    ]
    summary = run(write(tmp_path, "a.csv", csv_of(rows)), out)
    assert [row["split"] for row in listings(out)] == [
        "train",
        "validation",
        "validation",
        "validation",
        "test",
        "train",
        "train",
        "test",
    ]
    assert summary.splits_from == "source"


def test_a_row_without_a_split_beside_rows_that_have_one_is_a_bad_row(tmp_path: Path, out: Path) -> None:
    """A hash could put it on the other side of its own copy."""
    splits = ["test", "validation", *["train"] * 5, ""]
    rows = [
        {"title": f"Silla {number // 8}", "category": "AB"[number // 8 % 2], "split": splits[number % 8]}
        for number in range(160)
    ]
    source = write(tmp_path, "a.csv", csv_of(rows))
    with pytest.raises(BadData, match=r"20 of 160 rows \(12.5%\) cannot be used: 20 no split"):
        run(source, out)
    summary = run(source, out, {"max_bad_fraction": 0.2})
    assert [row["split"] for row in listings(out)] == [row["split"] for row in rows if row["split"]]
    assert (summary.splits_from, summary.bad_by_reason) == ("source", {"no split": 20})
    assert {bad["reason"] for bad in quarantine(out)} == {"no split"}


def test_a_source_of_test_rows_only_is_refused(tmp_path: Path, out: Path) -> None:
    rows = [{"title": f"Silla {number}", "category": "AB"[number % 2], "split": "test"} for number in range(40)]
    with pytest.raises(BadData, match="no rows to train on: 40 test"):
        run(write(tmp_path, "a.csv", csv_of(rows)), out)


def test_a_line_end_in_quotes_is_part_of_the_title(tmp_path: Path, out: Path) -> None:
    data = b'title,category\n"Silla\nde\r\n  pino",CHAIRS\nMesa,TABLES\n,TABLES\n'
    run(write(tmp_path, "a.csv", data), out, LENIENT)
    assert [row["title"] for row in listings(out)] == ["Silla de pino", "Mesa"]
    assert [(bad["line"], bad["reason"]) for bad in quarantine(out)] == [(6, "no title")]


def test_rare_categories_are_excluded_and_named_but_not_bad(tmp_path: Path, out: Path) -> None:
    rows = [*some_rows(), {**some_rows(1)[0], "title": "Piano", "category": "PIANOS"}]
    summary = run(write(tmp_path, "a.csv", csv_of(rows)), out, {"min_category_rows": 10, "max_bad_fraction": 0})
    assert summary.bad_rows == 0
    assert summary.rare == RareCategories(rows=1, categories=1, largest={"PIANOS": 1})
    assert summary.categories == 2
    assert (summary.smallest_category, summary.largest_category) == (30, 30)
    assert len(listings(out)) == 60
    assert [(bad["line"], bad["reason"]) for bad in quarantine(out)] == [(62, "rare category")]


def test_language_and_label_quality_filters(tmp_path: Path, out: Path) -> None:
    names = [
        ("spanish", "reliable"),
        ("ES", "Reliable"),
        ("portuguese", "reliable"),
        ("", "reliable"),
        ("spanish", "unreliable"),
        ("spanish", ""),
    ]
    rows = [
        {"title": f"{language} {quality} {number}", "category": number, "language": language, "label_quality": quality}
        for number in "AB"
        for language, quality in names
    ]
    source = write(tmp_path, "a.csv", csv_of(rows))
    assert run(source, out).rows == 12
    summary = run(source, out, {**FEW, "language": "spanish", "reliable_only": True, "max_bad_fraction": 0})
    assert [row["title"] for row in listings(out)] == [
        "spanish reliable A",
        "ES Reliable A",
        "spanish reliable B",
        "ES Reliable B",
    ]
    assert summary.excluded == {"label_quality": 4, "language": 4}
    assert summary.languages == {"spanish": 4}


def test_nothing_left_says_why(tmp_path: Path, out: Path) -> None:
    source = write(tmp_path, "a.csv", csv_of(some_rows()))
    with pytest.raises(
        BadData, match=r"0 of the 2 categories in 60 rows have the 500 rows that min_category_rows requires"
    ):
        run(source, out, {"min_category_rows": 500})
    only_portuguese = write(tmp_path, "b.csv", csv_of([{**row, "language": "portuguese"} for row in some_rows()]))
    with pytest.raises(BadData, match=r"60 rows excluded by language"):
        run(only_portuguese, out, {"language": "spanish"})


def test_what_is_left_out_is_logged(tmp_path: Path, out: Path) -> None:
    log = LineLog()
    rows = [*some_rows(), {**some_rows(1)[0], "category": "PIANOS"}, {**some_rows(1)[0], "title": ""}]
    ingest.run({"source": write(tmp_path, "a.csv", csv_of(rows))}, out, Ingest(), Hooks(log))
    assert [line.split(":")[0] for line in log.lines] == [
        "60 listings in 2 categories; splits",
        "1 bad row in quarantine.jsonl.gz",
        "1 row of 1 rare category excluded",
    ]


@pytest.mark.skipif(not REAL.exists(), reason="no real titles: set MELI_REAL_DATA to the folder that has them")
def test_real_titles_load_as_they_are(out: Path) -> None:
    summary = run(REAL, out, {})
    assert (summary.rows, summary.categories, summary.bad_rows) == (50_939, 632, 0)
    assert summary.splits == {"test": 2_583, "train": 45_781, "validation": 2_575}
    assert summary.languages == {"spanish": 50_939}


@pytest.mark.skipif(not MIXED.exists(), reason="no real titles: set MELI_REAL_DATA to the folder that has them")
def test_real_titles_of_mixed_quality_load_as_they_are(out: Path) -> None:
    summary = run(MIXED, out)
    assert (summary.rows, summary.bad_rows) == (1_587, 0)
    assert set(summary.languages) == {"portuguese", "spanish", "unknown"}
    assert set(summary.label_qualities) == {"reliable", "unreliable", "unknown"}


texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(st.lists(st.tuples(texts, texts), min_size=1, max_size=20))
def test_whatever_csv_writes_is_read_back(tmp_path: Path, pairs: list[tuple[str, str]]) -> None:
    out = tmp_path / "any"
    out.mkdir(exist_ok=True)
    rows = [*pairs, ("Mesa", "TABLES"), ("Silla", "CHAIRS")]
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows([("title", "category"), *rows])
    run(write(tmp_path, "any.csv", text.getvalue().encode()), out, LENIENT)
    cleaned = [(" ".join(title.split()), normalize("NFC", " ".join(category.split()))) for title, category in rows]
    found = [(row["title"], row["category"]) for row in listings(out)]
    assert found == [(title, category) for title, category in cleaned if not (is_blank(title) or is_blank(category))]
    assert len(quarantine(out)) == len(rows) - len(found)


def test_chunks_of_lines_do_not_show(tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Records that straddle the blocks a file is read in, with quotes, line ends and letters of several bytes."""
    rows = [{"title": f'Ñandú "{number}"\n, sillón', "category": "AB"[number % 2]} for number in range(300)]
    source = write(tmp_path, "a.csv", csv_of(rows))
    whole = run(source, out)
    monkeypatch.setattr("meli_tasks.rowfiles.opening._BLOCK_BYTES", 97)
    monkeypatch.setattr("meli_tasks.rowfiles.reading._START_BYTES", 5)
    assert run(source, out) == whole
    assert [row["title"] for row in listings(out)] == [f'Ñandú "{number}" , sillón' for number in range(300)]
