"""An S3 bucket as a store: AWS, or a server that honours `If-None-Match` and `If-Match` on PUT. Versions are ETags.

Every object that is written here has the SHA-256 of its bytes in its metadata. What is read is checked against it and
against the length, whatever checksums the server and boto3 agree on, and read again if it differs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from hashlib import file_digest, sha256
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar
from uuid import uuid4

from typing_extensions import override

from meli_tasks.core.errors import BadData, Conflict, MeliError, NotFound, Rejected, Unreachable
from meli_tasks.disk import atomic_write, disk_errors, must_be_file
from meli_tasks.redaction import without_credentials
from meli_tasks.store.protocol import Blob, Leftover, Listed, Page, Store, checked_name, checked_prefix
from meli_tasks.store.retrying import Retrying, budget_in_use
from meli_tasks.store.s3_client import body, client, endpoint_in_use, keys_are_rotated
from meli_tasks.store.s3_errors import Place, doubtful, masked, not_listening, s3_errors
from meli_tasks.store.s3_listing import ListingCheck
from meli_tasks.store.s3_parts import PART_BYTES, Parts, Replaced

T = TypeVar("T")

DIGEST = "sha256"
"""The metadata that holds the SHA-256 of an object's bytes."""
WRITE = "write"
"""The metadata that holds the id of the write, by which a writer recognizes its own write if the response was lost."""
SAME_DAMAGE = 3
"""As many reads with the same wrong bytes mean damage in the store: a network alters each response differently."""
_SIGNED_BY = re.compile(r"Credential=([^/,]+)/")


class _Damaged(Unreachable):
    """What was read is not what was written."""


