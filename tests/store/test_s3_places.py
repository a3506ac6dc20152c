"""Buckets that are not as usual: versioned, or in another region; and a clock that is wrong."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any
from uuid import uuid4

import botocore.auth
import pytest
from typing_extensions import override

from meli_tasks.core.errors import Rejected
from meli_tasks.store import Store, open_store
from meli_tasks.store.s3_client import client
from tests.servers import S3Server, http_server
from tests.store.store_contract import StoreContract

pytestmark = pytest.mark.integration

VERSIONED = "versioned"
ELSEWHERE = "sa-east-1"


@pytest.fixture
def versioned_store(s3_server: S3Server, s3_store: Store) -> Store:
    """A store in a bucket that keeps every version of each object."""
    made = client(None)
    if VERSIONED not in [bucket["Name"] for bucket in made.list_buckets()["Buckets"]]:
        made.create_bucket(Bucket=VERSIONED)
    made.put_bucket_versioning(Bucket=VERSIONED, VersioningConfiguration={"Status": "Enabled"})
    return open_store(f"s3://{VERSIONED}/test-{uuid4().hex[:12]}")


class TestVersionedBucket(StoreContract):
    @pytest.fixture
    def store(self, versioned_store: Store) -> Store:
        return versioned_store


def test_what_was_deleted_from_a_versioned_bucket_is_gone_and_may_be_created_again(versioned_store: Store) -> None:
    for data in (b"1", b"2"):
        versioned_store.write("a", data)
    made = client(None)
    prefix = versioned_store.url.rpartition("/")[2]
    kept = made.list_object_versions(Bucket=VERSIONED, Prefix=prefix)["Versions"]
    assert len(kept) == 2  # or this bucket shows nothing about versions
    versioned_store.delete("a")
    assert (versioned_store.read("a"), versioned_store.size("a"), [*versioned_store.names("")]) == (None, None, [])
    versioned_store.write("a", b"3", if_absent=True)
    found = versioned_store.read("a")
    assert found and found.data == b"3"


@pytest.mark.parametrize("hours", [-2, 2])
def test_a_wrong_clock_is_named(hours: int, s3_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    now = botocore.auth.get_current_datetime

    def wrong() -> datetime.datetime:
        return now() + datetime.timedelta(hours=hours)

    monkeypatch.setattr(botocore.auth, "get_current_datetime", wrong)
    with pytest.raises(Rejected, match="This machine's clock is wrong: set it"):
        open_store(s3_store.url).read("a")


@contextmanager
def bucket_elsewhere(regions: list[str]) -> Iterator[str]:
    """A server whose bucket is in another region: it redirects requests that are signed for any other one.

    The region of each request's signature is appended to `regions`.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            region = self.headers["Authorization"].split("Credential=")[1].split("/")[2]
            regions.append(region)
            here = region == ELSEWHERE
            code = b"<Error><Code>PermanentRedirect</Code><Message>elsewhere</Message></Error>"
            body = b"titles" if here else code
            self.send_response(200 if here else 301)
            self.send_header("x-amz-bucket-region", ELSEWHERE)
            self.send_header("ETag", '"1"')
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        @override
        def log_message(self, *arguments: Any) -> None:
            pass

    with http_server(Handler) as url:
        yield url


def test_a_bucket_in_another_region_is_read_there(monkeypatch: pytest.MonkeyPatch) -> None:
    regions: list[str] = []
    with bucket_elsewhere(regions) as url:
        for name, value in {
            "MELI_S3_ENDPOINT": url, "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": "us-east-1",
        }.items():  # fmt: skip
            monkeypatch.setenv(name, value)
        store = open_store("s3://bucket/store")
        for _ in range(2):
            found = store.read("a")
            assert found and found.data == b"titles"
    assert regions == ["us-east-1", ELSEWHERE, ELSEWHERE]  # asked the wrong way only once
