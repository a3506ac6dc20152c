"""An S3 bucket as a store: AWS, or a server that honours `If-None-Match` and `If-Match` on PUT. Versions are ETags."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

from meli_tasks.core.errors import BadSettings, Conflict, NotFound, Unreachable
from meli_tasks.disk import atomic_write, must_be_file
from meli_tasks.http import is_loopback, without_credentials
from meli_tasks.store.protocol import Blob, checked_name, checked_prefix
from meli_tasks.store.s3_errors import CHECKSUMS, Place, masked, s3_errors

CONNECT_SECONDS = 5
READ_SECONDS = 15  # seaweedfs lets a racing loser wait 3 s, busy servers longer
TRIES = 2
PART_BYTES = 8 << 20  # a file from this size on travels in parts of it; boto3 enlarges them beyond 10,000 parts
CHECKSUM_CHOICES = ("when_supported", "when_required")


def endpoint_in_use(endpoint: str | None) -> str | None:
    """`endpoint`, else what the environment names; None is AWS itself."""
    return endpoint or os.environ.get("MELI_S3_ENDPOINT") or os.environ.get("AWS_ENDPOINT_URL_S3") or None


def client(endpoint: str | None, *, access_key: str | None = None, secret_key: str | None = None) -> Any:
    """A boto3 S3 client with our timeouts and tries; None as endpoint is the environment's, else AWS.

    Keys not given are looked for where boto3 looks. MELI_S3_CHECKSUMS=when_required sets boto3's two checksum settings
    (request_checksum_calculation, response_checksum_validation) for older stores that choke on what boto3 sends since
    1.36. Touches no network. Errors: BadSettings for an endpoint, a profile or a MELI_S3_CHECKSUMS not understood.
    """
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError
    from botocore.session import Session

    checksums = os.environ.get(CHECKSUMS) or CHECKSUM_CHOICES[0]
    if checksums not in CHECKSUM_CHOICES:
        raise BadSettings(f"{CHECKSUMS} is {checksums!r}: it must be one of {', '.join(CHECKSUM_CHOICES)}.")
    endpoint = endpoint_in_use(endpoint)
    if endpoint and "@" in endpoint:
        raise BadSettings(
            f"The endpoint {without_credentials(endpoint)} contains a user or password: keys belong in "
            "AWS_ACCESS_KEY_ID."
        )
    config: dict[str, Any] = {
        "connect_timeout": CONNECT_SECONDS,
        "read_timeout": READ_SECONDS,
        "retries": {"total_max_attempts": TRIES, "mode": "standard"},
        "max_pool_connections": 16,
        "request_checksum_calculation": checksums,
        "response_checksum_validation": checksums,
    }
    if endpoint:
        config["s3"] = {"addressing_style": "path"}
        if is_loopback(endpoint):
            config["proxies"] = {}  # a proxy that the environment names cannot know this machine's own ports
    if access_key == os.environ.get("AWS_ACCESS_KEY_ID"):
        access_key = secret_key = None  # boto3 finds them itself, and with them the token that temporary keys need
    try:
        bare = Session()
        bare.register_component("data_loader", _loader())
        session = boto3.session.Session(access_key, secret_key, botocore_session=bare)
        region = session.region_name or os.environ.get("AWS_REGION") or "us-east-1"
        return session.client("s3", endpoint_url=endpoint, region_name=region, config=Config(**config))
    except (ValueError, BotoCoreError) as error:
        raise BadSettings(
            f"No S3 client for {without_credentials(endpoint) if endpoint else 'AWS'}: {error}. Write the endpoint "
            "like http://127.0.0.1:9000 (MELI_S3_ENDPOINT), and check AWS_PROFILE and AWS_REGION."
        ) from error


@cache
def _loader() -> Any:
    """What reads botocore's descriptions of AWS: one for all clients, as reading them takes most of making a client."""
    from botocore.loaders import create_loader

    return create_loader(os.environ.get("AWS_DATA_PATH"))


@dataclass(frozen=True, order=True)
class Listed:
    """An object in a listing; `size` in bytes."""

    name: str
    version: str
    size: int


