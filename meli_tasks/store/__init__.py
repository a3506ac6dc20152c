"""The store: everything that this project keeps, under one URL, `s3://bucket/prefix` or `file:///folder`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from meli_tasks.core.errors import BadSettings
from meli_tasks.store.file import FileStore
from meli_tasks.store.probe import Check, probe
from meli_tasks.store.protocol import Blob, Leftover, Listed, Store, checked_name
from meli_tasks.store.s3 import S3Store
from meli_tasks.store.s3_client import client

__all__ = ["Blob", "Check", "Leftover", "Listed", "Store", "checked_name", "open_store", "probe"]

EXAMPLES = "Write it like s3://bucket/prefix or file:///srv/meli (three slashes: the path is absolute)."


def open_store(
    url: str,
    *,
    s3_endpoint: str | None = None,
    s3_client: Callable[[str | None], Any] = client,
    s3_retry_seconds: float | None = None,
) -> Store:
    """The store at `url`. It connects to nothing before its first call.

    Args:
        url: s3://bucket/prefix or file:///folder.
        s3_endpoint: The address of an S3 server other than AWS; by default MELI_S3_ENDPOINT or AWS_ENDPOINT_URL_S3.
        s3_client: Returns the boto3 client for an endpoint.
        s3_retry_seconds: How long a request to S3 is tried; by default MELI_S3_RETRY_SECONDS.

    Raises:
        BadSettings: the URL cannot be understood.
    """
    parts = urlsplit(url)
    if parts.query or parts.fragment or "@" in parts.netloc:
        raise BadSettings(
            f"The store's URL {parts.scheme}://… contains a '?', '#' or '@', which has no meaning here. {EXAMPLES}"
        )
    if parts.scheme == "file" and not parts.netloc and parts.path.strip("/"):
        return FileStore(Path(unquote(parts.path)))
    if parts.scheme == "s3" and parts.netloc:
        prefix = parts.path.strip("/")
        return S3Store(parts.netloc, checked_name(prefix) if prefix else "", s3_endpoint, s3_client, s3_retry_seconds)
    raise BadSettings(f"The store's URL {url!r} cannot be understood. {EXAMPLES}")
