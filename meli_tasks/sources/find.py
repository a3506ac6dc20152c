"""Find a source's parts, and fetch them."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

from meli_tasks.core.errors import BadData, NotFound
from meli_tasks.settings import Settings
from meli_tasks.sources.bucket import Objects
from meli_tasks.sources.days import Day, each_day, with_days
from meli_tasks.sources.generated import EXAMPLE, Sample
from meli_tasks.sources.local import Files
from meli_tasks.sources.place import NothingThere, Part, Place, redact_source
from meli_tasks.sources.source import Source, file_names
from meli_tasks.sources.web import Address

logger = logging.getLogger("meli_tasks")

WHERE_THE_LAB_VECTORS_ARE = (
    "The lab's vectors are SBW-vectors-300-min5 (Spanish Billion Words Corpus and Embeddings, by Cristian Cardellino, "
    "https://crscardellino.github.io/SBWCE/): download SBW-vectors-300-min5.txt.gz and name it with the override "
    "embed.path, or train vectors from the titles with the override embed.method=word2vec."
)

_LOOKS_AT_ONCE = 8
_NAMED_DAYS = 14


def identify(
    spec: str, as_of: date | None, settings: Settings, window_days: int = 1, *, dated_rows: bool = False
) -> Source:
    """Find a source's parts.

    Args:
        spec: The source. With `{ds}` in it, the parts are those of the last `window_days` days up to `as_of`; a warning
            names the days that have none.
        as_of: The run's date.
        settings: For the keys of a bucket.
        window_days: Number of days.
        dated_rows: Whether the rows hold their own date, so that a window needs no `{ds}`.

    Raises:
        BadData: there are no parts, `{ds}` is used without a date, or nothing distinguishes the days of a window.
        Rejected: the place refused.
        Unreachable: the place did not answer.
    """
    filled = with_days(spec, as_of, window_days, dated_rows)
    source = _look(filled, _place(filled, settings))
    if absent := source.days_without:
        more = f" and {len(absent) - _NAMED_DAYS:,} more" if len(absent) > _NAMED_DAYS else ""
        logger.warning(
            "The source %s has nothing for %d of its %d days; the others are used: %s%s",
            source.redacted,
            len(absent),
            len(source.found),
            ", ".join(absent[:_NAMED_DAYS]),
            more,
        )
    return source


def fetch(spec: str, folder: Path, settings: Settings, identity: str) -> Path:
    """Bring the parts of a source, with its days filled in, into the empty `folder`, and return it.

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
    """Check that a source that a stage has read in place is unchanged; a downloaded one cannot have changed.

    Raises:
        BadData: somebody wrote to it meanwhile, so the stage may have read neither the old content nor the new.
    """
    place = _place(spec, settings)
    if isinstance(place, Files):
        _must_be(_look(spec, place), identity)


def identify_vectors(path: str, settings: Settings) -> Source:
    """Find a file of pretrained word vectors.

    Raises:
        NotFound: there is no such file; the message says where to get the lab's vectors.
    """
    try:
        return identify(path, None, settings)
    except BadData as error:
        raise NotFound(f"The word vectors {path} do not exist. {WHERE_THE_LAB_VECTORS_ARE}") from error


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
            f"The source {source.redacted} has nothing for any of the {len(days):,} days from {first} to {last}. The "
            f"last error: {nothing[last]}"
        ) from None
    return source


def _must_be(source: Source, identity: str) -> None:
    if source.identity != identity:
        raise BadData(
            f"The source {source.redacted} changed after this run was planned. Trigger the run again when nobody "
            "writes to it."
        )


def _place(spec: str, settings: Settings) -> Place:
    scheme, separator, _ = spec.partition(":")
    if not spec.strip():
        raise BadData(f"The source is empty. Give a path, a glob, s3://, https:// or {EXAMPLE}.")
    if spec == "sample" or scheme == "sample":
        return Sample()
    if separator and scheme == "s3":
        return Objects(settings)
    if separator and scheme in ("http", "https"):
        return Address()
    if "://" in spec and scheme != "file":
        raise BadData(
            f"The source {redact_source(spec)} begins with {scheme}://, which is not supported. Use a path, a glob, "
            f"s3://, https:// or {EXAMPLE}."
        )
    return Files()
