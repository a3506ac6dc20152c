"""What every kind of place gives: the parts of a source, and their bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from meli_tasks.core.errors import BadData
from meli_tasks.http import without_secrets


@dataclass(frozen=True)
class Part:
    """One file of a source: its name, what tells its content from another, and its bytes (None where unknown)."""

    name: str
    identity: str
    size: int | None = None


class NothingThere(BadData):
    """The place answered, and holds no such file. Within a window of days, a day may be without any."""


class Place(Protocol):
    """One kind of place: files, objects of a bucket, an address, the sample."""

    def parts(self, spec: str) -> tuple[Part, ...]:
        """The parts that a source has now, in a stable order; at least one.

        Called from several threads at once. Errors: NothingThere when there is none, BadData when there cannot be any.
        """

    def fetch(self, spec: str, wanted: Sequence[tuple[Part, Path]]) -> None:
        """Bring parts of the source to the paths beside them, each whole or not at all."""


def redact_source(spec: str) -> str:
    """A source as logs, pages and MLflow display it: an address without its user, password and signed query."""
    return without_secrets(spec) if "://" in spec and not spec.startswith(("s3://", "file://")) else spec
