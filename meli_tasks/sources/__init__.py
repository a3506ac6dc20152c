"""Sources: where titles come from, and what they are at this moment.

A source is written like a path, a glob, `s3://bucket/key`, `https://…` or `sample:rows=20000,seed=1`; `{ds}` in it is
the run's date. `identify` finds its parts and an identity that changes when they do, as cheaply as the place allows (an
ETag, else a hash of the content); `fetch` brings the parts into a folder and makes sure that they are still the ones
identified.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date
from pathlib import Path, PurePosixPath
from typing import Protocol

from meli_tasks.artifacts import canonical_json
from meli_tasks.core.errors import BadData, MissingArtifact
from meli_tasks.settings import Settings

DATE = "{ds}"
WHERE_THE_LAB_VECTORS_ARE = (
    "The lab's vectors are SBW-vectors-300-min5 (Spanish Billion Words Corpus and Embeddings, by Cristian Cardellino, "
    "https://crscardellino.github.io/SBWCE/): download SBW-vectors-300-min5.txt.gz and name it with the override "
    "embed.path, or train vectors from the titles with the override embed.method=word2vec."
)


@dataclass(frozen=True)
class Part:
    """One file of a source: its name, what tells its content from another, and its bytes (None where unknown)."""

    name: str
    identity: str
    size: int | None = None


@dataclass(frozen=True)
class Source:
    """A source as it is now. `spec` has its date filled in."""

    spec: str
    parts: tuple[Part, ...]

    @property
    def shown(self) -> str:
        """The source as people may see it: an address without what signs it."""
        return shown(self.spec)

    @property
    def identity(self) -> str:
        """32 hexadecimal digits: the same as long as the parts hold the same, wherever they lie."""
        parts = canonical_json([part.identity for part in self.parts])
        return hashlib.sha256(parts.encode()).hexdigest()[:32]


def shown(spec: str) -> str:
    """A source as people, logs and MLflow may see it: an address without user, password and what signs it."""
    from meli_tasks.sources.web import public

    return public(spec) if "://" in spec and not spec.startswith(("s3://", "file://")) else spec


def file_names(parts: tuple[Part, ...]) -> list[str]:
    """What each part's file is called once fetched: by its own name; numbered where that would lose their order."""
    names = [PurePosixPath(part.name).name for part in parts]
    if names == sorted(set(names)):
        return names
    return [f"{number:05}-{name}" for number, name in enumerate(names)]


class Place(Protocol):
    """One kind of place: `local`, `bucket`, `web` and `generated` each hold these two functions."""

    def parts(self, spec: str, settings: Settings) -> tuple[Part, ...]:
        """The parts that a source has now, in a stable order; at least one. Errors: BadData when there is none."""

    def fetch(self, spec: str, parts: tuple[Part, ...], folder: Path, settings: Settings) -> None:
        """Bring the parts into an empty folder, in their order by name."""


def identify(spec: str, as_of: date | None, settings: Settings) -> Source:
    """Find a source's parts.

    Raises:
        BadData: nothing is there, or `{ds}` is used without a date.
        StoreRefused, StoreUnreachable: the place said no, or nothing.
    """
    filled = with_date(spec, as_of)
    return Source(filled, _place(filled).parts(filled, settings))


def fetch(spec: str, folder: Path, settings: Settings, identity: str) -> Path:
    """Bring a source's parts into `folder`, which exists and is empty, and return it.

    Raises:
        BadData: the source is no longer the one that was identified.
    """
    place = _place(spec)
    parts = place.parts(spec, settings)
    _must_be(Source(spec, parts), identity)
    place.fetch(spec, parts, folder, settings)
    _must_be(Source(spec, place.parts(spec, settings)), identity)
    return folder


def confirm(spec: str, settings: Settings, identity: str) -> None:
    """Look again at a source that a stage has read in place; what was downloaded cannot have changed since.

    Raises:
        BadData: somebody wrote to it meanwhile, so what was read is neither the old content nor the new.
    """
    from meli_tasks.sources import local

    if _place(spec) is local:
        _must_be(Source(spec, local.parts(spec, settings)), identity)


def _must_be(source: Source, identity: str) -> None:
    if source.identity != identity:
        raise BadData(
            f"The source {source.shown} changed after this run was planned. Trigger the run again when nobody writes "
            "to it."
        )


def identify_vectors(path: str, settings: Settings) -> Source:
    """Find a file of pretrained word vectors.

    Raises:
        MissingArtifact: there is no such file; the message says where the lab's come from.
    """
    try:
        return identify(path, None, settings)
    except BadData as error:
        raise MissingArtifact(f"The word vectors {path} are not there. {WHERE_THE_LAB_VECTORS_ARE}") from error


def with_date(spec: str, as_of: date | None) -> str:
    """Fill in the run's date.

    Raises:
        BadData: the source asks for a date and there is none.
    """
    if DATE not in spec:
        return spec
    if as_of is None:
        raise BadData(
            f"The source {shown(spec)} needs the run's date for {DATE}, and this run has none: fill in `as_of`."
        )
    return spec.replace(DATE, as_of.isoformat())


def _place(spec: str) -> Place:
    from meli_tasks.sources import bucket, generated, local, web

    scheme, separator, _ = spec.partition(":")
    if not spec.strip():
        raise BadData(f"No source is named. Give a path, a glob, s3://, https:// or {generated.EXAMPLE}.")
    if spec == "sample":
        return generated
    places: dict[str, Place] = {"s3": bucket, "http": web, "https": web, "sample": generated, "file": local}
    if separator and scheme in places:
        return places[scheme]
    if "://" in spec:
        raise BadData(
            f"The source {shown(spec)} begins with {scheme}://, which is not known. Known are a path, a glob, s3://, "
            f"https:// and {generated.EXAMPLE}."
        )
    return local
