"""Find a source's parts, and fetch them."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path, PurePosixPath

from meli_tasks.allowed_addresses import NotAllowed
from meli_tasks.concealed import conceal
from meli_tasks.core.errors import BadData, NotFound
from meli_tasks.settings import Settings
from meli_tasks.sources.bucket import Bucket
from meli_tasks.sources.days import Day, each_day, with_days
from meli_tasks.sources.generated import EXAMPLE, Sample, is_generated
from meli_tasks.sources.local import Files
from meli_tasks.sources.place import Found, NoFiles, Place, too_large, why_skipped
from meli_tasks.sources.source import Source, file_names
from meli_tasks.sources.web import Address
from meli_tasks.wording import count, enumeration

logger = logging.getLogger("meli_tasks")

LAB_VECTORS_HINT = (
    "The lab's vectors are SBW-vectors-300-min5 (Spanish Billion Words Corpus and Embeddings, by Cristian Cardellino, "
    "https://crscardellino.github.io/SBWCE/): download SBW-vectors-300-min5.txt.gz and name it with the override "
    "embed.path, or train vectors from the titles with the override embed.method=word2vec."
)

_CONCURRENT_LISTINGS = 8
_MAX_DAYS_LISTED = 14
_DELTA_LOG = "_delta_log"


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
        Rejected: the server refused the request.
        Unreachable: the server did not answer.
    """
    filled = with_days(conceal(spec), as_of, window_days, dated_rows)
    source = _identify(filled, _place(filled, settings))
    _check_size(source, settings)
    _report(source)
    if absent := source.empty_days:
        logger.warning(
            "The source %s has no files for %d of its %d days; the other days are used: %s",
            source.spec,
            len(absent),
            len(source.parts_by_day),
            enumeration(absent, _MAX_DAYS_LISTED),
        )
    return source


def fetch(spec: str, folder: Path, settings: Settings, identity: str) -> Path:
    """Download the parts of a source (its days already filled in) into the empty `folder`, and return the folder.

    Raises:
        BadData: the source is no longer the one that was identified.
    """
    spec = conceal(spec)
    place = _place(spec, settings)
    source = _identify(spec, place)
    _check_identity(source, identity)
    names = iter(file_names(source))
    for day, parts in source.parts_by_day:
        targets = [(part, folder / next(names)) for part in parts]
        for _, target in targets:
            target.parent.mkdir(parents=True, exist_ok=True)
        place.fetch(day.spec, targets)
    _check_identity(_identify(spec, place), identity)
    return folder


def confirm(spec: str, settings: Settings, identity: str) -> None:
    """Check that a source that a stage has read in place is unchanged; a downloaded one cannot have changed.

    Raises:
        BadData: it changed while the stage read it, so the stage may have read a mixture of old and new content.
    """
    place = _place(conceal(spec), settings)
    if isinstance(place, Files):
        _check_identity(_identify(spec, place), identity)


def identify_vectors(path: str, settings: Settings) -> Source:
    """Find a file of pretrained word vectors.

    Raises:
        NotFound: there is no such file; the message says where to get the lab's vectors.
    """
    try:
        return identify(path, None, settings)
    except NotAllowed:
        raise
    except BadData as error:
        raise NotFound(f"There are no word vectors at {conceal(path)}. {error} {LAB_VECTORS_HINT}") from None


def _identify(spec: str, place: Place) -> Source:
    days = each_day(spec)
    if len(days) == 1:
        found = place.find(days[0].spec)
        return Source(spec, ((days[0], found.parts),), found.skipped)
    missing: dict[str, NoFiles] = {}

    def look(day: Day) -> Found:
        try:
            return place.find(day.spec)
        except NoFiles as error:
            missing[day.day] = error
            return Found(())

    with ThreadPoolExecutor(min(_CONCURRENT_LISTINGS, len(days))) as pool:
        listings = list(pool.map(look, days))
    source = Source(
        spec,
        tuple((day, found.parts) for day, found in zip(days, listings, strict=True)),
        tuple(dict.fromkeys(name for found in listings for name in found.skipped)),
    )
    if not source.parts:
        first, last = days[0].day, days[-1].day
        raise NoFiles(
            f"The source {source.spec} has no files for any of the {len(days):,} days from {first} to {last}. The "
            f"last error: {missing[last]}"
        ) from None
    return source


def _check_size(source: Source, settings: Settings) -> None:
    """Refuse a source of too many files or bytes.

    Raises:
        BadData: it has.
    """
    parts = source.parts
    if len(parts) > settings.source_files:
        raise BadData(
            f"The source {source.spec} has {len(parts):,} files, and at most {settings.source_files:,} are read "
            "(MELI_SOURCE_FILES). Join files, or raise the setting."
        )
    if (size := sum(part.size or 0 for part in parts)) > settings.source_bytes:
        raise too_large(f"The source {source.spec}", size, settings.source_bytes)


def _report(source: Source) -> None:
    """Log which files are not read, and that those in subfolders are."""
    if source.skipped:
        logger.info(
            "The source %s: files and folders are skipped, because %s", source.spec, why_skipped(source.skipped)
        )
    if _DELTA_LOG in source.skipped:
        logger.warning(
            "The source %s is a Delta table, whose log is not read: rows that it has deleted or replaced are read too. "
            "Export its current version to another folder, and use that.",
            source.spec,
        )
    folders = {PurePosixPath(part.name).parent for part in source.parts}
    if len(folders) > 1:
        logger.info(
            "The source %s has %s in %s",
            source.spec,
            count(len(source.parts), "file"),
            count(len(folders), "folder"),
        )


def _check_identity(source: Source, identity: str) -> None:
    if source.identity != identity:
        raise BadData(
            f"The source {source.spec} changed after this run was planned, or an earlier version of this program "
            "planned the run and identified it in another way. Trigger the run again when nothing writes to the source."
        )


def _place(spec: str, settings: Settings) -> Place:
    scheme, separator, _ = spec.partition(":")
    if not spec.strip():
        raise BadData(f"The source is empty. Give a path, a glob, s3://, https:// or {EXAMPLE}.")
    if is_generated(spec):
        return Sample(settings.source_rows)
    if separator and scheme == "s3":
        return Bucket(settings)
    if separator and scheme in ("http", "https"):
        return Address(settings)
    if "://" in spec and scheme != "file":
        raise BadData(
            f"The source {spec} begins with {scheme}://, which is not supported. Use a path, a glob, "
            f"s3://, https:// or {EXAMPLE}."
        )
    return Files(settings.allowed_addresses)
