"""Folders, globs and prefixes: markers are skipped, subfolders are read, and hive folders are columns."""

from __future__ import annotations

import gzip
import logging
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pytest
from pyarrow import dataset

from meli_tasks import sources
from meli_tasks.core.errors import BadData
from meli_tasks.settings import Settings
from meli_tasks.stages.summaries import IngestSummary
from meli_tasks.store import open_store
from tests.servers import S3Server
from tests.sources.test_sources import NO_SETTINGS
from tests.stages.listings.listing_files import FEW, as_parquet, csv_of, listings, quarantine, run, some_rows

TITLES_ONLY = [{"title": row["title"]} for row in some_rows(20)]


class Kept:
    """Files under one address, on this disk or in a bucket."""

    def __init__(self, url: str, settings: Settings, put: Callable[[str, bytes], object]) -> None:
        self.url, self.settings, self.put = url, settings, put

    def ingest(self, spec: str, folder: Path, params: dict[str, Any] | None = None) -> IngestSummary:
        """Fetch the source as the runner does, and ingest it into `folder`."""
        source = sources.identify(f"{self.url}/{spec}", date(2026, 11, 21), self.settings)
        fetched, out = folder / "fetched", folder / "out"
        fetched.mkdir(parents=True)
        out.mkdir()
        return run(sources.fetch(source.spec, fetched, self.settings, source.identity), out, params)

    def names(self, spec: str) -> list[str]:
        parts = sources.identify(f"{self.url}/{spec}", None, self.settings).parts
        return [part.name.removeprefix(self.prefix) for part in parts]

    @property
    def prefix(self) -> str:
        return self.url.removeprefix("s3://").partition("/")[2] + "/" if "://" in self.url else f"{self.url}/"


@pytest.fixture(params=["disk", pytest.param("s3", marks=pytest.mark.integration)])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kept]:
    if request.param == "disk":

        def put(name: str, data: bytes) -> None:
            path = tmp_path / "kept" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)

        yield Kept(f"{tmp_path}/kept", NO_SETTINGS, put)
    else:
        server: S3Server = request.getfixturevalue("s3_server")
        settings = Settings.from_environment(server.environment)
        url = f"s3://{server.bucket}/folders-{uuid4().hex[:8]}"
        store = open_store(url, s3_endpoint=settings.s3_endpoint, s3_client=settings.s3_client)
        yield Kept(url, settings, store.write)


MARKERS = ("_SUCCESS", "_common_metadata", "_metadata", ".part-0.csv.crc", "_temporary/0/part-0.csv", ".git/config")