class S3Store:
    """Names are keys of `bucket` under `prefix`. boto3 is loaded by the first call."""

    def __init__(
        self, bucket: str, prefix: str = "", endpoint: str | None = None, make: Callable[[str | None], Any] = client
    ) -> None:
        """`prefix` without slashes at its ends; `make` gives the boto3 client for `endpoint`. Touches no network."""
        self.bucket = bucket
        self.endpoint = endpoint_in_use(endpoint)
        self._prefix = f"{prefix}/" if prefix else ""
        self._make = make
        self._made: Any = None
        self._making = Lock()

    def __repr__(self) -> str:
        return f"S3Store({self.url!r}, endpoint={without_credentials(self.endpoint or 'AWS')!r})"

    @property
    def url(self) -> str:
        """`s3://bucket/prefix`"""
        return f"s3://{self.bucket}/{self._prefix}".rstrip("/")

    def read(self, name: str) -> Blob | None:
        """See Store."""
        with s3_errors(self._place):
            answer = self._get(name)
            return None if answer is None else Blob(answer["Body"].read(), answer["ETag"])

    def write(self, name: str, data: bytes, *, if_absent: bool = False, if_version: str | None = None) -> str:
        """See Store."""
        from botocore.exceptions import ClientError

        conditions = {"IfNoneMatch": "*"} if if_absent else {}
        conditions |= {"IfMatch": if_version} if if_version is not None else {}
        key = self._key(name)
        with s3_errors(self._place):
            try:
                return str(self._client.put_object(Bucket=self.bucket, Key=key, Body=data, **conditions)["ETag"])
            except ClientError as error:
                if not conditions or not _condition_failed(error):
                    raise
                retried = bool(error.response["ResponseMetadata"].get("RetryAttempts"))
                undecided = error.response["ResponseMetadata"]["HTTPStatusCode"] == 409
                if retried or undecided:
                    blob = self.read(name)
                    # The first try may have won and only its answer got lost: then what lost now is our own second try.
                    if retried and blob is not None and blob.data == data:
                        return blob.version
                    # Another write was under way: so far it has changed nothing, and it may yet fail.
                    if undecided and (blob.version if blob else None) == if_version:
                        raise Unreachable(f"Another write of {name} of {self.url} is under way. Run again.") from error
                why = "something already stands there" if if_absent else "it is not at the version it was read at"
                raise Conflict(f"{name} of {self.url} was not written: {why}.") from error

    def upload(self, path: Path, name: str) -> None:
        """See Store."""
        key = self._key(name)
        must_be_file(path, name)
        with s3_errors(self._place, path), path.open("rb") as stream:
            self._client.upload_fileobj(stream, self.bucket, key, Config=_transfer())

    def download(self, name: str, path: Path) -> None:
        """See Store."""
        size = self.size(name)
        if size is None:
            raise NotFound(f"Nothing stands at {name} in {self.url}.")
        with atomic_write(path) as part:
            with s3_errors(self._place, path), part.open("wb") as stream:
                self._client.download_fileobj(self.bucket, self._key(name), stream, Config=_transfer())
            came = part.stat().st_size
            if came != size:
                raise Unreachable(f"{name} of {self.url} came as {came} bytes where {size} stood. Run again.")

    def names(self, prefix: str) -> Iterator[str]:
        """See Store."""
        yield from (listed.name for listed in self.objects(prefix))

    def objects(self, prefix: str) -> list[Listed]:
        """What stands at every name that begins with `prefix`, sorted by name."""
        with s3_errors(self._place):
            pages = self._client.get_paginator("list_objects_v2")
            found = [
                Listed(entry["Key"][len(self._prefix) :], entry["ETag"], entry["Size"])
                for page in pages.paginate(Bucket=self.bucket, Prefix=self._prefix + checked_prefix(prefix))
                for entry in page.get("Contents", ())
            ]
        # Servers that keep folders (seaweedfs is one) list "a/b" before "a-b". Names that end in "/" are their folders.
        return sorted(listed for listed in found if listed.name and not listed.name.endswith("/"))

    def delete(self, name: str) -> None:
        """See Store."""
        with s3_errors(self._place):
            self._client.delete_object(Bucket=self.bucket, Key=self._key(name))

    def size(self, name: str) -> int | None:
        """See Store."""
        from botocore.exceptions import ClientError

        with s3_errors(self._place):
            try:
                return int(self._client.head_object(Bucket=self.bucket, Key=self._key(name))["ContentLength"])
            except ClientError as error:
                if error.response["ResponseMetadata"]["HTTPStatusCode"] not in (403, 404):
                    raise
            answer = self._get(name)  # an answer to HEAD has no body: only GET tells no such key from no such bucket
            return None if answer is None else int(answer["ContentLength"])

    def _place(self) -> Place:
        keys = None if self._made is None else self._made._request_signer._credentials
        # Keys that renew themselves keep the id under `_access_key`, and would renew (network) if asked for it.
        access_key = "" if keys is None else vars(keys).get("_access_key") or vars(keys).get("access_key") or ""
        return Place(without_credentials(self.endpoint) if self.endpoint else "AWS", self.bucket, masked(access_key))

    @property
    def _client(self) -> Any:
        with self._making:
            if self._made is None:
                self._made = self._make(self.endpoint)
            return self._made

    def _key(self, name: str) -> str:
        return self._prefix + checked_name(name)

    def _get(self, name: str) -> Any:
        from botocore.exceptions import ClientError

        try:
            return self._client.get_object(Bucket=self.bucket, Key=self._key(name))
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in ("NoSuchKey", "404"):
                return None
            raise


def _condition_failed(error: Any) -> bool:
    status = error.response["ResponseMetadata"]["HTTPStatusCode"]
    # 409: another conditional write to the same key is under way. 404: If-Match on a key that is gone.
    return status in (409, 412) or (status == 404 and error.response["Error"].get("Code") == "NoSuchKey")


def _transfer() -> Any:
    from boto3.s3.transfer import TransferConfig

    return TransferConfig(multipart_threshold=PART_BYTES, multipart_chunksize=PART_BYTES, max_concurrency=4)
