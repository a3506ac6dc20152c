"""The address of a file that lies beside a source."""

from __future__ import annotations

from itertools import takewhile
from pathlib import Path
from urllib.parse import urlsplit

from meli_tasks.sources.generated import is_generated
from meli_tasks.sources.source import Source

_VARIABLE = ("*", "?", "[", "{")
"""What marks a folder's name as one of several: a wildcard, `{ds}`, or a window of days."""


def beside(spec: str, source: Source, name: str) -> str | None:
    """The address of the file `name` beside a source; None for a source that has no folder that can be looked into.

    It is in the folder of a source that is a file, in a source that is a folder, and otherwise in the last folder
    before a wildcard or `{ds}`, so that it is one for all days.

    Args:
        spec: The source as it was requested, its days not filled in.
        source: The same source, identified.
        name: The name of the file.
    """
    scheme, separator, _ = spec.partition(":")
    if is_generated(spec) or scheme in ("http", "https"):
        return None
    if separator and scheme == "s3":
        bucket = urlsplit(spec, allow_fragments=False).netloc
        key = spec.split(bucket, 1)[1].lstrip("/")
        is_file = any(part.name == key for part in source.parts)
        folder = "/".join(_fixed(key.rstrip("/").split("/"), is_file))
        return f"s3://{bucket}/{folder}/{name}" if folder else f"s3://{bucket}/{name}"
    path = Path(spec.removeprefix("file://")).expanduser()
    return str(Path(*_fixed(list(path.parts), path.is_file())) / name)


def _fixed(names: list[str], is_file: bool) -> list[str]:
    """The names of the folders that are the same for all files of a source."""
    if is_file:
        return names[:-1]
    return list(takewhile(lambda name: not any(mark in name for mark in _VARIABLE), names))
