"""What is at a step's key before it is computed: nothing, an artifact that can be used, or a damaged one."""

from __future__ import annotations

import dataclasses
import logging
from dataclasses import dataclass
from pathlib import Path

from meli_tasks.artifacts.manifest import Manifest, find_record, was_pruned
from meli_tasks.artifacts.outputs import damage
from meli_tasks.artifacts.reading import NotReadable
from meli_tasks.execution.attempts import publish, replace, restore, upload
from meli_tasks.execution.reuse import mark_used
from meli_tasks.store import Store

logger = logging.getLogger("meli_tasks")


@dataclass(frozen=True)
class Existing:
    """The manifest at a key, if it can be read, and what is wrong with it or with its files; empty if nothing is."""

    manifest: Manifest | None = None
    problem: str = ""

    @property
    def usable(self) -> Manifest | None:
        """The manifest of an artifact that need not be computed again."""
        return None if self.problem else self.manifest

    def log_problem(self, step: str) -> None:
        """Log why a step is computed again; that its files were deleted on purpose is no warning."""
        if self.manifest and self.manifest.pruned:
            logger.info("%s is computed again: %s", step, self.problem)
        elif self.problem:
            logger.warning("%s is damaged and is computed again: %s", step, self.problem)

    @property
    def threads(self) -> int:
        """Threads that a training run used whose files are gone: with as many, they are the same. 0 if unknown."""
        return self.manifest.conditions.threads if self.manifest and self.problem else 0

    def publish(self, store: Store, made: Manifest, out: Path) -> Manifest:
        """Upload a new attempt from the folder `out` and write its manifest over what was there.

        If an attempt with damaged files had the same bytes, those are restored, and it is that attempt again: what was
        made from it, and what was measured with it, stays as it is. See `publish` and `replace`.
        """
        if self.problem and self.manifest and self.manifest.outputs == made.outputs:
            made = dataclasses.replace(made, timings=self.manifest.timings)  # later keys depend on them
            if not self.manifest.pruned:
                restore(store, self.manifest, out)
                if restored := mark_used(store, self.manifest):  # else it was pruned in the meantime
                    return restored
        upload(store, made, out)
        if self.manifest is None and not self.problem:
            return publish(store, made)
        return replace(store, made, damaged=self.manifest.attempt if self.manifest and self.problem else "")


def look_up(store: Store, stage: str, key: str, *, check_files: bool = True) -> Existing:
    """What is at a key. Its files are checked too, since a step whose files are damaged is computed again.

    Raises:
        NotReadable: a later version wrote it, so it must not be overwritten.
    """
    try:
        found = find_record(store, stage, key)
    except NotReadable as error:
        if not error.is_damage:
            raise
        return Existing(None, str(error))
    if found and found.pruned:
        return Existing(found, f"it {was_pruned(found)}")
    return Existing(found, "; ".join(damage(store, found)) if found and check_files else "")
