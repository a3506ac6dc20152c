"""An S3 bucket as a store: AWS, or a server that honours `If-None-Match` and `If-Match` on PUT. Versions are ETags."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

from typing_extensions import override

from meli_tasks.core.errors import BadSettings, Conflict, NotFound, Unreachable
from meli_tasks.disk import atomic_write, must_be_file
from meli_tasks.http import is_loopback
from meli_tasks.redaction import without_credentials
from meli_tasks.store.protocol import Blob, Listed, Store, checked_name, checked_prefix
from meli_tasks.store.s3_errors import CHECKSUMS, Place, key_errors, masked, s3_errors

CONNECT_SECONDS = 5
READ_SECONDS = 15  # seaweedfs delays the loser of a race by 3 s; busy servers take longer
TRIES = 2
PART_BYTES = (
    8 << 20
)  # larger files are uploaded in parts of this size; boto3 enlarges the parts if there are over 10,000
_SIGNED_BY = re.compile(r"Credential=([^/,]+)/")
ADDRESSING = "MELI_S3_ADDRESSING"
ADDRESSING_CHOICES = ("path", "virtual")
CHECKSUM_CHOICES = ("when_supported", "when_required")


def endpoint_in_use(endpoint: str | None) -> str | None:
    """`endpoint`, else the environment's; None is AWS itself."""
    return endpoint or os.environ.get("MELI_S3_ENDPOINT") or os.environ.get("AWS_ENDPOINT_URL_S3") or None


def client(endpoint: str | None, *, access_key: str | None = None, secret_key: str | None = None) -> Any:
    """A boto3 S3 client with our time-outs and retries. It is not connected yet.

    MELI_S3_ADDRESSING=virtual is for servers that find the bucket in the host's name, and not in the path.
    MELI_S3_CHECKSUMS=when_required sets boto3's two checksum settings (request_checksum_calculation,
    response_checksum_validation) for older stores that refuse what boto3 sends since 1.36.

    Args:
        endpoint: None for the environment's, or else AWS.
        access_key: None to look for keys where boto3 does.
        secret_key: The key's secret.

    Raises:
        BadSettings: the endpoint, the profile, MELI_S3_ADDRESSING or MELI_S3_CHECKSUMS cannot be understood.
        Unreachable: this machine's role gives no keys now.
    """
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError
    from botocore.session import Session

    checksums = os.environ.get(CHECKSUMS) or CHECKSUM_CHOICES[0]
    if checksums not in CHECKSUM_CHOICES:
        raise BadSettings(f"{CHECKSUMS} is {checksums!r}: it must be one of {', '.join(CHECKSUM_CHOICES)}.")
    addressing = os.environ.get(ADDRESSING) or ADDRESSING_CHOICES[0]
    if addressing not in ADDRESSING_CHOICES:
        raise BadSettings(f"{ADDRESSING} is {addressing!r}: it must be one of {', '.join(ADDRESSING_CHOICES)}.")
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
        config["s3"] = {"addressing_style": addressing}
        if is_loopback(endpoint):
            config["proxies"] = {}  # no proxy can reach this machine's own ports
    if access_key == os.environ.get("AWS_ACCESS_KEY_ID"):
        access_key = secret_key = None  # boto3 finds them itself, with the token that temporary keys need
    try:
        bare = Session()
        bare.register_component("data_loader", _loader())
        session = boto3.session.Session(access_key, secret_key, botocore_session=bare)
        region = session.region_name or os.environ.get("AWS_REGION") or "us-east-1"
        return session.client("s3", endpoint_url=endpoint, region_name=region, config=Config(**config))
    except key_errors() as error:  # a role's keys are looked for here already
        place = without_credentials(endpoint) if endpoint else "AWS"
        raise Unreachable(f"No keys for {place}: {error}. If this machine's role has keys, try again later.") from error
    except (ValueError, BotoCoreError) as error:
        raise BadSettings(
            f"No S3 client for {without_credentials(endpoint) if endpoint else 'AWS'}: {error}. Write the endpoint "
            "like http://127.0.0.1:9000 (MELI_S3_ENDPOINT), and check AWS_PROFILE and AWS_REGION."
        ) from error


@cache
def _loader() -> Any:
    """The reader of botocore's descriptions of AWS, one for all clients: reading them is most of creating a client."""
    from botocore.loaders import create_loader

    return create_loader(os.environ.get("AWS_DATA_PATH") or None)  # botocore takes "" for the working folder


