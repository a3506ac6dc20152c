"""Pruning in a folder and in a real S3 server: interrupted writes, times of objects, registered versions."""

from __future__ import annotations

import os
import time
from datetime import timedelta
from pathlib import Path

import pytest

from meli_tasks.artifacts import paths
from meli_tasks.artifacts.cache import ABANDONED_AFTER_SECONDS, Cache
from meli_tasks.artifacts.manifest import find, find_record
from meli_tasks.pruning.prune import Outcome, Prune, totals
from meli_tasks.pruning.rules import Rules
from meli_tasks.store import Store
from meli_tasks.store.file import FileStore
from meli_tasks.store.s3 import S3Store
from meli_tasks.store.s3_parts import PART_BYTES
from tests.past_run import START, PastRun

DAY = 86_400
ONE = Rules(keep_runs=1, keep_days=0, keep_versions=1)


def in_days(store: Store, folder: Path, days: float) -> Prune:
    """A prune as it would be after some days."""
    return Prune(store, Cache(folder / "cache", 1.0), ONE, clock=lambda: time.time() + days * DAY)


def check(store: Store, folder: Path) -> None:
    """Two runs of the same sets with other titles: of the first one, the newest models of the sets stay."""
    runs = [PastRun(store, run_id=f"night_{number}", seed=number) for number in (1, 2)]
    runs[1].plan.model_copy(update={"at": (START + timedelta(days=1)).isoformat()}).save(store)
    assert in_days(store, folder, 2).find().candidates == []
    later, outcome = in_days(store, folder, 40), Outcome()
    later.delete(later.find(), outcome)
    assert (outcome.failed, outcome.in_use) == ({}, [])
    assert len(outcome.deleted) == 2  # the other steps have no files
    for name, made in runs[0].trainings.items():
        record = find_record(store, "train", made.key)
        assert record is not None and record.pruned, name
        assert list(store.names(made.file_name(""))) == []
    assert all(find(store, "train", made.key) for made in runs[1].trainings.values())
    assert later.find().candidates == []


def test_in_a_folder(file_store: Store, tmp_path: Path) -> None:
    check(file_store, tmp_path)


@pytest.mark.integration
def test_in_s3(s3_store: Store, tmp_path: Path) -> None:
    check(s3_store, tmp_path)


def test_part_files_and_work_folders_of_killed_runs(tmp_path: Path) -> None:
    store = FileStore(tmp_path / "store")
    store.write("plans/a.txt", b"kept")
    parts, cache = tmp_path / "store" / ".store" / "parts", tmp_path / "cache"
    killed = [parts / ".model.1a.part", cache / "train" / ".weights.2b.part"]
    for path in (*killed, parts / ".model.3c.part", cache / "work" / "killed" / "file"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"12345")
    (cache / "work" / "running").mkdir()
    old = time.time() - ABANDONED_AFTER_SECONDS - 60
    for path in (*killed, cache / "work" / "killed"):
        os.utime(path, (old, old))
    found, outcome = in_days(store, tmp_path, 0).run()
    assert totals(found.candidates) == {"interrupted uploads": (1, 5), "work folders of this machine": (2, 10)}
    assert (len(outcome.deleted), outcome.failed) == (3, {})
    assert [path.name for path in parts.iterdir()] == [".model.3c.part"]
    assert sorted(path.name for path in (cache / "work").iterdir()) == ["running"]
    assert not killed[1].exists()
    assert store.size("plans/a.txt") == 4 and store.size(paths.LAST_PRUNE)


@pytest.mark.integration
def test_an_upload_that_nobody_completed(s3_store: Store, tmp_path: Path) -> None:
    assert isinstance(s3_store, S3Store)
    client, key = s3_store._client, s3_store._key("train/a/b/model.safetensors")
    begun = client.create_multipart_upload(Bucket=s3_store.bucket, Key=key)
    place = {"Bucket": s3_store.bucket, "Key": key, "UploadId": begun["UploadId"]}
    client.upload_part(**place, PartNumber=1, Body=b"0" * PART_BYTES)
    [left] = s3_store.leftovers()
    assert (left.name, left.size, left.upload) == (key, PART_BYTES, begun["UploadId"])
    assert time.time() - left.modified < DAY
    assert in_days(s3_store, tmp_path, 1).find().candidates == []
    later, outcome = in_days(s3_store, tmp_path, 3), Outcome()
    later.delete(later.find(), outcome)
    assert totals(outcome.deleted) == {"interrupted uploads": (1, PART_BYTES)}
    assert s3_store.leftovers() == []
    s3_store.discard(left)  # it need not exist
