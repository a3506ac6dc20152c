"""Sources: where titles come from, and what they are at this moment.

A source is written like a path, a glob, `s3://bucket/key`, `https://…` or `sample:rows=20000,seed=1`; `{ds}` in it is
the run's date, or each of the last days when a window of them is asked for. `identify` finds its parts and an identity
that changes when they do, as cheaply as the place allows (an ETag, else a hash of the content); `fetch` brings the
parts into a folder and makes sure that they are still the ones identified.
"""

from __future__ import annotations

import hashlib
import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from pathlib import Path, PurePosixPath

from meli_tasks.artifacts.manifest import canonical_json
from meli_tasks.core.errors import BadData, NotFound
from meli_tasks.settings import Settings
from meli_tasks.sources.bucket import Objects
from meli_tasks.sources.days import Day, each_day, with_days
from meli_tasks.sources.generated import EXAMPLE, Sample
from meli_tasks.sources.local import Files
from meli_tasks.sources.place import NothingThere, Part, Place, shown
from meli_tasks.sources.web import Address

logger = logging.getLogger("meli_tasks")

WHERE_THE_LAB_VECTORS_ARE = (
    "The lab's vectors are SBW-vectors-300-min5 (Spanish Billion Words Corpus and Embeddings, by Cristian Cardellino, "
    "https://crscardellino.github.io/SBWCE/): download SBW-vectors-300-min5.txt.gz and name it with the override "
    "embed.path, or train vectors from the titles with the override embed.method=word2vec."
)

_LOOKS_AT_ONCE = 8
_NAMED_DAYS = 14


@dataclass(frozen=True)
class Source:
    """A source as it is now: `found` holds its parts by day. `spec` has its days filled in."""

    spec: str
    found: tuple[tuple[Day, tuple[Part, ...]], ...]

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts of all days, in the order of the days."""
        return tuple(part for _, parts in self.found for part in parts)

    @property
    def days_without(self) -> list[str]:
        """The days of the window on which there is nothing."""
        return [day.day for day, parts in self.found if not parts]

    @property
    def shown(self) -> str:
        """The source as people may see it: an address without what signs it."""
        return shown(self.spec)

    @property
    def identity(self) -> str:
        """32 hexadecimal digits: the same as long as the parts hold the same, wherever they lie."""
        parts = canonical_json([part.identity for part in self.parts])
        return hashlib.sha256(parts.encode()).hexdigest()[:32]


def file_names(source: Source) -> list[str]:
    """What each part's file is called once fetched: by its own name and day; numbered where that loses their order."""
    names = []
    for day, parts in source.found:
        for name in (PurePosixPath(part.name).name for part in parts):
            names.append(name if day.day in name else f"{day.day}-{name}")
    if names == sorted(set(names)):
        return names
    return [f"{number:05}-{name}" for number, name in enumerate(names)]


def identify(
    spec: str, as_of: date | None, settings: Settings, window_days: int = 1, *, dated_rows: bool = False
) -> Source:
    """Find a source's parts: with `{ds}` in it those of the last `window_days` days, of which `as_of` is the last.

    A day of several may be without a file: a warning names it. `dated_rows` says that the rows tell their own date, so
    that a window may be asked of a source without `{ds}`.

    Raises:
        BadData: nothing is there, `{ds}` is used without a date, or a window where nothing tells the days apart.
        Rejected, Unreachable: the place said no, or nothing.
    """
    filled = with_days(spec, as_of, window_days, dated_rows)
    source = _look(filled, _place(filled, settings))
    if absent := source.days_without:
        more = f" and {len(absent) - _NAMED_DAYS:,} more" if len(absent) > _NAMED_DAYS else ""
        logger.warning(
            "The source %s has nothing for %d of its %d days, the others are used: %s%s",
            source.shown,
            len(absent),
            len(source.found),
            ", ".join(absent[:_NAMED_DAYS]),
            more,
        )
    return source


def fetch(spec: str, folder: Path, settings: Settings, identity: str) -> Path:
    """Bring the parts of a source, its days filled in, into `folder`, which exists and is empty, and return it.

    Raises:
        BadData: the source is no longer the one that was identified.
    """
    place = _place(spec, settings)
    source = _look(spec, place)
    _must_be(source, identity)
    names = iter(file_names(source))
    for day, parts in source.found:
        place.fetch(day.spec, [(part, folder / next(names)) for part in parts])
    _must_be(_look(spec, place), identity)
    return folder


def confirm(spec: str, settings: Settings, identity: str) -> None:
    """Look again at a source that a stage has read in place; what was downloaded cannot have changed since.

    Raises:
        BadData: somebody wrote to it meanwhile, so what was read is neither the old content nor the new.
    """
    place = _place(spec, settings)
    if isinstance(place, Files):
        _must_be(_look(spec, place), identity)


def identify_vectors(path: str, settings: Settings) -> Source:
    """Find a file of pretrained word vectors.

    Raises:
        NotFound: there is no such file; the message says where the lab's come from.
    """
    try:
        return identify(path, None, settings)
    except BadData as error:
        raise NotFound(f"The word vectors {path} are not there. {WHERE_THE_LAB_VECTORS_ARE}") from error


def _look(spec: str, place: Place) -> Source:
    days = each_day(spec)
    if len(days) == 1:
        return Source(spec, ((days[0], place.parts(days[0].spec)),))
    nothing: dict[str, NothingThere] = {}

    def look(day: Day) -> tuple[Day, tuple[Part, ...]]:
        try:
            return day, place.parts(day.spec)
        except NothingThere as error:
            nothing[day.day] = error
            return day, ()

    with ThreadPoolExecutor(min(_LOOKS_AT_ONCE, len(days))) as pool:
        source = Source(spec, tuple(pool.map(look, days)))
    if not source.parts:
        first, last = days[0].day, days[-1].day
        raise NothingThere(
            f"The source {source.shown} has nothing for any of the {len(days):,} days from {first} to {last}. The "
            f"last: {nothing[last]}"
        ) from None
    return source


def _must_be(source: Source, identity: str) -> None:
    if source.identity != identity:
        raise BadData(
            f"The source {source.shown} changed after this run was planned. Trigger the run again when nobody writes "
            "to it."
        )


def _place(spec: str, settings: Settings) -> Place:
    scheme, separator, _ = spec.partition(":")
    if not spec.strip():
        raise BadData(f"No source is named. Give a path, a glob, s3://, https:// or {EXAMPLE}.")
    if spec == "sample" or scheme == "sample":
        return Sample()
    if separator and scheme == "s3":
        return Objects(settings)
    if separator and scheme in ("http", "https"):
        return Address()
    if "://" in spec and scheme != "file":
        raise BadData(
            f"The source {shown(spec)} begins with {scheme}://, which is not known. Known are a path, a glob, s3://, "
            f"https:// and {EXAMPLE}."
        )
    return Files()
