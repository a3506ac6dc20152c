"""Where the results of a batch are copied to, and the batch's record there.

Beside the source means a folder `_scored` in the folder that contains all its files. Sources skip names that begin with
`_`, so no glob, folder or prefix finds the results when the source is read the next time.
"""

from __future__ import annotations

import posixpath
from pathlib import Path
from urllib.parse import urlsplit

from meli_tasks.artifacts.reading import read
from meli_tasks.core.errors import BadData
from meli_tasks.scoring.records import BatchPlan, BatchRecord
from meli_tasks.settings import Settings
from meli_tasks.sources import Source
from meli_tasks.sources.place import Part
from meli_tasks.store import Store, open_store

BESIDE, IN_STORE = "beside", "store"
"""The outputs that are keywords instead of addresses."""
FOLDER_BESIDE = "_scored"
RECORD = "_batch.json"
"""The record among the copies of the results, which is the last file there."""


def output_address(output: str, source: Source) -> str:
    """The address of the output as a store is opened by; empty if there is none.

    Raises:
        BadData: nothing can be written there.
    """
    if output == IN_STORE:
        return ""
    if output == BESIDE:
        return _beside(source)
    if not output or output.startswith(("s3://", "file://")):
        return output.rstrip("/")
    if "://" in output:
        raise BadData(f"Results cannot be written to {output}. Give a folder or s3://bucket/prefix.")
    return Path(output).expanduser().absolute().as_uri()


def _beside(source: Source) -> str:
    addresses = _addresses(source)
    places = {urlsplit(address)[:2] for address in addresses}
    if len(places) > 1 or not all(address.startswith(("s3://", "file://")) for address in addresses):
        raise BadData(
            f"Results cannot be written beside {source.spec}. Give an output: a folder, s3://bucket/prefix, or "
            f"{IN_STORE!r} to keep them in the store only."
        )
    ((scheme, host),) = places
    folder = posixpath.commonpath([posixpath.dirname(address.split("://", 1)[1]) for address in addresses])
    path = folder.removeprefix(host).strip("/")
    return "/".join(filter(None, [f"{scheme}://{host}", path, FOLDER_BESIDE]))


def refuse_own_output(source: Source, output: str) -> None:
    """Refuse an output whose files the same source would find next time.

    Raises:
        BadData: the source would find them.
    """
    if not output:
        return
    for day, _ in source.parts_by_day:
        spec = day.spec if day.spec.startswith("s3://") else as_uri(day.spec)
        below = output.removeprefix(spec.rstrip("/")) if spec else output
        inside = output == spec.rstrip("/") or (below != output and below.startswith("/"))
        if inside and not any(name.startswith(("_", ".")) for name in below.split("/")):
            raise BadData(
                f"The output {output} is within the source {source.spec}, so the next batch would score these "
                "results too. Choose a folder elsewhere, or one whose name begins with _, which sources skip."
            )
    folders = {posixpath.dirname(address) for address in _addresses(source)}
    if output in folders:
        raise BadData(
            f"The output {output} is the folder of the source's files, which the results would replace. "
            "Choose another folder."
        )


def output_of(plan: BatchPlan, settings: Settings) -> Store:
    """The folder or prefix of the copies, as a store."""
    return open_store(plan.output, s3_endpoint=settings.s3_endpoint or None, s3_client=settings.s3_client)


def complete_record(plan: BatchPlan, settings: Settings, store: Store) -> BatchRecord | None:
    """The record of a complete batch; None if parts or copies may be missing."""
    record = BatchRecord.find(store, plan.id)
    if record is None or record.problems:
        return None
    return record if not plan.output or _record_there(output_of(plan, settings)) == plan.id else None


def withdraw_other_record(plan: BatchPlan, settings: Settings) -> None:
    """Delete the record of another batch in the output, before its results are replaced.

    If there is a record, the results that it names are therefore there, and are those of its model.
    """
    if not plan.output:
        return
    target = output_of(plan, settings)
    if _record_there(target) not in (None, plan.id):
        target.delete(RECORD)


def _record_there(target: Store) -> str | None:
    """The id of the batch whose record is in the output; empty if it cannot be read, None if there is none."""
    try:
        record = read(target, RECORD, BatchRecord.model_validate_json)
    except BadData:
        return ""
    return record.id if record else None


def as_uri(spec: str) -> str:
    """The address of a source's files; anything but a path stays as it is."""
    if "://" in spec or spec.startswith("sample:"):
        return spec
    return Path(spec).expanduser().absolute().as_uri()


def spec_of(spec: str, part: Part) -> str:
    """The specification of a source with this file only."""
    if spec.startswith("s3://"):
        return f"s3://{urlsplit(spec).netloc}/{part.name}"
    if spec.startswith(("http://", "https://", "sample:")):
        return spec
    return part.name


def _addresses(source: Source) -> list[str]:
    return [as_uri(spec_of(day.spec, part)) for day, parts in source.parts_by_day for part in parts]
