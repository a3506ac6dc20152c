"""Which parts a batch has: the files of its source, and slices of the row groups of large Parquet files.

The key of a part is made from its file, the model and the options, so a part that was scored before is known
without reading it. Only names and sizes are looked at here; a slice is resolved to row groups when it is scored.
"""

from __future__ import annotations

import math
import posixpath
from collections.abc import Sequence
from datetime import date
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from meli_tasks.artifacts.manifest import content_key, find
from meli_tasks.core.errors import BadData
from meli_tasks.prediction.models import find_model
from meli_tasks.scoring.records import BatchPlan, BatchRecord, PlannedPart
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
        NotFound: there is no such model.
    """
    source = identify(request.source, as_of, settings)
    model = find_model(store, request.model, request.set_name)
    options = {"top": request.top, "abstain_below": request.abstain_below}
    output = output_address(request.output)
    _refuse_own_output(source, output)
    parts = _parts(source, options, str(model.manifest.ref), settings.batch_part_mb * 1_000_000)
    batch = content_key("batch", VERSION, {"output": output}, {part.key: part.name for part in parts})
    plan = BatchPlan(
        id=batch,
        day=as_of.isoformat(),
        source=source.redacted,
        model=str(model.manifest.ref),
        model_name=model.name,
        **options,
        output=output,
        parts=tuple(parts),
    )
    plan.save(store)
    return plan


def remaining(plan: BatchPlan, store: Store) -> list[int]:
    """The indices of the parts that are still to be scored, or copied to the output."""
    record = BatchRecord.find(store, plan.id)
    if record is not None and not record.problems:
        return []
    everything = range(len(plan.parts))
    if plan.output:
        return list(everything)
    return [index for index in everything if find(store, SCORE, plan.parts[index].key) is None]


def groups(indices: Sequence[int], most: int = MOST_TASKS) -> list[list[int]]:
    """Consecutive indices together, so that there are at most `most` groups."""
    size = max(1, math.ceil(len(indices) / most))
    return [list(indices[start : start + size]) for start in range(0, len(indices), size)]


def output_address(output: str) -> str:
    """The address of the output as a store is opened by; empty if there is none."""
    if not output or output.startswith(("s3://", "file://")):
        return output.rstrip("/")
    if "://" in output:
        raise BadData(f"Results cannot be written to {output}. Give a folder or s3://bucket/prefix.")
    return Path(output).expanduser().absolute().as_uri()


def _refuse_own_output(source: Source, output: str) -> None:
    """Refuse an output whose files the same source would find next time.

    Raises:
        BadData: the source would find them.
    """
    if not output:
        return
    for day, _ in source.parts_by_day:
        spec = day.spec if day.spec.startswith("s3://") else _as_uri(day.spec)
        below = output.removeprefix(spec.rstrip("/")) if spec else output
        inside = output == spec.rstrip("/") or (below != output and below.startswith("/"))
        if inside and not any(name.startswith(("_", ".")) for name in below.split("/")):
            raise BadData(
                f"The output {output} is within the source {source.redacted}, so the next batch would score these "
                "results too. Choose a folder elsewhere, or one whose name begins with _, which sources skip."
            )
    folders = {posixpath.dirname(_address(source, part)) for part in source.parts}
    if output in folders:
        raise BadData(
            f"The output {output} is the folder of the source's files, which the results would replace. "
            "Choose another folder."
        )


def _as_uri(spec: str) -> str:
    if "://" in spec or spec.startswith("sample:"):
        return spec
    return Path(spec).expanduser().absolute().as_uri()


def _address(source: Source, part: Part) -> str:
    return _as_uri(_spec_of(source.parts_by_day[0][0].spec, part))


def _spec_of(spec: str, part: Part) -> str:
    """The source that is one file alone."""
    if spec.startswith("s3://"):
        return f"s3://{urlsplit(spec).netloc}/{part.name}"
    if spec.startswith(("http://", "https://", "sample:")):
        return spec
    return part.name


def _parts(source: Source, options: dict[str, float], model: str, part_bytes: int) -> list[PlannedPart]:
    files = [(day, part) for day, parts in source.parts_by_day for part in parts]
    names = _names([part.name for _, part in files])
    planned = []
    for (day, part), name in zip(files, names, strict=True):
        spec = _spec_of(day.spec, part)
        alone = Source(spec, ((Day(spec), (part,)),))
        inputs = {"file": alone.identity, "model": model, "name": PurePosixPath(name).name}
        slices = _slices(part, part_bytes)
        for place in range(slices):
            params = {**options, "slice": place, "slices": slices}
            planned.append(
                PlannedPart(
                    key=content_key(SCORE, VERSION, params, inputs),
                    name=name if slices == 1 else _of_slice(name, place, slices),
                    file=alone.redacted,
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
