"""Which parts a batch has: the files of its source, and slices of the row groups of large Parquet files.

The key of a part is made from its file, the model and the options, so a part that was scored before is known
without reading it. Only names and sizes are looked at here; a slice is resolved to row groups when it is scored.
"""

from __future__ import annotations

import math
import posixpath
from collections.abc import Sequence
from datetime import date
from pathlib import PurePosixPath

from meli_tasks.artifacts.manifest import content_key, find
from meli_tasks.execution.reuse import mark_used
from meli_tasks.prediction.models import find_model
from meli_tasks.scoring.outputs import (
    complete_record,
    output_address,
    refuse_own_output,
    spec_of,
    withdraw_other_record,
)
from meli_tasks.scoring.records import BatchPlan, PlannedPart
from meli_tasks.scoring.request import BatchRequest
from meli_tasks.settings import Settings
from meli_tasks.sources import Source, identify
from meli_tasks.sources.days import Day
from meli_tasks.sources.place import Part
from meli_tasks.store import Store

SCORE = "score"
"""The stage in the names of scored parts."""
VERSION = 1
MOST_SLICES = 1_000
MOST_TASKS = 200
"""Mapped tasks of a batch; with more parts, a task scores several."""


def plan_batch(request: BatchRequest, settings: Settings, store: Store, as_of: date) -> BatchPlan:
    """Find the source's files and the model, and work out the key of every part.

    Raises:
        BadData: there are no files, or the output is among them.
        NotAllowed: MELI_SOURCES allows no such source or output.
        NotFound: there is no such model.
    """
    source = identify(request.source, as_of, settings)
    model = find_model(store, request.model, request.set_name)
    options = {"top": request.top, "abstain_below": request.abstain_below}
    output = output_address(request.output, source)
    if output:
        settings.allowed_addresses.check(output)
    refuse_own_output(source, output)
    parts = _parts(source, options, str(model.manifest.ref), settings.batch_part_mb * 1_000_000)
    batch = content_key("batch", VERSION, {"output": output}, {part.key: part.name for part in parts})
    plan = BatchPlan(
        id=batch,
        day=as_of.isoformat(),
        source=source.spec,
        model=str(model.manifest.ref),
        model_name=model.name,
        **options,
        output=output,
        parts=tuple(parts),
    )
    withdraw_other_record(plan, settings)
    plan.save(store)
    return plan


def remaining(plan: BatchPlan, settings: Settings, store: Store) -> list[int]:
    """The indices of the parts that are still to be scored, or copied to the output."""
    if complete_record(plan, settings, store) is not None:
        return []
    everything = range(len(plan.parts))
    if plan.output:
        return list(everything)
    return [index for index in everything if not _is_scored(store, plan.parts[index])]


def _is_scored(store: Store, part: PlannedPart) -> bool:
    """Whether a part has a result, which is marked as used so that it is not pruned before the batch has ended."""
    found = find(store, SCORE, part.key)
    return found is not None and mark_used(store, found) is not None


def groups(indices: Sequence[int], most: int = MOST_TASKS) -> list[list[int]]:
    """Consecutive indices together, so that there are at most `most` groups."""
    size = max(1, math.ceil(len(indices) / most))
    return [list(indices[start : start + size]) for start in range(0, len(indices), size)]


def _parts(source: Source, options: dict[str, float], model: str, part_bytes: int) -> list[PlannedPart]:
    files = [(day, part) for day, parts in source.parts_by_day for part in parts]
    names = _names([part.name for _, part in files])
    planned = []
    for (day, part), name in zip(files, names, strict=True):
        spec = spec_of(day.spec, part)
        alone = Source(spec, ((Day(spec), (part,)),))
        inputs = {"file": alone.identity, "model": model, "name": PurePosixPath(name).name}
        slices = _slices(part, part_bytes)
        for place in range(slices):
            params = {**options, "slice": place, "slices": slices}
            planned.append(
                PlannedPart(
                    key=content_key(SCORE, VERSION, params, inputs),
                    name=name if slices == 1 else _of_slice(name, place, slices),
                    file=alone.spec,
                    spec=spec,
                    identity=alone.identity,
                    slice=place,
                    slices=slices,
                )
            )
    return planned


def _slices(part: Part, part_bytes: int) -> int:
    if PurePosixPath(part.name).suffix.lower() not in (".parquet", ".pq") or not part.size:
        return 1
    return min(MOST_SLICES, math.ceil(part.size / part_bytes))


def _of_slice(name: str, place: int, slices: int) -> str:
    path = PurePosixPath(name)
    return str(path.with_name(f"{path.stem}-{place + 1:05}-of-{slices:05}{path.suffix}"))


def _names(files: Sequence[str]) -> list[str]:
    """The files' names below the folder that all of them are in."""
    folders = [posixpath.dirname(name) for name in files]
    common = posixpath.commonpath(folders) if all(folders) else ""
    return [posixpath.relpath(name, common) if common else name for name in files]
