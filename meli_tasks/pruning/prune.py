"""Deletes from a store what nothing needs any more, also while runs read and write it: mark and sweep.

A run that reuses an artifact marks its manifest by compare-and-swap; a prune writes into the same manifest, by
compare-and-swap too, that the files are deleted, and deletes them afterwards. Whichever is first wins: either the prune
leaves the artifact alone, or the run finds that it was pruned and computes it again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from meli_tasks.artifacts import paths, reading
from meli_tasks.artifacts.cache import Cache
from meli_tasks.artifacts.manifest import Manifest, ModelRef
from meli_tasks.core.errors import Conflict, MeliError
from meli_tasks.execution.runner import TRAIN
from meli_tasks.index.changes import write_announced
from meli_tasks.planning.plan import Plan
from meli_tasks.pruning.candidates import Candidate, candidates, path_of
from meli_tasks.pruning.kept import Kept, keys_of, mark
from meli_tasks.pruning.records import LastPrune, PrunedRun
from meli_tasks.pruning.rules import GRACE, Rules
from meli_tasks.stages.summaries import ENSEMBLE
from meli_tasks.store import Listed, Store
from meli_tasks.wording import duration

logger = logging.getLogger("meli_tasks")

SKEW = timedelta(hours=1)
"""How far the clocks of this machine and of the store may be apart without a warning."""

Totals = dict[str, tuple[int, int]]
"""By kind, the number of artifacts or objects and their bytes."""


@dataclass(frozen=True)
class Found:
    """What there is to delete, and what stays."""

    kept: Kept
    candidates: Sequence[Candidate]
    stored: Totals
    over_limit: Sequence[Candidate] = ()

    @property
    def bytes(self) -> int:
        """What deleting the candidates frees."""
        return sum(each.bytes for each in self.candidates)


@dataclass
class Outcome:
    """What a prune did."""

    deleted: list[Candidate] = field(default_factory=list)
    in_use: list[Candidate] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)

    @property
    def bytes(self) -> int:
        """What was freed."""
        return sum(each.bytes for each in self.deleted)


class Prune:
    """Prunes a store and the local cache.

    Args:
        store: The store.
        cache: The cache of this machine, of which only abandoned work is deleted.
        rules: What is kept.
        registered: Returns the models of MLflow's registered versions.
        by: Who prunes.
        clock: This machine's time, in seconds since 1970.
    """

    def __init__(
        self,
        store: Store,
        cache: Cache,
        rules: Rules,
        *,
        registered: Callable[[], Iterable[ModelRef]] = tuple,
        by: str = "",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store, self.cache, self._rules, self._registered = store, cache, rules, registered
        self._by, self.clock = by, clock

    def find(self) -> Found:
        """What would be deleted. Nothing is changed.

        Raises:
            BadData: something cannot be read, so what it needs is unknown.
            MeliError: the store or MLflow did not answer.
        """
        now = datetime.fromtimestamp(self.clock(), UTC)
        listing = self._store.objects("")
        kept = mark(self._store, self._rules, now, listing, self._registered())
        found = candidates(self._store, self.cache, listing, kept, now)
        chosen, left, size = list[Candidate](), list[Candidate](), 0
        for each in found:
            # An ensemble that is left needs its members.
            needed = each.kind == TRAIN and any(other.kind == ENSEMBLE for other in left)
            fits = size + each.bytes <= self._rules.most_bytes and not needed
            (chosen if fits else left).append(each)
            size += each.bytes if fits else 0
        return Found(kept, chosen, totals_of(listing), left)

    def run(self) -> tuple[Found, Outcome]:
        """Find and delete; raises like `find`, before anything is deleted."""
        last = LastPrune(by=self._by)
        self._check_clock(last)
        found, outcome = self.find(), Outcome()
        try:
            self.delete(found, outcome)
        finally:
            failed = "; ".join(outcome.failed.values())[:1_000]
            self._note(last.model_copy(update={"bytes": outcome.bytes, "failed": failed}))
        return found, outcome

    def _note(self, last: LastPrune) -> None:
        reading.write(self._store, paths.LAST_PRUNE, last.model_dump_json(indent=1).encode())

    def _check_clock(self, last: LastPrune) -> None:
        """Ages are by the store's clock, so this machine's must not be ahead of it."""
        self._note(last.model_copy(update={"failed": "it is running, or was killed"}))
        found = [each.modified for each in self._store.objects(paths.LAST_PRUNE) if each.name == paths.LAST_PRUNE]
        if not found:
            raise Conflict(
                f"{paths.LAST_PRUNE} of {self._store.url} disappeared while it was pruned, so the store's clock is not "
                "known. Nothing was deleted. Run again; if this repeats, something else deletes from the store."
            )
        ahead = self.clock() - found[0]
        if abs(ahead) > SKEW.total_seconds():
            logger.warning(
                "The clocks of this machine and of %s are %s apart; the store's counts.",
                self._store.url,
                duration(abs(ahead)),
            )
            clock = self.clock
            self.clock = lambda: clock() - ahead

    def delete(self, found: Found, outcome: Outcome) -> None:
        """Delete what was found, unless it has been used since."""
        ensembles = [each for each in found.candidates if each.kind == ENSEMBLE]
        others = [each for each in found.candidates if each.kind != ENSEMBLE]
        with ThreadPoolExecutor(reading.READERS) as workers:
            for some in (ensembles, others):
                # No ensemble may be left without its members.
                left = [each for each in some if outcome.failed and each.kind == TRAIN]
                tried = [each for each in some if each not in left]
                for each, result in zip(tried, workers.map(self._delete, tried), strict=True):
                    if isinstance(result, MeliError):
                        outcome.failed[each.name] = str(result)
                    else:
                        (outcome.deleted if result else outcome.in_use).append(each)
                outcome.failed |= {each.name: "an ensemble that may need it was not deleted" for each in left}
        deleted = {each.name.split("/")[1] for each in outcome.deleted if each.how == "artifact"}
        self._note_runs(found.kept.unkept, deleted)

    def _delete(self, candidate: Candidate) -> bool | MeliError:
        """Whether it was deleted, or the error that kept it."""
        try:
            if candidate.how == "artifact":
                return self._delete_artifact(candidate)
            if candidate.how == "leftover" and candidate.leftover:
                self._store.discard(candidate.leftover)
            elif candidate.how == "cache":
                self.cache.remove(path_of(candidate))
            else:
                return self._delete_objects(candidate.objects)
        except MeliError as error:
            return error
        return True

    def _delete_objects(self, objects: Sequence[Listed]) -> bool:
        """Delete objects that are still the ones that were listed."""
        for each in objects:
            if not self._is_unchanged(each):
                return False
            self._store.delete(each.name)
        return True

    def _is_unchanged(self, listed: Listed) -> bool:
        return all(
            each.version == listed.version for each in self._store.objects(listed.name) if each.name == listed.name
        )

    def _delete_artifact(self, candidate: Candidate) -> bool:
        """Mark the manifest as pruned, unless a run has used it since, and then delete the files."""
        blob = self._store.read(candidate.manifest)
        if blob is not None:
            manifest = reading.parsed(self._store, candidate.manifest, blob.data, Manifest.from_bytes)
            if not manifest.pruned and not self._mark_pruned(candidate.manifest, manifest, blob.version):
                return False
        for each in candidate.objects:
            self._store.delete(each.name)
        return True

    def _mark_pruned(self, name: str, manifest: Manifest, version: str) -> bool:
        # Listed after it was read: if a run marked it in the meantime, either its time or its version tells.
        listed = next((each for each in self._store.objects(name) if each.name == name), None)
        if listed is None or listed.modified > self.clock() - GRACE.total_seconds():
            return False
        marked = replace(manifest, pruned=datetime.now(UTC).isoformat(timespec="seconds"))
        try:
            reading.write(self._store, name, marked.to_bytes(), if_version=version)
        except Conflict:
            return False
        return True

    def _note_runs(self, unkept: Sequence[Plan], deleted: set[str]) -> None:
        """Note beside the plans of runs that artifacts of theirs were deleted."""
        if not deleted:
            return
        for plan in unkept:
            if keys_of(plan) & deleted:
                write_announced(self._store, plan.name, "pruned", PrunedRun().model_dump_json().encode())


def totals_of(listing: Iterable[Listed]) -> Totals:
    """Number and bytes of the objects of a store, by the first part of their names."""
    found: Totals = {}
    for each in listing:
        kind = each.name.partition("/")[0]
        number, size = found.get(kind, (0, 0))
        found[kind] = number + 1, size + each.size
    return found


def totals(found: Iterable[Candidate]) -> Totals:
    """Number and bytes of candidates, by kind."""
    by_kind: Totals = {}
    for each in found:
        number, size = by_kind.get(each.kind, (0, 0))
        by_kind[each.kind] = number + 1, size + each.bytes
    return by_kind
