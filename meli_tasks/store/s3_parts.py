"""Large objects in parts: each part is retried on its own, and an interrupted upload is resumed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import md5
from pathlib import Path
from typing import Any, Protocol, TypeVar

from meli_tasks.core.errors import NotFound, Rejected, Unreachable
from meli_tasks.disk import disk_errors
from meli_tasks.store.protocol import Leftover
from meli_tasks.store.s3_client import body

T = TypeVar("T")

PART_BYTES = 8 << 20
"""The size of a part; larger files than this are sent and fetched in parts."""
MOST_PARTS = 10_000
"""S3's limit."""
AT_ONCE = 4
CHECKSUMS = ("ChecksumCRC32", "ChecksumCRC32C", "ChecksumSHA1", "ChecksumSHA256", "ChecksumCRC64NVME")
ABANDONED = timedelta(days=2)
"""The age at which an unfinished upload counts as abandoned. Its parts cost money, and no listing has them."""


class Request(Protocol):
    """Sends a request, with retries."""

    def __call__(self, send: Callable[[], T]) -> T:
        """Return what `send` returns."""


class Replaced(Unreachable):
    """The object was replaced while its parts were read."""


class _Ended(NotFound):
    """An upload that the server no longer knows: another worker completed it, or a request whose response was lost."""


@dataclass(frozen=True)
class Range:
    """A part: its number from 1, where it begins and how many bytes it has."""

    number: int
    start: int
    size: int


