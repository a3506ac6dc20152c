"""Reads every object of a store, and every folder of the local cache, and reports what is damaged."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Literal

from meli_tasks.artifacts import paths, reading
from meli_tasks.artifacts.cache import Cache, is_whole
from meli_tasks.artifacts.manifest import Manifest
from meli_tasks.artifacts.outputs import damage
from meli_tasks.artifacts.seals import has_seal
from meli_tasks.core.errors import BadData
from meli_tasks.decision_index import DecisionIndex
from meli_tasks.planning.run_index import RunIndex
from meli_tasks.stages import STAGES
from meli_tasks.store import Blob, Store
from meli_tasks.stored_decisions import StoredDecisions

SCORE = "score"  # the stage of a batch's parts

Kind = Literal["decision", "artifact", "object", "cache", "index"]
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Finding:
    """Something damaged: its name in the store, or its folder in the cache, and what is wrong."""

    kind: Kind
    name: str
    reason: str
    manifest: Manifest | None = None


@dataclass
class Checked:
    """How much was checked, and what is damaged."""

    objects: int = 0
    bytes: int = 0
    without_digest: int = 0
    findings: list[Finding] = field(default_factory=list)


@dataclass(frozen=True)
class Verification:
    """Checks a store and a cache; with `prefixes`, only objects whose names start with one of them."""

    store: Store
    cache: Cache
    prefixes: Sequence[str] = ()
    progress: Progress = lambda done, total, name: None

    def run(self) -> Checked:
        """Check everything.

        Raises:
            MeliError: the store does not answer.
        """
        checked = Checked()
        listed = {found.name: found.size for found in self.store.objects("") if self._is_selected(found.name)}
        checked.objects, checked.bytes = len(listed), sum(listed.values())
        names = sorted(name for name in listed if _is_small_object(name))
        manifests: dict[str, Manifest] = {}
        with ThreadPoolExecutor(reading.READERS) as readers:
            for done, (name, blob) in enumerate(zip(names, readers.map(self.store.read, names), strict=True)):
                self.progress(done, len(names), name)
                if blob is not None:  # otherwise deleted since it was listed
                    self._check_object(name, blob, checked, manifests)
            wrong = readers.map(lambda manifest: damage(self.store, manifest, inf), manifests.values())
            for done, (name, found) in enumerate(zip(manifests, wrong, strict=True)):
                self.progress(done, len(manifests), name)
                if found:
                    checked.findings.append(Finding("artifact", name, "; ".join(found), manifests[name]))
        if not self.prefixes or any(each.startswith("ledger") or "ledger".startswith(each) for each in self.prefixes):
            decisions = StoredDecisions(self.store).damage()
            checked.findings += [Finding("decision", name, reason) for name, reason in decisions]
        if not self.prefixes or any(each.startswith((paths.PLANS, paths.INDEX)) for each in self.prefixes):
            checked.findings += self._indexed()
        if not self.prefixes:
            checked.findings += self._cached(manifests)
        return checked

    def _is_selected(self, name: str) -> bool:
        return not self.prefixes or name.startswith(tuple(self.prefixes))

    def _check_object(self, name: str, blob: Blob, checked: Checked, manifests: dict[str, Manifest]) -> None:
        parse: reading.Parse[object] = json.loads if name.endswith(".json") else bytes
        try:
            if paths.is_manifest(name):
                manifest = reading.parsed(self.store, name, blob.data, Manifest.from_bytes)
                if name not in (manifest.name, manifest.own_name):
                    raise reading.not_readable(self.store, name, f"it is the manifest of {manifest.name}")
                manifests[name] = manifest
            else:
                reading.parsed(self.store, name, blob.data, parse)
                if paths.is_golden(name) and paths.golden(hashlib.sha256(blob.data).hexdigest()[:32]) != name:
                    raise reading.not_readable(self.store, name, "its titles do not match the digest in its name")
        except reading.NotReadable as error:
            kind: Kind = "artifact" if paths.is_manifest(name) else "object"
            checked.findings.append(Finding(kind, name, error.reason))
            return
        if not has_seal(name, blob.data) and not paths.is_golden(name):
            checked.without_digest += 1

    def _indexed(self) -> Iterator[Finding]:
        """Compare the indexes with what they summarize."""
        for wrong in (RunIndex(self.store).wrong(), DecisionIndex(StoredDecisions(self.store)).wrong()):
            self.progress(0, 0, paths.INDEX)
            yield from (Finding("index", name, reason) for name, reason in wrong)

    def _cached(self, manifests: dict[str, Manifest]) -> Iterator[Finding]:
        by_folder = {f"{made.stage}/{made.key}-{made.attempt}": made for made in manifests.values()}
        for folder in sorted(self.cache.folder.glob("*/*-*")):
            name = folder.relative_to(self.cache.folder).as_posix()
            self.progress(0, 0, name)
            manifest = by_folder.get(name)
            if manifest and not is_whole(folder, manifest):
                yield Finding("cache", str(folder), "its files do not match its manifest", manifest)
            elif manifest is None and name.startswith("vectors/") and not _is_vector_entry(folder):
                yield Finding("cache", str(folder), "it is not a complete entry of word vectors")


def _is_small_object(name: str) -> bool:
    """Whether an object carries its own digest, unlike the files of artifacts and what people put into the store."""
    if name.startswith((paths.INDEX, paths.LEDGER, paths.LEDGER_COPIES, paths.GOLDEN_FILE, "probe/")):
        return False  # the ledger and the indexes are checked as a whole
    if paths.is_artifact_file(name, (*STAGES, SCORE)):
        return False
    return name.endswith((".json", ".yaml", ".html", ".md"))


def _is_vector_entry(folder: Path) -> bool:
    from meli_tasks.stages.vectors.entry import read_entry

    try:
        return read_entry(folder) is not None
    except (BadData, OSError):
        return False
