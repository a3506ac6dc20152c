"""The golden titles of a run: which file holds them, and their copy in the store that every later task reads.

The file is read when the run is planned. Its titles are stored under their digest, which is part of the key of the
evaluation: another file means another evaluation, and a file that changes during the run changes nothing.
"""

from __future__ import annotations

import hashlib
import logging
import tempfile
from datetime import date
from pathlib import Path

from meli_tasks import sources
from meli_tasks.allowed_addresses import NotAllowed
from meli_tasks.artifacts import paths
from meli_tasks.artifacts.manifest import canonical_json
from meli_tasks.core.errors import BadData
from meli_tasks.settings import Settings
from meli_tasks.sources.generated import is_generated
from meli_tasks.sources.place import NoFiles
from meli_tasks.sources.source import Source
from meli_tasks.stages.listings.golden import GoldenFile, read_golden
from meli_tasks.stages.stored import Stored
from meli_tasks.store import Store
from meli_tasks.wording import count

logger = logging.getLogger("meli_tasks")

NONE = "none"
"""What the parameter `golden` says for a run without golden titles."""
_MAX_BYTES = 64 << 20


class PlannedGolden(Stored):
    """The golden titles of a plan: where they come from, and the digest under which they are stored."""

    digest: str
    address: str
    titles: int


def plan_golden(
    requested: str, requested_source: str, source: Source, as_of: date | None, *, settings: Settings, store: Store
) -> PlannedGolden | None:
    """Find the golden titles of a run, store them, and log which file they come from; None if there are none.

    Args:
        requested: The run's parameter `golden`.
        requested_source: The run's source, its days not filled in.
        source: The same source, identified.
        as_of: The run's date, for `{ds}` in the parameter.
        settings: For the keys of a bucket.
        store: Where `golden.csv` may be, and where the titles are kept.

    Raises:
        BadData: the file that was requested does not exist, or a file cannot be used.
    """
    if requested == NONE:
        logger.info("golden titles: none, as the parameter golden says")
        return None
    if not requested and is_generated(requested_source):
        logger.info("golden titles: none, because the titles are generated; name a file with the parameter golden")
        return None
    with tempfile.TemporaryDirectory(prefix="meli-golden-") as folder:
        address, path = (
            (requested, _requested(requested, as_of, settings, Path(folder)))
            if requested
            else _found(requested_source, source, settings, store, Path(folder))
        )
        if path is None:
            logger.info("golden titles: none (there is no %s)", address)
            return None
        try:
            file = read_golden(path)
        except BadData as error:
            raise BadData(f"The golden titles in {address} cannot be used: {_without_name(error, path)}") from None
    planned = PlannedGolden(digest=_store(file, store), address=address, titles=len(file.titles))
    logger.info("golden titles: %s from %s", count(planned.titles, "title"), address)
    for note in file.notes():
        logger.warning("%s", note)
    return planned


def _requested(spec: str, as_of: date | None, settings: Settings, folder: Path) -> Path:
    try:
        return _fetched(spec, as_of, settings, folder)
    except NoFiles as error:
        raise BadData(f"There are no golden titles at {spec}. {error}") from None


def _found(
    requested_source: str, source: Source, settings: Settings, store: Store, folder: Path
) -> tuple[str, Path | None]:
    """`golden.csv` beside the source, or else in the store: its address and a copy of it, or where there is none."""
    in_store = f"{store.url}/{paths.GOLDEN_FILE}"
    near = sources.beside(requested_source, source, paths.GOLDEN_FILE)
    has_stored = store.size(paths.GOLDEN_FILE) is not None
    if near:
        try:
            path = _fetched(near, None, settings, folder)
        except NoFiles:
            pass
        except NotAllowed as error:  # nobody named this file
            logger.info("golden titles: none beside the source. %s", error)
        else:
            if has_stored and not _same_file(path, store):
                logger.info("golden titles: %s is not read, because there is a file beside the source", in_store)
            return near, path
    if not has_stored:
        return " or ".join(filter(None, (near, in_store))), None
    path = folder / paths.GOLDEN_FILE
    store.download(paths.GOLDEN_FILE, path)
    return in_store, path


def _same_file(path: Path, store: Store) -> bool:
    """Whether the file beside the source is the store's: the source may be a folder of the store."""
    blob = store.read(paths.GOLDEN_FILE)
    return blob is not None and blob.data == path.read_bytes()


def _fetched(spec: str, as_of: date | None, settings: Settings, folder: Path) -> Path:
    """A copy of a file of golden titles, or a link to it.

    Raises:
        NoFiles: it does not exist.
        BadData: it is more than a file, or too large.
    """
    found = sources.identify(spec, as_of, settings)
    if len(found.parts) != 1:
        raise BadData(
            f"golden is {found.spec}, which has {len(found.parts):,} files. Golden titles are a single file: give "
            "its path or URL."
        )
    if (found.parts[0].size or 0) > _MAX_BYTES:
        raise BadData(f"The golden titles in {found.spec} are larger than {_MAX_BYTES >> 20} MB. Is it the right file?")
    sources.fetch(found.spec, folder, settings, found.identity)
    return next(path for path in folder.rglob("*") if path.is_file())


def _without_name(error: BadData, path: Path) -> str:
    """The message without the name of the copy, as the address precedes it."""
    return str(error).removeprefix(f"{path.name}: ")


def _store(file: GoldenFile, store: Store) -> str:
    """Keep the titles under their digest, and return it."""
    data = canonical_json(file.model_dump(mode="json")).encode()
    digest = hashlib.sha256(data).hexdigest()[:32]
    kept = store.read(paths.golden(digest))
    if kept is None or kept.data != data:
        store.write(paths.golden(digest), data)
    return digest