def ranges(size: int) -> list[Range]:
    """The parts of `size` bytes."""
    each = max(PART_BYTES, -(-size // MOST_PARTS))
    return [Range(start // each + 1, start, min(each, size - start)) for start in range(0, size, each)]


@dataclass(frozen=True)
class Parts:
    """Transfers in parts.

    Args:
        client: Returns the boto3 client.
        bucket: The bucket.
        prefix: Of all keys of the store.
        request: Sends a request, with retries.
    """

    client: Callable[[], Any]
    bucket: str
    prefix: str
    request: Request

    def upload(self, path: Path, key: str, metadata: Mapping[str, str], digest_there: Callable[[], str | None]) -> None:
        """Upload a file. An unfinished upload of the same file is resumed, and abandoned ones of the store are aborted.

        Args:
            path: The file.
            key: Where to.
            metadata: With the file's digest as `sha256`.
            digest_there: Returns the digest of the object that is at the key.
        """
        wanted = metadata["sha256"]
        for unfinished in self._unfinished(key):
            if self._send(path, key, unfinished) and digest_there() == wanted:
                return
        # If another worker completed the upload, the object is at the key; otherwise the upload starts again.
        for _ in range(2):
            begun = self.request(lambda: self._begin(key, metadata))
            if self._send(path, key, begun) or digest_there() == wanted:
                return
        raise Unreachable(f"The upload of {key} to bucket {self.bucket!r} was lost twice. Run again.")

    def download(self, key: str, path: Path, size: int, version: str) -> None:
        """Download the `size` bytes of one version of an object."""
        with disk_errors(path), path.open("wb") as file:
            file.truncate(size)

            def fetch(part: Range) -> None:
                os.pwrite(file.fileno(), self.request(lambda: self._get(key, part, version)), part.start)

            with ThreadPoolExecutor(AT_ONCE) as pool:
                list(pool.map(fetch, ranges(size)))

    def _get(self, key: str, part: Range, version: str) -> bytes:
        from botocore.exceptions import ClientError

        byte_range = f"bytes={part.start}-{part.start + part.size - 1}"
        try:
            answer = self.client().get_object(Bucket=self.bucket, Key=key, Range=byte_range, IfMatch=version)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] in (404, 412):
                raise Replaced(f"{key} of bucket {self.bucket!r} changed while it was read. Run again.") from error
            raise
        data = bytes(answer["Body"].read())
        if len(data) != part.size:
            cut = f"{len(data)} of {part.size} bytes"
            raise Unreachable(f"Part {part.number} of {key} of bucket {self.bucket!r} was cut to {cut}. Run again.")
        return data

    def _begin(self, key: str, metadata: Mapping[str, str]) -> str:
        client = self.client()
        supported = client.meta.config.request_checksum_calculation == "when_supported"
        # AWS refuses parts with a checksum that was not announced.
        checksum = {"ChecksumAlgorithm": "CRC32"} if supported else {}
        begun = client.create_multipart_upload(Bucket=self.bucket, Key=key, Metadata=dict(metadata), **checksum)
        return str(begun["UploadId"])

    def _send(self, path: Path, key: str, upload: str) -> bool:
        """Send the parts that are missing and complete the upload; False if the server no longer knows it."""
        place = {"Bucket": self.bucket, "Key": key, "UploadId": upload}
        try:
            there = {part["PartNumber"]: part for part in self._sent(place)}
            with ThreadPoolExecutor(AT_ONCE) as pool:
                sent = pool.map(lambda part: self._send_part(path, place, part, there), ranges(path.stat().st_size))
                parts = list(sent)
            self._request_about("complete_multipart_upload", place, MultipartUpload={"Parts": parts})
        except _Ended:
            return False
        return True

    def _request_about(self, operation: str, place: Mapping[str, str], **arguments: Any) -> Any:
        """Send a request about an upload. Raises _Ended if the server no longer knows it."""
        from botocore.exceptions import ClientError

        def send() -> Any:
            try:
                return getattr(self.client(), operation)(**place, **arguments)
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") not in ("NoSuchUpload", "404"):
                    raise
                raise _Ended(f"The upload of {place['Key']} to bucket {self.bucket!r} has ended.") from error

        return self.request(send)

    def _send_part(self, path: Path, place: Mapping[str, str], part: Range, there: Mapping[int, Any]) -> dict[str, Any]:
        with disk_errors(path), path.open("rb") as file:
            data = os.pread(file.fileno(), part.size, part.start)
        digest = md5(data, usedforsecurity=False).hexdigest()
        sent = there.get(part.number)
        # Servers that encrypt objects return other ETags; there a part is sent again.
        if sent is None or sent["Size"] != part.size or sent["ETag"].strip('"') != digest:
            sent = self._request_about("upload_part", place, PartNumber=part.number, **body(self.client(), data))
        checksums = {name: value for name, value in sent.items() if name in CHECKSUMS}
        return {"PartNumber": part.number, "ETag": sent["ETag"], **checksums}

    def _sent(self, place: Mapping[str, str]) -> Iterator[Any]:
        start: dict[str, int] = {}
        while True:
            page = self._request_about("list_parts", place, **start)
            yield from page.get("Parts", ())
            if not page.get("IsTruncated"):
                return
            start = {"PartNumberMarker": page["NextPartNumberMarker"]}

    def _unfinished(self, key: str) -> list[str]:
        """The unfinished uploads of a key, the newest first. Abandoned ones of any key are aborted.

        Credentials that may write objects may still be denied listing uploads; then nothing is resumed or aborted.
        """
        try:
            uploads = list(self._uploads())
        except Rejected:
            return []
        now, own = datetime.now(UTC), []
        for upload in uploads:
            if now - upload["Initiated"] > ABANDONED:
                self.abort(upload["Key"], upload["UploadId"])
            elif upload["Key"] == key:
                own.append((upload["Initiated"], upload["UploadId"]))
        return [upload for _, upload in sorted(own, reverse=True)]

    def leftovers(self) -> list[Leftover]:
        """All unfinished uploads of the store, with the bytes of the parts that were sent."""
        found = []
        for upload in self._uploads():
            key, number = str(upload["Key"]), str(upload["UploadId"])
            with suppress(_Ended):
                sent = self._sent({"Bucket": self.bucket, "Key": key, "UploadId": number})
                size = sum(int(part["Size"]) for part in sent)
                found.append(Leftover(key, size, upload["Initiated"].timestamp(), number))
        return found

    def abort_below(self, key: str) -> None:
        """Abort the unfinished uploads of keys that begin with `key`, if the credentials allow to list them."""
        with suppress(Rejected):
            for upload in list(self._uploads(key)):
                if upload["Key"].startswith(key):
                    self.abort(upload["Key"], upload["UploadId"])

    def _uploads(self, prefix: str | None = None) -> Iterator[Any]:
        start: dict[str, str] = {}
        while True:
            options = {"Bucket": self.bucket, "Prefix": self.prefix if prefix is None else prefix, **start}
            page = self.request(partial(self.client().list_multipart_uploads, **options))
            yield from page.get("Uploads", ())
            if not page.get("IsTruncated"):
                return
            start = {"KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page["NextUploadIdMarker"]}

    def abort(self, key: str, upload: str) -> None:
        """End an unfinished upload, and delete its parts."""
        with suppress(_Ended):
            self._request_about("abort_multipart_upload", {"Bucket": self.bucket, "Key": key, "UploadId": upload})
