"""The store through a proxy that fails requests: the right bytes at the first try, and each write done once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path
from random import Random

import pytest

from meli_tasks.core.errors import BadData, Conflict, Rejected
from meli_tasks.store import Store, open_store
from meli_tasks.store.s3_parts import PART_BYTES
from tests.fault_proxy import ALL, Fault, Plan, in_front_of

pytestmark = [pytest.mark.integration, pytest.mark.faults]

Flaky = Callable[[Plan], Store]


@pytest.fixture
def flaky(s3_store: Store) -> Iterator[Flaky]:
    """Opens the store through a proxy with a plan of faults."""
    with ExitStack() as proxies:

        def open_(plan: Plan) -> Store:
            proxy = proxies.enter_context(in_front_of(os.environ["MELI_S3_ENDPOINT"], plan))
            return open_store(s3_store.url, s3_endpoint=proxy, s3_retry_seconds=60)

        yield open_


@pytest.mark.parametrize(
    ("fault", "checksums"),
    [(fault, "when_supported") for fault in Fault if fault is not Fault.DELAY]
    + [(fault, "when_required") for fault in (Fault.FLIPPED, Fault.FLIPPED_UPLOAD)],
)
def test_each_fault_costs_a_second_try(
    s3_store: Store, flaky: Flaky, tmp_path: Path, fault: Fault, checksums: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MELI_S3_CHECKSUMS", checksums)
    plan = Plan()
    store = flaky(plan)
    (tmp_path / "there").write_bytes(os.urandom(100_000))
    calls: list[Callable[[], object]] = [
        lambda: store.write("a", b"first" * 1_000, if_absent=True),
        lambda: store.read("a"),
        lambda: store.upload(tmp_path / "there", "file"),
        lambda: store.download("file", tmp_path / "back"),
        lambda: list(store.names("")),
        lambda: store.size("a"),
    ]
    answers = []
    for call in calls:
        plan.next = [fault]
        answers.append(call())
    blob = s3_store.read("a")
    assert blob is not None
    assert (blob.data, answers[0], answers[1]) == (b"first" * 1_000, blob.version, blob)
    assert (tmp_path / "back").read_bytes() == (tmp_path / "there").read_bytes()
    assert answers[4:] == [["a", "file"], 5_000]
    assert plan.done[fault] > 0


def test_a_write_whose_answer_was_lost_is_recognized_by_its_id_and_not_by_its_bytes(
    s3_store: Store, flaky: Flaky
) -> None:
    plan = Plan()
    store = flaky(plan)
    plan.next = [Fault.LOST]
    first = store.write("ledger/1", b"same", if_absent=True)
    plan.next = [Fault.LOST]
    second = store.write("ledger/1", b"next", if_version=first)
    assert store.read("ledger/1") == s3_store.read("ledger/1")
    s3_store.write("ledger/2", b"same", if_absent=True)
    plan.next = [Fault.RESET]  # the request never arrived, and somebody else has written the same bytes
    with pytest.raises(Conflict):
        store.write("ledger/2", b"same", if_absent=True)
    with pytest.raises(Conflict):
        store.write("ledger/1", b"late", if_version=first)
    s3_store.write("ledger/1", b"last", if_version=second)


def test_damage_that_stays_is_named_and_not_retried_for_ever(s3_store: Store, flaky: Flaky, tmp_path: Path) -> None:
    plan = Plan()
    store = flaky(plan)
    bucket = s3_store._client  # type: ignore[attr-defined]
    place = {"Bucket": s3_store.bucket, "Key": s3_store._key("a")}  # type: ignore[attr-defined]
    bucket.put_object(**place, Body=b"altered", Metadata={"sha256": "0" * 64})
    before = plan.requests
    for read in (lambda: store.read("a"), lambda: store.download("a", tmp_path / "back")):
        with pytest.raises(BadData, match="damage is in the store"):
            read()
    assert plan.requests - before == 6
    assert not (tmp_path / "back").exists()


def test_objects_that_others_wrote_have_no_digest_and_are_read(s3_store: Store, tmp_path: Path) -> None:
    bucket = s3_store._client  # type: ignore[attr-defined]
    bucket.put_object(Bucket=s3_store.bucket, Key=s3_store._key("a"), Body=b"theirs")  # type: ignore[attr-defined]
    blob = s3_store.read("a")
    assert blob is not None
    assert blob.data == b"theirs"
    s3_store.download("a", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == b"theirs"


def test_keys_without_rights_are_refused_after_a_few_tries(flaky: Flaky) -> None:
    plan = Plan(rate=1.0, faults=[Fault.FORBIDDEN])
    with pytest.raises(Rejected, match="may not write"):
        flaky(plan).write("a", b"")
    assert plan.requests == 4


def test_many_requests_with_every_fault_give_the_right_bytes(s3_store: Store, flaky: Flaky, tmp_path: Path) -> None:
    plan = Plan(rate=0.2, faults=ALL, seed=14, seconds=0.05)
    store, random = flaky(plan), Random(14)
    wanted = {f"folder/{number:03}": random.randbytes(random.randrange(1, 2_000)) for number in range(40)}
    for name, data in wanted.items():
        store.write(name, data, if_absent=True)
    assert list(store.names("folder/")) == list(wanted)
    assert {name: blob.data for name in wanted if (blob := store.read(name))} == wanted
    assert sum(plan.done.values()) > 10


def test_a_large_file_survives_faults_in_its_parts(s3_store: Store, flaky: Flaky, tmp_path: Path) -> None:
    plan = Plan(rate=0.2, faults=ALL, seed=3, seconds=0.05)
    store = flaky(plan)
    (tmp_path / "there").write_bytes(Random(3).randbytes(3 * PART_BYTES + 17))
    for number in range(2):
        store.upload(tmp_path / "there", f"large-{number}")
        store.download(f"large-{number}", tmp_path / "back")
        assert (tmp_path / "back").read_bytes() == (tmp_path / "there").read_bytes()
        assert s3_store.size(f"large-{number}") == 3 * PART_BYTES + 17
    assert plan.done


def test_an_upload_that_was_broken_off_is_continued(s3_store: Store, flaky: Flaky, tmp_path: Path) -> None:
    bucket = s3_store._client  # type: ignore[attr-defined]
    place = {"Bucket": s3_store.bucket, "Key": s3_store._key("large")}  # type: ignore[attr-defined]
    data = Random(4).randbytes(2 * PART_BYTES + 17)
    (tmp_path / "there").write_bytes(data)
    begun = bucket.create_multipart_upload(**place, Metadata={"sha256": sha256(data).hexdigest()})["UploadId"]
    bucket.upload_part(**place, UploadId=begun, PartNumber=1, Body=data[:PART_BYTES])
    plan = Plan()
    flaky(plan).upload(tmp_path / "there", "large")
    sent = [path for path in plan.paths if "partNumber=" in path]
    assert ["partNumber=2" in path or "partNumber=3" in path for path in sent] == [True, True]
    assert not bucket.list_multipart_uploads(Bucket=s3_store.bucket).get("Uploads")  # type: ignore[attr-defined]
    s3_store.download("large", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == data


def test_an_upload_of_other_bytes_is_not_taken_for_this_one(s3_store: Store, tmp_path: Path) -> None:
    bucket = s3_store._client  # type: ignore[attr-defined]
    place = {"Bucket": s3_store.bucket, "Key": s3_store._key("large")}  # type: ignore[attr-defined]
    data = Random(5).randbytes(PART_BYTES + 17)
    (tmp_path / "there").write_bytes(data)
    begun = bucket.create_multipart_upload(**place, Metadata={"sha256": "1" * 64})["UploadId"]
    bucket.upload_part(**place, UploadId=begun, PartNumber=1, Body=b"x" * PART_BYTES)
    s3_store.upload(tmp_path / "there", "large")
    s3_store.download("large", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == data
