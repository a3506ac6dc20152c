"""Sources: every kind of place gives the same files, and every way not to find them is told apart."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from unittest.mock import Mock
from uuid import uuid4

import pyarrow.parquet as pq
import pytest

from meli_tasks import sources
from meli_tasks.core.errors import BadData, DiskFull, NotFound, Rejected, Unreachable
from meli_tasks.settings import Settings
from meli_tasks.store import open_store, s3_client
from tests.servers import S3Server

NO_SETTINGS = Settings()
DATA = b"title,category\nSilla,CHAIRS\n"
OTHER = b"title,category\nMesa,TABLES\n"


def fetched(
    spec: str, folder: Path, settings: Settings = NO_SETTINGS, as_of: date | None = None, window_days: int = 1
) -> dict[str, bytes]:
    source = sources.identify(spec, as_of, settings, window_days)
    folder.mkdir()
    path = sources.fetch(source.spec, folder, settings, source.identity)
    return {file.name: file.read_bytes() for file in sorted(path.iterdir())}


def identity(spec: object, settings: Settings = NO_SETTINGS) -> str:
    return sources.identify(str(spec), None, settings).identity


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "fetched"


def test_a_local_file_is_linked_not_copied(tmp_path: Path, target: Path) -> None:
    (tmp_path / "titles.csv").write_bytes(DATA)
    assert fetched(str(tmp_path / "titles.csv"), target) == {"titles.csv": DATA}
    assert (target / "titles.csv").is_symlink()
    assert fetched(f"file://{tmp_path}/titles.csv", tmp_path / "again") == {"titles.csv": DATA}


def test_a_local_identity_is_that_of_the_content(tmp_path: Path) -> None:
    first, copy = tmp_path / "a.csv", tmp_path / "elsewhere.csv"
    first.write_bytes(DATA)
    copy.write_bytes(DATA)
    assert identity(first) == identity(copy)
    copy.write_bytes(OTHER)
    assert identity(first) != identity(copy)


def test_another_content_of_one_length_and_date_has_another_identity(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_bytes(DATA)
    about, before = file.stat(), identity(file)
    file.write_bytes(DATA.replace(b"Silla", b"Sillo"))
    os.utime(file, ns=(about.st_atime_ns, about.st_mtime_ns))
    assert identity(file) != before


def test_globs_and_folders_come_in_order(tmp_path: Path, target: Path) -> None:
    for name in ("2/b.csv", "1/b.csv", "1/a.csv", "1/.hidden"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    assert fetched(str(tmp_path / "1"), target) == {"a.csv": b"1/a.csv", "b.csv": b"1/b.csv"}
    # Names that repeat, or that would change the order, are numbered.
    assert fetched(f"{tmp_path}/[12]/*.csv", tmp_path / "globbed") == {
        "00000-a.csv": b"1/a.csv",
        "00001-b.csv": b"1/b.csv",
        "00002-b.csv": b"2/b.csv",
    }


def test_the_date_of_the_run_stands_in_the_source(tmp_path: Path, target: Path) -> None:
    (tmp_path / "2026-11-21.csv").write_bytes(DATA)
    assert fetched(f"{tmp_path}/{{ds}}.csv", target, as_of=date(2026, 11, 21)) == {"2026-11-21.csv": DATA}
    with pytest.raises(BadData, match=r"needs the run's date for \{ds\}"):
        sources.identify(f"{tmp_path}/{{ds}}.csv", None, NO_SETTINGS)
    with pytest.raises(BadData, match=r"2026-11-22\.csv matches no file"):
        sources.identify(f"{tmp_path}/{{ds}}.csv", date(2026, 11, 22), NO_SETTINGS)


@pytest.mark.parametrize("spec", ["none.csv", "*.csv", "folder"])
def test_no_local_file_names_the_nearest_folder(tmp_path: Path, spec: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(BadData, match=r"matches no file.*nearest folder that exists"):
        sources.identify(f"{tmp_path}/{spec}", None, NO_SETTINGS)


@pytest.mark.parametrize("spec", ["x" * 100_000, "zero\0byte.csv"])
def test_a_path_that_the_system_refuses_is_told(spec: str) -> None:
    with pytest.raises(BadData, match=r"cannot be searched for|matches no file") as caught:
        identity(spec)
    assert len(str(caught.value)) < 1000


def test_a_source_that_changed_after_planning_is_refused(tmp_path: Path, target: Path) -> None:
    file = tmp_path / "titles.csv"
    file.write_bytes(DATA)
    planned = identity(file)
    file.write_bytes(OTHER + OTHER)
    target.mkdir()
    with pytest.raises(BadData, match="changed after this run was planned"):
        sources.fetch(str(file), target, NO_SETTINGS, planned)


@pytest.mark.parametrize(
    ("spec", "message"),
    [("ftp://host/a.csv", "begins with ftp://, which is not supported"), (" ", "The source is empty")],
)
def test_an_unknown_kind_is_refused(spec: str, message: str) -> None:
    with pytest.raises(BadData, match=message):
        sources.identify(spec, None, NO_SETTINGS)


def test_missing_vectors_say_where_the_lab_s_are() -> None:
    with pytest.raises(NotFound, match="SBW-vectors-300-min5"):
        sources.identify_vectors("no/such/file.txt.gz", NO_SETTINGS)


def test_a_sample_is_generated(target: Path) -> None:
    (name,) = fetched("sample:rows=500,seed=7", target)
    table = pq.read_table(target / name)
    assert table.num_rows == 500
    assert table.column_names == ["title", "category", "language", "label_quality"]


def test_a_sample_s_identity_is_what_it_is_made_from() -> None:
    assert (
        identity("sample:rows=20000,seed=1")
        == identity("sample:")
        == identity("sample")
        == identity("sample: seed = 1")
    )
    assert len({identity(f"sample:{what}") for what in ("", "rows=10", "seed=2", "wrong_fraction=0.2")}) == 4
    assert identity("sample:wrong_share=0.2") == identity("sample:wrong_fraction=0.2")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("sample:row=5", "Did you mean 'rows'"),
        ("sample:colour=5", "Known are rows, seed, wrong_fraction, day"),
        ("sample:rows=many", "it must be a number"),
        ("sample:rows=0", "out of range"),
        ("sample:wrong_fraction=0.9", "out of range"),
    ],
)
def test_a_sample_that_cannot_be_made_says_why(spec: str, message: str) -> None:
    with pytest.raises(BadData, match=message):
        sources.identify(spec, None, NO_SETTINGS)


def test_a_full_disk_is_told(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, *_: object) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("meli_tasks.stages.files.sample_file.write_sample", full)
    with pytest.raises(DiskFull, match="No space left on the disk"):
        fetched("sample:rows=5", target)
    assert list(target.iterdir()) == []


@pytest.fixture
def bucket(s3_server: S3Server, tmp_path: Path) -> Iterator[tuple[str, Settings]]:
    """A prefix with three objects in a real server, and the settings to reach it."""
    settings = Settings.from_environment(s3_server.environment)
    url = f"s3://{s3_server.bucket}/sources-{uuid4().hex[:8]}"
    store = open_store(url, s3_endpoint=settings.s3_endpoint, s3_client=settings.s3_client)
    for name, data in {
        "day/a.csv": DATA,
        "day/b.csv.gz": gzip.compress(OTHER, mtime=0),
        "day/note.txt": b"no titles",
    }.items():
        store.write(name, data)
    yield url, settings


@pytest.mark.integration
def test_objects_by_key_glob_and_folder(bucket: tuple[str, Settings], tmp_path: Path) -> None:
    url, settings = bucket
    assert fetched(f"{url}/day/a.csv", tmp_path / "1", settings) == {"a.csv": DATA}
    assert list(fetched(f"{url}/day/*.csv*", tmp_path / "2", settings)) == ["a.csv", "b.csv.gz"]
    assert list(fetched(f"{url}/day/", tmp_path / "3", settings)) == ["a.csv", "b.csv.gz", "note.txt"]
    assert identity(f"{url}/day/a.csv", settings) != identity(f"{url}/day/*.csv*", settings)


@pytest.mark.integration
def test_an_object_that_changes_has_another_identity(bucket: tuple[str, Settings]) -> None:
    url, settings = bucket
    before = identity(f"{url}/day/a.csv", settings)
    assert identity(f"{url}/day/a.csv", settings) == before
    open_store(url, s3_endpoint=settings.s3_endpoint, s3_client=settings.s3_client).write("day/a.csv", OTHER)
    assert identity(f"{url}/day/a.csv", settings) != before


@pytest.mark.integration
def test_two_keys_with_one_etag_are_two_sources(bucket: tuple[str, Settings]) -> None:
    url, settings = bucket
    store = open_store(url, s3_endpoint=settings.s3_endpoint, s3_client=settings.s3_client)
    store.write("other/a.csv", DATA)  # the same bytes: the same ETag
    assert identity(f"{url}/day/a.csv", settings) != identity(f"{url}/other/a.csv", settings)
    assert sources.identify_vectors(f"{url}/day/a.csv", settings).identity == identity(f"{url}/day/a.csv", settings)


@pytest.mark.integration
def test_objects_that_cannot_be_read_say_why(bucket: tuple[str, Settings], s3_server: S3Server) -> None:
    url, settings = bucket
    with pytest.raises(BadData, match="matches no object with content"):
        identity(f"{url}/day/none.csv", settings)
    with pytest.raises(BadData, match="must be written like s3://"):
        identity("s3://bucket", settings)
    with pytest.raises(Rejected, match="no such bucket"):
        identity("s3://no-such-bucket-here/a.csv", settings)
    wrong_keys = Settings.from_environment({**s3_server.environment, "AWS_SECRET_ACCESS_KEY": "wrong"})
    with pytest.raises(Rejected, match="keys are wrong"):
        identity(f"{url}/day/a.csv", wrong_keys)
    nobody = Settings.from_environment({**s3_server.environment, "MELI_S3_ENDPOINT": "http://127.0.0.1:9"})
    with pytest.raises(Unreachable, match="did not return a usable response"):
        identity(f"{url}/day/a.csv", nobody)


@pytest.mark.integration
def test_a_window_of_objects(
    bucket: tuple[str, Settings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (url, settings), last = bucket, date(2026, 11, 21)
    store = open_store(url, s3_endpoint=settings.s3_endpoint, s3_client=settings.s3_client)
    for name in ("2026-11-18/a.csv", "2026-11-20/a.csv", "2026-11-20/b.csv", "2026-11-22/a.csv"):
        store.write(f"table/{name}", name.encode())
    made = Mock(wraps=s3_client.client)
    monkeypatch.setattr(s3_client, "client", made)
    source = sources.identify(f"{url}/table/{{ds}}/", last, settings, 30)
    assert [part.name.split("/")[-2] for part in source.parts] == ["2026-11-18", "2026-11-20", "2026-11-20"]
    assert made.call_count == 1  # a client costs more than a listing
    assert "no files for 28 of its 30 days" in caplog.text and "and 14 more" in caplog.text
    found = fetched(f"{url}/table/{{ds}}/*.csv", tmp_path / "fetched", settings, last, window_days=30)
    assert found == {
        "2026-11-18-a.csv": b"2026-11-18/a.csv",
        "2026-11-20-a.csv": b"2026-11-20/a.csv",
        "2026-11-20-b.csv": b"2026-11-20/b.csv",
    }
    with pytest.raises(BadData, match="no files for any of the 2 days"):
        sources.identify(f"{url}/none/{{ds}}/", last, settings, 2)
