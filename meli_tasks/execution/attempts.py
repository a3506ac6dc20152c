"""From a stage's files to a published attempt: the files under the attempt's name, then the manifest at the key.

The manifest is written last and only if absent. A forced attempt replaces the manifest at the key, after the replaced
one has been written to its own attempt's folder: a model that was promoted stays readable, whoever forces it again.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from meli_tasks.artifacts import reading
from meli_tasks.artifacts.manifest import Manifest, find_record
from meli_tasks.artifacts.quarantine import quarantine
from meli_tasks.core.errors import Conflict, DiskFull, MeliError, Rejected
from meli_tasks.stages.summaries import Conditions, Summary, TrainSummary
from meli_tasks.stages.timings import Timings
from meli_tasks.store import Store

logger = logging.getLogger("meli_tasks")

WITH_TORCH = {"train", "ensemble", "evaluate"}


@dataclass(frozen=True)
class Written:
    """What a stage wrote into the folder `out`, and how it went. `attempts` are those of its inputs."""

    out: Path
    summary: Summary
    seconds: float
    timings: Timings = field(default_factory=Timings)
    attempts: Mapping[str, str] = field(default_factory=dict)


def conditions(stage: str, summary: Summary, torch: str) -> Conditions:
    """What may have changed a step's result without changing its key; empty for a stage that does not use torch."""
    if stage not in WITH_TORCH:
        return Conditions()
    if not isinstance(summary, TrainSummary):
        return Conditions(torch=torch)
    return Conditions(
        device=summary.device,
        precision=summary.precision,
        threads=summary.threads,
        world_size=summary.world_size,
        batch_size=summary.batch_size_used,
        stopped_by=summary.stopped_by,
        torch=torch,
    )


def upload(store: Store, manifest: Manifest, out: Path) -> None:
    """Upload an attempt's files from the folder `out`. If one fails, those before it are deleted.

    Files that consist of parts of its inputs are not stored again.
    """
    try:
        for file in manifest.outputs.keys() - set(manifest.assembled):
            store.upload(out / file, manifest.file_name(file))
    except (MeliError, KeyboardInterrupt, SystemExit):
        _delete_files(store, manifest)
        raise


def restore(store: Store, manifest: Manifest, out: Path) -> None:
    """Upload the files of a damaged attempt again, from a folder with the same bytes: its manifest stays as it is."""
    for file in manifest.outputs.keys() - set(manifest.assembled):
        store.upload(out / file, manifest.file_name(file))


def publish(store: Store, manifest: Manifest) -> Manifest:
    """Write the manifest of an uploaded attempt if the key has none yet.

    Returns:
        The manifest at the key. If another worker was first, it is that one's, and this attempt's files are deleted.
        If the artifact was pruned, it is this attempt's.
    """
    try:
        reading.write(store, manifest.name, manifest.to_bytes(), if_absent=True)
    except Conflict:
        first = find_record(store, manifest.stage, manifest.key)
        if first is None or first.pruned:
            return replace(store, manifest)
        if first.attempt == manifest.attempt:  # our own write: the response was lost and the client retried
            return manifest
        _delete_files(store, manifest)
        logger.info("%s: another worker computed %s first; its result is used", manifest.stage, manifest.key)
        return first
    except (Rejected, DiskFull):  # certainly not written; after any other error it may have been
        _delete_files(store, manifest)
        raise
    return manifest


def replace(store: Store, manifest: Manifest, damaged: str = "") -> Manifest:
    """Write the manifest of a forced attempt at its key; the replaced manifest moves to its attempt's folder.

    Two forced attempts at the same time replace each other in turn, so that neither is lost. A manifest that cannot be
    read is quarantined instead, and so is that of the attempt `damaged`, whose files are damaged. That of a pruned
    attempt is replaced.
    """
    while True:
        newest = store.read(manifest.name)
        if newest is None:  # deleted by hand while it was computed again
            return publish(store, manifest)
        replaced = _readable(store, manifest.name, newest.data)
        if replaced and replaced.attempt == manifest.attempt:  # our own write: the client retried a lost response
            return manifest
        if replaced and replaced.pruned:
            pass  # its files are gone, so nobody can read it
        elif replaced and replaced.attempt != damaged:
            reading.write(store, replaced.own_name, replaced.to_bytes())
        elif replaced:
            quarantine(store, manifest.name, newest.data, "its files are missing or damaged")
        with contextlib.suppress(Conflict):  # another forced attempt was faster: it is replaced in its turn
            reading.write(store, manifest.name, manifest.to_bytes(), if_version=newest.version)
            if replaced:
                _log_replacement(manifest, replaced)
            return manifest


def _readable(store: Store, name: str, data: bytes) -> Manifest | None:
    """The manifest at `name`. A damaged one is quarantined, and the result is None."""
    try:
        return reading.parsed(store, name, data, Manifest.from_bytes)
    except reading.NotReadable as error:
        if not error.is_damage:
            raise
        quarantine(store, name, data, error.reason)
        return None


def _log_replacement(manifest: Manifest, replaced: Manifest) -> None:
    if not manifest.model_sha256:
        return
    if manifest.model_sha256 == replaced.model_sha256:
        logger.info("%s %s: computed again with the same result", manifest.stage, manifest.key)
        return
    logger.warning(
        "%s %s: computed again with another result (sha256 %s, before %s). A champion stays what was promoted; this "
        "attempt is a candidate like any other.",
        manifest.stage, manifest.key, manifest.model_sha256[:12], replaced.model_sha256[:12],
    )  # fmt: skip


def _delete_files(store: Store, manifest: Manifest) -> None:
    """Delete the files of an attempt without a manifest. Nothing refers to them, so an error is ignored."""
    with contextlib.suppress(MeliError):
        for file in manifest.outputs:
            store.delete(manifest.file_name(file))
