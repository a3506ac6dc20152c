"""Bucket of an S3 bucket: one key, a prefix that ends in '/', or a glob. Their identity is the ETag."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from urllib.parse import urlsplit

from meli_tasks.core.errors import BadData
from meli_tasks.settings import Settings
from meli_tasks.sources.place import NoFiles, Part
from meli_tasks.store.s3 import S3Store


class Bucket:
    """Buckets opened with the settings' keys, with one client for each, however many days a window has."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stores: dict[str, S3Store] = {}
        self._opening = Lock()

    def parts(self, spec: str) -> tuple[Part, ...]:
        """The objects, by key."""
        bucket, pattern = _split(spec)
        literal = re.split(r"[*?\[]", pattern, maxsplit=1)[0]
        found = [
            Part(listed.name, f"etag:{listed.version}:{listed.size}", listed.size)
            for listed in self._open(bucket).objects(literal)
            if _matches(listed.name, pattern) and listed.size
        ]
        if not found:
            raise NoFiles(f"The source {spec} matches no object with content. Check the key and the run's date.")
        return tuple(found)

    def fetch(self, spec: str, targets: Sequence[tuple[Part, Path]]) -> None:
        """Download objects."""
        store = self._open(_split(spec)[0])
        for part, target in targets:
            store.download(part.name, target)

    def _open(self, bucket: str) -> S3Store:
        with self._opening:
            if bucket not in self._stores:
                settings = self._settings
                self._stores[bucket] = S3Store(bucket, "", settings.s3_endpoint or None, settings.s3_client)
            return self._stores[bucket]


def _split(spec: str) -> tuple[str, str]:
    _, bucket, pattern = urlsplit(spec, allow_fragments=False)[:3]
    pattern = spec.split(bucket, 1)[1].lstrip("/") if bucket else pattern
    if not bucket or not pattern:
        raise BadData(
            f"The source {spec} must be written like s3://bucket/titles.csv.gz or s3://bucket/folder/*.parquet."
        )
    return bucket, pattern


def _matches(key: str, pattern: str) -> bool:
    return key == pattern or (pattern.endswith("/") and key.startswith(pattern)) or fnmatch.fnmatchcase(key, pattern)
