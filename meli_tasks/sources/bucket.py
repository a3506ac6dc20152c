"""Objects of an S3 bucket: one key, a folder, or a glob. Their identity is their address and their ETag."""

from __future__ import annotations

import fnmatch
import glob
import re
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from urllib.parse import urlsplit

from meli_tasks.core.errors import BadData
from meli_tasks.rowfiles.folders import hive_folders, marker_among
from meli_tasks.settings import Settings
from meli_tasks.sources.place import Found, NoFiles, Part, why_skipped
from meli_tasks.store.protocol import Listed
from meli_tasks.store.s3 import S3Store


class Bucket:
    """Buckets opened with the settings' keys, with one client for each, however many days a window has."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._allowed = settings.allowed_addresses
        self._stores: dict[str, S3Store] = {}
        self._opening = Lock()

    def find(self, spec: str) -> Found:
        """The objects, by key. An ETag only compares versions of one key, so the address is part of the identity."""
        self._allowed.check(spec)
        bucket, pattern = _split(spec)
        literal = re.split(r"[*?\[]", pattern, maxsplit=1)[0]
        matched = _matched(self._open(bucket).objects(literal), pattern)
        below = pattern.rstrip("/").split("/")
        start = next((at for at, name in enumerate(below) if glob.has_magic(name)), len(below))
        found: list[Part] = []
        skipped: dict[str, None] = {}
        for listed in matched:
            names = listed.name.split("/")
            if listed.name != pattern and (marker := marker_among(names[start:], below[start:])):
                skipped[marker] = None
                continue
            identity = f"s3://{bucket}/{listed.name} etag:{listed.version}:{listed.size}"
            found.append(Part(listed.name, identity, listed.size, hive_folders(names[:-1])))
        if not any(part.size for part in found):
            only = f" but those that are skipped, because {why_skipped(list(skipped))}" if skipped else ""
            raise NoFiles(f"The source {spec} matches no object with content{only}. Check the key and the run's date.")
        return Found(tuple(found), tuple(skipped))

    def fetch(self, spec: str, targets: Sequence[tuple[Part, Path]]) -> None:
        """Download objects."""
        store = self._open(_split(spec)[0])
        for part, target in targets:
            store.download(part.name, target)

    def _open(self, bucket: str) -> S3Store:
        with self._opening:
            if bucket not in self._stores:
                settings = self._settings
                at = (bucket, "", settings.s3_endpoint or None)
                self._stores[bucket] = S3Store(*at, settings.s3_client, settings.s3_retry_seconds)
            return self._stores[bucket]


def _split(spec: str) -> tuple[str, str]:
    _, bucket, pattern = urlsplit(spec, allow_fragments=False)[:3]
    pattern = spec.split(bucket, 1)[1].lstrip("/") if bucket else pattern
    if not bucket or not pattern:
        raise BadData(
            f"The source {spec} must be written like s3://bucket/titles.csv.gz or s3://bucket/folder/*.parquet."
        )
    return bucket, pattern


def _matched(objects: Sequence[Listed], pattern: str) -> list[Listed]:
    """The object of exactly this key, else those whose key, or one of the folders in it, matches."""
    if exact := [listed for listed in objects if listed.name == pattern]:
        return exact
    folder = pattern.rstrip("/")
    return [
        listed
        for listed in objects
        if listed.name.startswith(f"{folder}/") or _matches(listed.name, folder, only_folders=pattern.endswith("/"))
    ]


def _matches(key: str, pattern: str, only_folders: bool) -> bool:
    folders = [key[: slash.start()] for slash in re.finditer("/", key)]
    return any(fnmatch.fnmatchcase(name, pattern) for name in (folders if only_folders else [*folders, key]))