@pytest.mark.parametrize("spec", ["day", "day/", "day/*", "day/**", "d*y", "d*y/"])
def test_markers_are_skipped_and_reported(kept: Kept, spec: str, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("part-0.csv", "part-1.csv", *MARKERS):
        kept.put(f"day/{name}", csv_of(some_rows(2)))
    with caplog.at_level(logging.INFO):
        assert kept.names(spec) == ["day/part-0.csv", "day/part-1.csv"]
    # Python's globs leave out names with a dot by themselves.
    assert "are skipped, because their names begin with _ or .: " in caplog.text
    assert "_SUCCESS" in caplog.text


@pytest.mark.parametrize("spec", ["day", "day/", "day/*.csv", "day/**", "d*y"])
def test_golden_titles_are_no_part_of_the_source_beside_them(
    kept: Kept, spec: str, caplog: pytest.LogCaptureFixture
) -> None:
    kept.put("day/part-0.csv", csv_of(some_rows(2)))
    before = sources.identify(f"{kept.url}/{spec}", None, kept.settings).identity
    kept.put("day/golden.csv", csv_of(some_rows(2)))
    with caplog.at_level(logging.INFO):
        assert kept.names(spec) == ["day/part-0.csv"]
    assert "files and folders are skipped, because golden.csv holds golden titles" in caplog.text
    assert sources.identify(f"{kept.url}/{spec}", None, kept.settings).identity == before


def test_golden_titles_and_markers_are_skipped_for_different_reasons(
    kept: Kept, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("day/part-0.csv", "day/golden.csv", "day/_SUCCESS"):
        kept.put(name, csv_of(some_rows(2)))
    with caplog.at_level(logging.INFO):
        kept.names("day")
    assert "because golden.csv holds golden titles, and because their names begin with _ or .: _SUCCESS" in caplog.text


def test_a_source_that_is_golden_titles_is_ingested(kept: Kept, tmp_path: Path) -> None:
    kept.put("day/golden.csv", csv_of(some_rows()))
    with pytest.raises(BadData, match=r"skipped, because golden\.csv holds golden titles"):
        kept.names("day/*.csv")
    assert kept.ingest("day/golden.csv", tmp_path).rows == 60


@pytest.mark.parametrize(
    ("spec", "folder"),
    [
        ("day/part-0.csv", "day/"),
        ("day", "day/"),
        ("day/", "day/"),
        ("day/*.csv", "day/"),
        ("day/part-{ds}.csv", "day/"),
        ("{ds}/part-0.csv", ""),
        ("d?y/part-0.csv", ""),
        ("*.csv", ""),
    ],
)
def test_beside_a_source_is_the_folder_that_all_its_days_share(kept: Kept, spec: str, folder: str) -> None:
    for name in ("day/part-0.csv", "day/part-2026-11-21.csv", "2026-11-21/part-0.csv", "part.csv"):
        kept.put(name, csv_of(some_rows(2)))
    source = sources.identify(f"{kept.url}/{spec}", date(2026, 11, 21), kept.settings)
    assert sources.beside(f"{kept.url}/{spec}", source, "golden.csv") == f"{kept.url}/{folder}golden.csv"


@pytest.mark.parametrize("spec", ["sample", "sample:rows=50,seed=1"])
def test_nothing_lies_beside_generated_titles(spec: str) -> None:
    assert sources.beside(spec, sources.identify(spec, None, NO_SETTINGS), "golden.csv") is None


def test_nothing_is_looked_for_beside_a_web_address() -> None:
    source = sources.Source("https://host/titles.csv?day=1", ())
    assert sources.beside(source.spec, source, "golden.csv") is None


def test_a_marker_that_is_named_is_read(kept: Kept) -> None:
    for name in ("day/_part-0.csv", "day/part-1.csv", "_day/part-2.csv"):
        kept.put(name, csv_of(some_rows(2)))
    assert kept.names("day/_part-0.csv") == ["day/_part-0.csv"]
    assert kept.names("day/_part*") == ["day/_part-0.csv"]
    assert kept.names("_day") == kept.names("_day/*.csv") == ["_day/part-2.csv"]


def test_a_file_that_is_named_like_a_marker_is_ingested(kept: Kept, tmp_path: Path) -> None:
    kept.put("_day/_part.csv", csv_of(some_rows()))
    assert kept.ingest("_day/_part.csv", tmp_path).rows == 60


def test_only_markers_are_no_titles(kept: Kept) -> None:
    kept.put("day/_SUCCESS", b"x")
    with pytest.raises(BadData, match=r"skipped.*_SUCCESS"):
        kept.names("day/")


def test_a_delta_table_is_warned_of(kept: Kept, caplog: pytest.LogCaptureFixture) -> None:
    kept.put("table/part-0.csv", csv_of(some_rows(2)))
    kept.put("table/_delta_log/00000.json", b"{}")
    assert kept.names("table") == ["table/part-0.csv"]
    assert "is a Delta table" in caplog.text


def test_subfolders_are_read_and_reported(kept: Kept, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("year/11/20/a.csv", "year/11/21/a.csv", "year/12/b.csv", "years/c.csv"):
        kept.put(name, csv_of(some_rows(2)))
    with caplog.at_level(logging.INFO):
        assert kept.names("year") == ["year/11/20/a.csv", "year/11/21/a.csv", "year/12/b.csv"]
    assert "3 files in 3 folders" in caplog.text
    assert kept.names("year/1?") == kept.names("year")
    assert kept.names("year/*/2?/") == ["year/11/20/a.csv", "year/11/21/a.csv"]


@pytest.mark.parametrize("spec", ["titles", "titles/", "titles/*", "titles/split=*", "titles/**/*.csv"])
def test_hive_folders_are_columns(kept: Kept, tmp_path: Path, spec: str) -> None:
    for split in ("train", "validation", "test"):
        for category in ("SOFAS", "TV%20%26%20V%C3%ADdeo"):
            name = f"titles/split={split}/language=es-AR/category={category}/part-0.csv"
            kept.put(name, csv_of([{"title": f"{split} {category} {number}"} for number in range(3)]))
    summary = kept.ingest(spec, tmp_path)
    found = listings(tmp_path / "out")
    assert summary.rows == 18
    assert summary.splits == {"test": 6, "train": 6, "validation": 6}
    assert summary.splits_from == "source"
    assert summary.languages == {"spanish": 18}
    assert {row["category"] for row in found} == {"SOFAS", "TV & Vídeo"}
    assert all(str(row["title"]).startswith(str(row["split"])) for row in found)


def test_a_hive_folder_named_in_the_source_counts_too(kept: Kept, tmp_path: Path) -> None:
    kept.put("titles/language=portuguese/a.csv", csv_of([{"title": "Mesa", "category": "A"}] * 3))
    kept.put("titles/language=portuguese/b.csv", csv_of([{"title": "Cadeira", "category": "B"}] * 3))
    assert kept.ingest("titles/language=portuguese/*.csv", tmp_path).languages == {"portuguese": 6}


def test_days_of_hive_folders_are_dates(kept: Kept, tmp_path: Path) -> None:
    for day in (19, 20, 21, 22):
        kept.put(f"titles/ds=2026-11-{day}/part-0.csv", csv_of(some_rows(day)))
    params = {**FEW, "date_column": "ds", "since": date(2026, 11, 20), "until": date(2026, 11, 21)}
    summary = kept.ingest("titles/", tmp_path, params)
    assert (summary.rows, summary.excluded) == (41, {"date": 41})


def test_the_default_partition_is_a_missing_value(kept: Kept, tmp_path: Path) -> None:
    kept.put("titles/category=SOFAS/language=es/a.csv", csv_of(TITLES_ONLY))
    kept.put("titles/category=TABLES/language=__HIVE_DEFAULT_PARTITION__/a.csv", csv_of(TITLES_ONLY))
    kept.put("titles/category=__HIVE_DEFAULT_PARTITION__/language=/a.csv", csv_of(TITLES_ONLY[:5]))
    summary = kept.ingest("titles/", tmp_path, {**FEW, "max_bad_fraction": 0.5})
    assert summary.bad_by_reason == {"no category": 5}
    assert summary.languages == {"spanish": 20, "unknown": 20}
    assert {bad["file"] for bad in quarantine(tmp_path / "out")} == {
        "category=__HIVE_DEFAULT_PARTITION__/language=/a.csv"
    }


def test_a_value_that_contradicts_its_folder_is_a_bad_row(kept: Kept, tmp_path: Path) -> None:
    rows = [{**row, "split": "", "ds": "2026-11-21T08:00:00"} for row in some_rows(40)]
    rows[3]["split"], rows[4]["split"] = "test", "Training"
    rows[7]["language"], rows[8]["language"] = "italian", "ES"
    rows[9]["ds"] = "2026-11-20"
    for number, row in enumerate(rows):
        row["language"] = row["language"] if number in {7, 8} else ""
    kept.put("titles/ds=2026-11-21/split=train/language=spanish/a.csv", csv_of(rows))
    params = {**FEW, "max_bad_fraction": 0.5, "date_column": "ds", "until": date(2026, 11, 21)}
    summary = kept.ingest("titles/", tmp_path, params)
    assert summary.bad_by_reason == {
        "date contradicts its folder": 1,
        "language contradicts its folder": 1,
        "split contradicts its folder": 1,
    }
    assert summary.languages == {"spanish": 37}


def test_a_folder_that_is_not_utf_8_makes_bad_rows(kept: Kept, tmp_path: Path) -> None:
    kept.put("titles/category=SOF%C1S/a.csv", csv_of(TITLES_ONLY))
    kept.put("titles/category=SOFAS/a.csv", csv_of(TITLES_ONLY))
    kept.put("titles/category=TABLES/a.csv", csv_of(TITLES_ONLY))
    summary = kept.ingest("titles/", tmp_path, {**FEW, "max_bad_fraction": 0.5})
    assert (summary.rows, summary.bad_by_reason) == (40, {"bad encoding": 20})


def test_a_name_in_another_encoding_has_an_identity(tmp_path: Path) -> None:
    folder = tmp_path / b"category=SOF\xc1S".decode("utf-8", "surrogateescape")
    folder.mkdir()
    (folder / "a.csv").write_bytes(csv_of(TITLES_ONLY))
    assert sources.identify(str(tmp_path), None, NO_SETTINGS).identity


def test_folders_that_contradict_each_other_are_refused(kept: Kept, tmp_path: Path) -> None:
    kept.put("titles/split=train/split=test/a.csv", csv_of(some_rows()))
    with pytest.raises(BadData, match=r"split=train/split=test gives the column 'split' two values"):
        kept.ingest("titles/", tmp_path)


def test_an_empty_part_among_full_ones_is_a_note(kept: Kept, tmp_path: Path) -> None:
    kept.put("day/part-0.csv", csv_of(some_rows(20)))
    kept.put("day/part-1.csv", b"")
    kept.put("day/part-2.csv", b"title,category\n")
    kept.put("day/part-3.csv", b"\n\n")
    kept.put("day/part-4.csv", csv_of(some_rows(20)))
    kept.put("day/part-5.gz", gzip.compress(b""))
    kept.put("day/part-6.parquet", as_parquet([]))
    kept.put("day/part-7.jsonl", b"\xef\xbb\xbf\n")
    summary = kept.ingest("day/", tmp_path)
    assert summary.rows == 40
    empty = ("part-1.csv", "part-2.csv", "part-3.csv", "part-5.gz", "part-6.parquet", "part-7.jsonl")
    assert summary.empty_files == empty
    assert summary.notes() == [f"6 files of the source without any row: {', '.join(empty)}."]


def test_only_empty_parts_are_an_error(kept: Kept, tmp_path: Path) -> None:
    kept.put("day/part-0.csv", b"title,category\n")
    kept.put("day/part-1.csv", b"")
    with pytest.raises(BadData, match=r"part-0\.csv: there is a header, but no row below it"):
        kept.ingest("day/", tmp_path)


def test_the_same_titles_in_other_folders_are_another_source(kept: Kept) -> None:
    data = csv_of(some_rows())
    for name in ("a/split=train/x.csv", "b/split=test/x.csv", "c/year=2026/x.csv", "d/x.csv"):
        kept.put(name, data)

    def identity(spec: str) -> str:
        return sources.identify(f"{kept.url}/{spec}", None, kept.settings).identity

    assert len({identity(name) for name in ("a", "b", "d")}) == 3
    if kept.settings is NO_SETTINGS:  # a hash of the content is the same everywhere; `year` is no column of listings
        assert identity("c") == identity("d")


def test_a_link_back_to_the_folder_is_followed_once(tmp_path: Path) -> None:
    (tmp_path / "day").mkdir()
    (tmp_path / "day" / "a.csv").write_bytes(csv_of(some_rows(2)))
    (tmp_path / "day" / "again").symlink_to(tmp_path / "day")
    assert [part.name for part in sources.identify(f"{tmp_path}/day", None, NO_SETTINGS).parts] == [
        f"{tmp_path}/day/a.csv"
    ]


def test_what_arrow_writes_as_hive_folders_is_read_back(tmp_path: Path) -> None:
    categories = ["TV & Vídeo", "a/b", "x=y", "100%", "a+b", "_x", ".y", "%41", 'quo"te', "ñandú", "a:b*c?", None]
    rows = [{"title": f"Título {number}", "category": name} for number, name in enumerate(categories * 3)]
    table = pa.Table.from_pylist(rows)
    hive = dataset.partitioning(pa.schema([("category", pa.string())]), flavor="hive")
    dataset.write_dataset(table, tmp_path / "titles", format="parquet", partitioning=hive)
    kept = Kept(str(tmp_path), NO_SETTINGS, lambda name, data: None)
    summary = kept.ingest("titles", tmp_path / "work", {**FEW, "max_bad_fraction": 0.5})
    found = {(row["title"], row["category"]) for row in listings(tmp_path / "work" / "out")}
    assert found == {(row["title"], row["category"]) for row in rows if row["category"]}
    assert summary.bad_by_reason == {"no category": 3}
