"""Objects of an S3 bucket: one key, a prefix that ends in '/', or a glob. ETags tell their content apart."""

from __future__ import annotations

import fnmatch
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from meli_tasks.core.errors import BadData
from meli_tasks.settings import Settings
from meli_tasks.sources import Part, file_names
from meli_tasks.store.s3 import S3Store


def parts(spec: str, settings: Settings) -> tuple[Part, ...]:
    """The objects, by key."""
    bucket, pattern = _split(spec)
    literal = re.split(r"[*?\[]", pattern, maxsplit=1)[0]
    found = [
        Part(listed.name, f"etag:{listed.version}:{listed.size}", listed.size)
        for listed in _open(bucket, settings).objects(literal)
        if _wanted(listed.name, pattern) and listed.size
    ]
    if not found:
        raise BadData(f"The source {spec} matches no object with anything in it. Check the key and the run's date.")
    return tuple(found)


def fetch(spec: str, parts: tuple[Part, ...], folder: Path, settings: Settings) -> None:
    """Download the objects in their order."""
    store = _open(_split(spec)[0], settings)
    for name, part in zip(file_names(parts), parts, strict=True):
        store.download(part.name, folder / name)


def _split(spec: str) -> tuple[str, str]:
    _, bucket, pattern = urlsplit(spec, allow_fragments=False)[:3]
    pattern = spec.split(bucket, 1)[1].lstrip("/") if bucket else pattern
    if not bucket or not pattern:
        raise BadData(
            f"The source {spec} must be written like s3://bucket/titles.csv.gz or s3://bucket/folder/*.parquet."
        )
    return bucket, pattern


def _wanted(key: str, pattern: str) -> bool:
    return key == pattern or (pattern.endswith("/") and key.startswith(pattern)) or fnmatch.fnmatchcase(key, pattern)


def _open(bucket: str, settings: Settings) -> Any:
    return S3Store(bucket, "", settings.s3_endpoint or None, settings.s3_client)
