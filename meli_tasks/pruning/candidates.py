"""The sweep phase: what nothing needs any more, found in a listing of the store and in the local cache."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from meli_tasks.artifacts import paths, reading
from meli_tasks.artifacts.cache import Cache
from meli_tasks.artifacts.manifest import Manifest
from meli_tasks.artifacts.reading import LenientReader
from meli_tasks.index.segments import Root
from meli_tasks.pruning.kept import Kept
from meli_tasks.pruning.rules import CHECKPOINTS, GRACE, LOGS, RESULTS, UPLOADS
from meli_tasks.pruning.stored_keys import StoredKey, stored_keys
from meli_tasks.scoring.planning import SCORE
from meli_tasks.stages.summaries import ENSEMBLE
from meli_tasks.store import Leftover, Listed, Store

How = Literal["artifact", "objects", "leftover", "cache"]


@dataclass(frozen=True)
class Candidate:
    """Something to delete.

    Attributes:
        kind: What it is, for people.
        name: STAGE/KEY, the name of an object, or a path.
        written: When its newest part was written, in seconds since 1970.
        bytes: How many it frees.
        how: How it is deleted. The manifest of an artifact stays, and says when the files were deleted.
        objects: What is deleted from the store.
        manifest: The name of an artifact's manifest.
        leftover: An interrupted write.
    """

    kind: str
    name: str
    written: float
    bytes: int
    how: How
    objects: tuple[Listed, ...] = ()
    manifest: str = ""
    leftover: Leftover | None = None


def candidates(store: Store, cache: Cache, listing: Sequence[Listed], kept: Kept, now: datetime) -> list[Candidate]:
    """Everything to delete, the oldest first; ensembles before all others, as their members are among these.

    Raises:
        BadData: a manifest cannot be read, so what its files are is unknown.
    """
    search = _Search(store, listing, kept, now.timestamp())
    in_store = [*search.artifacts(), *search.small_objects(), *search.index_objects(), *search.leftovers()]
    found = [*in_store, *_in_cache(cache)]
    return sorted(found, key=lambda each: (each.kind != ENSEMBLE, each.written, each.name))


class _Search:
    def __init__(self, store: Store, listing: Sequence[Listed], kept: Kept, now: float) -> None:
        self._store, self._listing, self._kept, self._now = store, listing, kept, now

    def _is_older(self, written: float, age: timedelta) -> bool:
        return 0 < written < self._now - age.total_seconds()

    def artifacts(self) -> Iterator[Candidate]:
        """Attempts that nothing needs, and files of attempts that never had a manifest.

        What was written lately stays: somebody may be about to use it, or to write its manifest.
        """
        for stored in stored_keys(self._listing).values():
            for attempt, listed in self._unneeded(stored):
                objects = [*stored.files[attempt], *([listed] if listed else [])]
                if not self._is_older(max(each.modified for each in objects), GRACE):
                    continue
                name = stored.name if listed == stored.manifest else f"{stored.name}/{attempt}"
                kind = "batch results" if stored.stage == SCORE else stored.stage
                found = _of_objects(kind if listed else "orphans", name, stored.files[attempt], "objects")
                yield replace(found, how="artifact", manifest=listed.name) if listed else found

    def _unneeded(self, stored: StoredKey) -> Iterator[tuple[str, Listed | None]]:
        """The attempts that have files and may go, with the manifest of each, if it has one."""
        needed = self._kept.has(stored.key)
        if len(stored.files) == 1:
            attempt = next(iter(stored.files))
            if not needed:
                yield attempt, stored.manifest or stored.replaced.get(attempt)
            return
        newest = self._manifest(stored.manifest) if stored.files else None
        for attempt in sorted(stored.files):
            at_key = newest is not None and newest.attempt == attempt
            listed = stored.manifest if at_key else stored.replaced.get(attempt)
            manifest = newest if at_key else self._manifest(listed)
            if manifest is None or not self._kept.keeps(manifest, newest=at_key):
                yield attempt, listed

    def _manifest(self, listed: Listed | None) -> Manifest | None:
        return reading.read(self._store, listed.name, Manifest.from_bytes) if listed else None

    def small_objects(self) -> Iterator[Candidate]:
        last_of_prefix = _last_by_prefix(self._listing, paths.CHECKPOINTS, depth=3)
        ages: Mapping[str, tuple[str, timedelta, Callable[[Listed], bool]]] = {
            paths.CHECKPOINTS: ("checkpoints", CHECKPOINTS, lambda each: True),
            paths.STOPS: ("stop requests", CHECKPOINTS, lambda each: True),
            paths.UPLOADING: ("notes on uploads", UPLOADS, lambda each: True),
            paths.STUDIES: ("studies of searches", CHECKPOINTS, self._is_of_no_open_run),
            paths.LIVE: ("progress logs", LOGS, self._is_of_unneeded_key),
            paths.FAILED: ("rows of failed steps", LOGS, lambda each: True),
            paths.NOTICES: ("sent notifications", RESULTS, lambda each: True),
            paths.DAMAGED: ("quarantine", RESULTS, lambda each: True),
            paths.MONITORING: ("monitoring", RESULTS, self._is_of_earlier_champion),
            paths.PROBE: ("probes", UPLOADS, lambda each: True),
        }
        for each in self._listing:
            prefix = each.name.partition("/")[0] + "/"
            if prefix not in ages:
                continue
            kind, age, unneeded = ages[prefix]
            written = last_of_prefix.get(_prefix(each.name, 3), each.modified)
            if self._is_older(written, age) and unneeded(each):
                yield _of_objects(kind, each.name, [each], "objects")

    def index_objects(self) -> Iterator[Candidate]:
        """What no index names, because its writer was killed; a root that cannot be read may name anything."""
        reader = LenientReader(self._store)
        roots = [each.name for each in self._listing if paths.is_index_root(each.name)]
        found = {name.rpartition("/")[0] + "/": reader.read(name, Root.model_validate_json) for name in roots}
        for each in self._listing:
            root = next((root for folder, root in found.items() if each.name.startswith(folder)), None)
            named = root is None or each.name in root.objects or paths.is_index_root(each.name)
            if not named and self._is_older(each.modified, GRACE):
                yield _of_objects("replaced parts of indexes", each.name, [each], "objects")

    def _is_of_unneeded_key(self, each: Listed) -> bool:
        key = each.name.rpartition("/")[2].removesuffix(".json")
        return not self._kept.has(key)

    def _is_of_no_open_run(self, each: Listed) -> bool:
        part = each.name.rpartition("/")[2]
        return not any(part.startswith(paths.search_part(run_id, "")) for run_id in self._kept.open)

    def _is_of_earlier_champion(self, each: Listed) -> bool:
        model = each.name.split("/")[1]
        champion = self._kept.champion
        return champion is None or model not in (champion.key, str(champion))

    def leftovers(self) -> Iterator[Candidate]:
        for each in self._store.leftovers():
            if self._is_older(each.modified, UPLOADS):
                yield Candidate("interrupted uploads", each.name, each.modified, each.size, "leftover", leftover=each)


def _of_objects(kind: str, name: str, objects: Sequence[Listed], how: How) -> Candidate:
    written = max(each.modified for each in objects)
    return Candidate(kind, name, written, sum(each.size for each in objects), how, tuple(objects))


def _last_by_prefix(listing: Sequence[Listed], start: str, depth: int) -> dict[str, float]:
    """When something was last written below each folder of that depth."""
    last: dict[str, float] = {}
    for each in listing:
        if each.name.startswith(start):
            prefix = _prefix(each.name, depth)
            last[prefix] = max(last.get(prefix, 0.0), each.modified)
    return last


def _prefix(name: str, depth: int) -> str:
    return "/".join(name.split("/")[:depth])


def _in_cache(cache: Cache) -> Iterator[Candidate]:
    for found in cache.abandoned():
        yield Candidate("work folders of this machine", str(found.path), found.modified, found.bytes, "cache")


def path_of(candidate: Candidate) -> Path:
    """The path of a candidate in the cache."""
    return Path(candidate.name)
