"""What a listing of the store has of each content key: manifests, and the files of attempts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from meli_tasks.artifacts import paths
from meli_tasks.scoring.planning import SCORE
from meli_tasks.stages import STAGES
from meli_tasks.store import Listed

FOLDERS = (*STAGES, SCORE)
"""The stages with artifacts; `score` makes the parts of batches."""


@dataclass
class StoredKey:
    """The objects of one key; `files` and the manifests of replaced attempts by attempt."""

    stage: str
    key: str
    manifest: Listed | None = None
    replaced: dict[str, Listed] = field(default_factory=dict)
    files: dict[str, list[Listed]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """STAGE/KEY."""
        return f"{self.stage}/{self.key}"


def stored_keys(listing: Iterable[Listed]) -> dict[str, StoredKey]:
    """The objects of artifacts, by STAGE/KEY."""
    found: dict[str, StoredKey] = {}
    for each in listing:
        stage, _, rest = each.name.partition("/")
        key, _, file = rest.partition("/")
        if stage not in FOLDERS or not file:
            continue
        stored = found.setdefault(f"{stage}/{key}", StoredKey(stage, key))
        attempt = paths.attempt_of_file(each.name)
        if paths.key_of_manifest(each.name):
            stored.manifest = each
        elif attempt and paths.is_replaced_manifest(each.name):
            stored.replaced[attempt] = each
        elif attempt:
            stored.files.setdefault(attempt, []).append(each)
    return found