class S3Store(Store):
    """Names are keys of `bucket` under `prefix`. boto3 is loaded by the first call."""

    def __init__(
        self,
        bucket: str,
        prefix: str = "",
        endpoint: str | None = None,
        make: Callable[[str | None], Any] = client,
        retry_seconds: float | None = None,
    ) -> None:
        """Connects to nothing yet.

        Args:
            bucket: The bucket.
            prefix: Without a slash at its ends.
            endpoint: None for the environment's, or else AWS.
            make: Returns the boto3 client for an endpoint.
            retry_seconds: How long a request is tried; None for MELI_S3_RETRY_SECONDS.

        Raises:
            BadSettings: MELI_S3_RETRY_SECONDS is no number of seconds.
        """
        self.bucket = bucket
        self.endpoint = endpoint_in_use(endpoint)
        self._prefix = f"{prefix}/" if prefix else ""
        self._make = make
        self._made: Any = None
        self._access_key = ""
        self._making = Lock()
        self._retrying = Retrying(budget_in_use(retry_seconds), doubtful, not_listening)
        self._checked = ListingCheck(self._prefix)
        self._parts = Parts(lambda: self._client, bucket, self._prefix, self._request)

    def __repr__(self) -> str:
        return f"S3Store({self.url!r}, endpoint={without_credentials(self.endpoint or 'AWS')!r})"

    @property
    @override
    def url(self) -> str:
        """`s3://bucket/prefix`"""
        return f"s3://{self.bucket}/{self._prefix}".rstrip("/")

    @override
    def read(self, name: str) -> Blob | None:
        key, wrong = self._key(name), list[str]()

        def get() -> Blob | None:
            answer = self._get(key)
            if answer is None:
                return None
            data = answer["Body"].read()
            self._check(name, sha256(data).hexdigest(), answer, wrong)
            return Blob(data, answer["ETag"])

        return self._request(get)

    @override
    def write(self, name: str, data: bytes, *, if_absent: bool = False, if_version: str | None = None) -> str:
        conditions = {"IfNoneMatch": "*"} if if_absent else {}
        conditions |= {"IfMatch": if_version} if if_version is not None else {}
        place = {"Bucket": self.bucket, "Key": self._key(name)}
        metadata = {DIGEST: sha256(data).hexdigest(), WRITE: uuid4().hex}
        tries = 0

        def put() -> str:
            from botocore.exceptions import ClientError

            nonlocal tries
            tries += 1
            try:
                return self._put(place, data, Metadata=metadata, **conditions)
            except ClientError as error:
                if not conditions or not _condition_failed(error):
                    raise
                answer = error.response["ResponseMetadata"]
                undecided = answer["HTTPStatusCode"] == 409
                if tries > 1 or answer.get("RetryAttempts") or undecided:
                    found = self._head(name)
                    # An earlier try may have succeeded and its response been lost; then this one conflicts with it.
                    if found is not None and found["Metadata"].get(WRITE) == metadata[WRITE]:
                        return str(found["ETag"])
                    # Another write is still in progress: it has not changed anything yet, and may fail.
                    if undecided and (found["ETag"] if found else None) == if_version:
                        raise Unreachable(
                            f"Another write of {name} of {self.url} is in progress. Run again."
                        ) from error
                why = "it exists already" if if_absent else "it has changed since it was read"
                raise Conflict(f"{name} of {self.url} was not written: {why}.") from error

        return self._request(put)

    @override
    def upload(self, path: Path, name: str) -> None:
        place = {"Bucket": self.bucket, "Key": self._key(name)}
        must_be_file(path, name)
        with disk_errors(path), path.open("rb") as stream:
            digest, size = file_digest(stream, "sha256").hexdigest(), stream.tell()
            stream.seek(0)
            data = stream.read() if size <= PART_BYTES else b""
        metadata = {DIGEST: digest, WRITE: uuid4().hex}
        if size > PART_BYTES:
            self._parts.upload(path, place["Key"], metadata, lambda: self._digest_of(name))
        else:
            self._request(lambda: self._put(place, data, Metadata=metadata))

    @override
    def download(self, name: str, path: Path) -> None:
        key, wrong = self._key(name), list[str]()

        def get() -> Any:
            """The answer, with the bytes in it if they are not too many."""
            answer = self._get(key)
            if answer is None:
                raise NotFound(f"There is no {name} in {self.url}.")
            if answer["ContentLength"] > PART_BYTES:
                answer["Body"].close()
                return answer
            data = answer["Body"].read()
            if len(data) != answer["ContentLength"]:
                cut = f"{len(data)} of {answer['ContentLength']} bytes"
                raise Unreachable(f"{name} of {self.url} was truncated to {cut}. Run again.")
            self._check(name, sha256(data).hexdigest(), answer, wrong)
            return {"Data": data}

        with atomic_write(path) as part:
            answer = self._request(get)
            if "Data" in answer:
                with disk_errors(part):
                    part.write_bytes(answer["Data"])
            else:
                self._download_parts(name, part, wrong)

    def _download_parts(self, name: str, path: Path, wrong: list[str]) -> None:
        """Download a large object, again if it is damaged or replaced meanwhile: its parts have no digests."""

        def fetch() -> None:
            head = self._request(lambda: self._head(name))
            if head is None:
                raise NotFound(f"There is no {name} in {self.url}.")
            self._parts.download(self._key(name), path, int(head["ContentLength"]), head["ETag"])
            with disk_errors(path), path.open("rb") as stream:
                digest = file_digest(stream, "sha256").hexdigest()
            self._check(name, digest, head, wrong)

        for _ in range(SAME_DAMAGE):
            try:
                fetch()
            except (_Damaged, Replaced):
                continue
            return
        fetch()

    @override
    def names(self, prefix: str) -> Iterator[str]:
        yield from (listed.name for listed in self.objects(prefix))

    @override
    def objects(self, prefix: str) -> list[Listed]:
        place = {"Bucket": self.bucket, "Prefix": self._prefix + checked_prefix(prefix)}
        page = self._list(place)
        found = page.get("Contents", [])
        while page.get("IsTruncated"):
            page = self._list({**place, "ContinuationToken": page["NextContinuationToken"]})
            found += page.get("Contents", [])
        return self._sorted(found)

    @override
    def page(self, prefix: str, after: str = "") -> Page:
        place = {"Bucket": self.bucket, "Prefix": self._prefix + checked_prefix(prefix)}
        found = self._list({**place, "StartAfter": self._prefix + after} if after else place)
        listed = self._sorted(found.get("Contents", []))
        return Page(tuple(each for each in listed if each.name > after), bool(found.get("IsTruncated")))

    def _sorted(self, contents: Iterable[Mapping[str, Any]]) -> list[Listed]:
        listed = (
            Listed(entry["Key"][len(self._prefix) :], entry["ETag"], entry["Size"], entry["LastModified"].timestamp())
            for entry in contents
        )
        # Servers that keep folders (seaweedfs is one) list "a/b" before "a-b". Names that end in "/" are their folders.
        return sorted(each for each in listed if each.name and not each.name.endswith("/"))

    @override
    def delete(self, name: str) -> None:
        key = self._key(name)
        self._request(lambda: self._client.delete_object(Bucket=self.bucket, Key=key))

    @override
    def size(self, name: str) -> int | None:
        found = self._request(lambda: self._head(name))
        return None if found is None else int(found["ContentLength"])

    @override
    def leftovers(self) -> list[Leftover]:
        return self._parts.leftovers()

    @override
    def discard(self, leftover: Leftover) -> None:
        self._parts.abort(leftover.name, leftover.upload)

    @override
    def discard_below(self, prefix: str) -> None:
        self._parts.abort_below(self._prefix + prefix)

    def _request(self, send: Callable[[], T]) -> T:
        """Send a request, with retries, and translate its errors into ours."""

        def once() -> T:
            with s3_errors(self._place):
                return send()

        return self._retrying(once, before_again=self._before_again)

    def _before_again(self, error: MeliError) -> None:
        """After a refusal, look up the keys again: they may have been rotated in the meantime."""
        if isinstance(error, Rejected):
            with self._making:
                self._made = None

    def _check(self, name: str, digest: str, answer: Mapping[str, Any], wrong: list[str]) -> None:
        """Compare the digest of what was read with that of what was written; objects of other tools have none."""
        expected = answer.get("Metadata", {}).get(DIGEST)
        if expected in (None, digest):
            return
        wrong.append(digest)
        found = f"{name} of {self.url} is damaged: its SHA-256 is {digest[:12]}…, and {expected[:12]}… was written."
        if wrong.count(digest) >= SAME_DAMAGE:
            raise BadData(f"{found} The same bytes came {SAME_DAMAGE} times, so the damage is in the store.")
        raise _Damaged(f"{found} Run again.")

    def _digest_of(self, name: str) -> str | None:
        """The digest that an object's metadata holds; None if there is no object."""
        found = self._request(lambda: self._head(name))
        return None if found is None else str(found["Metadata"].get(DIGEST, ""))

    def _place(self) -> Place:
        place = without_credentials(self.endpoint) if self.endpoint else "AWS"
        return Place(place, self.bucket, masked(self._access_key), keys_are_rotated(self._made))

    def _note_access_key(self, request: Any, **_: Any) -> None:
        """Called before each request is sent: its signature names the key, whichever way boto3 found it."""
        signature = request.headers.get("Authorization", "")
        found = _SIGNED_BY.search(signature.decode() if isinstance(signature, bytes) else signature)
        self._access_key = found[1] if found else ""

    @property
    def _client(self) -> Any:
        with self._making:
            if self._made is None:
                self._made = self._make(self.endpoint)
                self._made.meta.events.register("before-send.s3", self._note_access_key)
            return self._made

    def _key(self, name: str) -> str:
        return self._prefix + checked_name(name)

    def _list(self, place: Mapping[str, str]) -> Any:
        seen = list[str]()

        def page() -> Any:
            return self._checked(lambda: self._client.list_objects_v2(**place), place["Prefix"], seen)

        return self._request(page)

    def _put(self, place: Mapping[str, str], data: bytes, **options: Any) -> str:
        made = self._client
        return str(made.put_object(**place, **body(made, data), **options)["ETag"])

    def _get(self, key: str) -> Any:
        from botocore.exceptions import ClientError

        try:
            return self._client.get_object(Bucket=self.bucket, Key=key)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in ("NoSuchKey", "404"):
                return None
            raise

    def _head(self, name: str) -> Any:
        """The length, ETag and metadata of an object; None if there is none."""
        from botocore.exceptions import ClientError

        key = self._key(name)
        try:
            return self._client.head_object(Bucket=self.bucket, Key=key)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] not in (400, 403, 404):
                raise
        # HEAD answers have no body: only GET tells a missing key from a missing bucket, and says that keys expired.
        return self._get(key)


def _condition_failed(error: Any) -> bool:
    status = error.response["ResponseMetadata"]["HTTPStatusCode"]
    # 409: another conditional write to the same key is in progress. 404: If-Match on a key that was deleted.
    return status in (409, 412) or (status == 404 and error.response["Error"].get("Code") == "NoSuchKey")