class S3Store(Store):
    """Names are keys of `bucket` under `prefix`. boto3 is loaded by the first call."""

    def __init__(
        self, bucket: str, prefix: str = "", endpoint: str | None = None, make: Callable[[str | None], Any] = client
    ) -> None:
        """`prefix` has no slash at its ends; `make` returns the boto3 client. Connects to nothing yet."""
        self.bucket = bucket
        self.endpoint = endpoint_in_use(endpoint)
        self._prefix = f"{prefix}/" if prefix else ""
        self._make = make
        self._made: Any = None
        self._access_key = ""
        self._making = Lock()

    def __repr__(self) -> str:
        return f"S3Store({self.url!r}, endpoint={without_credentials(self.endpoint or 'AWS')!r})"

    @property
    @override
    def url(self) -> str:
        """`s3://bucket/prefix`"""
        return f"s3://{self.bucket}/{self._prefix}".rstrip("/")

    @override
    def read(self, name: str) -> Blob | None:
        with s3_errors(self._place):
            answer = self._get(name)
            return None if answer is None else Blob(answer["Body"].read(), answer["ETag"])

    @override
    def write(self, name: str, data: bytes, *, if_absent: bool = False, if_version: str | None = None) -> str:
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
                    # The first attempt may have succeeded and its response got lost; then the retry conflicts with it.
                    if retried and blob is not None and blob.data == data:
                        return blob.version
                    # Another write is still in progress: it has not changed anything yet, and may fail.
                    if undecided and (blob.version if blob else None) == if_version:
                        raise Unreachable(
                            f"Another write of {name} of {self.url} is in progress. Run again."
                        ) from error
                why = "it exists already" if if_absent else "it has changed since it was read"
                raise Conflict(f"{name} of {self.url} was not written: {why}.") from error

    @override
    def upload(self, path: Path, name: str) -> None:
        key = self._key(name)
        must_be_file(path, name)
        with s3_errors(self._place, path), path.open("rb") as stream:
            self._client.upload_fileobj(stream, self.bucket, key, Config=_transfer())

    @override
    def download(self, name: str, path: Path) -> None:
        size = self.size(name)
        if size is None:
            raise NotFound(f"There is no {name} in {self.url}.")
        with atomic_write(path) as part:
            with s3_errors(self._place, path), part.open("wb") as stream:
                self._client.download_fileobj(self.bucket, self._key(name), stream, Config=_transfer())
            received = part.stat().st_size
            if received != size:
                raise Unreachable(f"{name} of {self.url} was truncated to {received} of {size} bytes. Run again.")

    @override
    def names(self, prefix: str) -> Iterator[str]:
        yield from (listed.name for listed in self.objects(prefix))

    @override
    def objects(self, prefix: str) -> list[Listed]:
        with s3_errors(self._place):
            pages = self._client.get_paginator("list_objects_v2")
            found = [
                Listed(entry["Key"][len(self._prefix) :], entry["ETag"], entry["Size"])
                for page in pages.paginate(Bucket=self.bucket, Prefix=self._prefix + checked_prefix(prefix))
                for entry in page.get("Contents", ())
            ]
        # Servers that keep folders (seaweedfs is one) list "a/b" before "a-b". Names that end in "/" are their folders.
        return sorted(listed for listed in found if listed.name and not listed.name.endswith("/"))

    @override
    def delete(self, name: str) -> None:
        with s3_errors(self._place):
            self._client.delete_object(Bucket=self.bucket, Key=self._key(name))

    @override
    def size(self, name: str) -> int | None:
        from botocore.exceptions import ClientError

        with s3_errors(self._place):
            try:
                return int(self._client.head_object(Bucket=self.bucket, Key=self._key(name))["ContentLength"])
            except ClientError as error:
                if error.response["ResponseMetadata"]["HTTPStatusCode"] not in (400, 403, 404):
                    raise
            # HEAD answers have no body: only GET tells a missing key from a missing bucket, and says that keys expired.
            answer = self._get(name)
            return None if answer is None else int(answer["ContentLength"])

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

    def _get(self, name: str) -> Any:
        from botocore.exceptions import ClientError

        try:
            return self._client.get_object(Bucket=self.bucket, Key=self._key(name))
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in ("NoSuchKey", "404"):
                return None
            raise


def keys_are_rotated(made: Any) -> bool:
    """Whether a client's keys come from a role, or are temporary ones in a file that something renews."""
    from botocore.credentials import RefreshableCredentials

    found = made._request_signer._credentials if made is not None else None  # botocore has no public way
    if found is None or isinstance(found, RefreshableCredentials):
        return found is not None
    return bool(found.token) and found.method not in ("env", "explicit")


def _condition_failed(error: Any) -> bool:
    status = error.response["ResponseMetadata"]["HTTPStatusCode"]
    # 409: another conditional write to the same key is in progress. 404: If-Match on a key that was deleted.
    return status in (409, 412) or (status == 404 and error.response["Error"].get("Code") == "NoSuchKey")


def _transfer() -> Any:
    from boto3.s3.transfer import TransferConfig

    return TransferConfig(multipart_threshold=PART_BYTES, multipart_chunksize=PART_BYTES, max_concurrency=4)
