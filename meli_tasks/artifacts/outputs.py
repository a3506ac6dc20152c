"""The files of artifacts, checked against the hashes and sizes in their manifests before use."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from meli_tasks.artifacts import reading
from meli_tasks.artifacts.manifest import Manifest, Output, find_record, was_pruned
from meli_tasks.core.errors import BadData, NotFound
from meli_tasks.stages import STAGES
from meli_tasks.store import Store

T = TypeVar("T")

HASHED_BYTES = 64_000_000
"""`damage` hashes files up to this size before an artifact is reused; larger ones are hashed when they are read."""


def read_file(store: Store, manifest: Manifest, file: str) -> bytes:
    """One small file of an artifact.

    Raises:
        NotFound: the manifest exists, but the file is missing.
        BadData: it is not the file that the manifest describes.
    """
    if file in manifest.assembled:
        return _assembled(store, manifest, file)
    blob = store.read(manifest.file_name(file))
    if blob is None:
        raise missing(store, manifest, file)
    check_output(store, manifest, file, Output(hashlib.sha256(blob.data).hexdigest(), len(blob.data)))
    return blob.data


def _assembled(store: Store, manifest: Manifest, file: str) -> bytes:
    from meli_tasks.artifacts.assembled import assemble  # which reads files itself

    with TemporaryDirectory(prefix="meli-file-") as folder:
        path = Path(folder, "file")
        assemble(store, manifest, file, path)
        check_output(store, manifest, file, describe_file(path))
        return path.read_bytes()


def parse_file(store: Store, manifest: Manifest, file: str, parse: Callable[[bytes], T]) -> T:
    """What `parse` makes of one small file of an artifact; raises like `read_file`, and BadData if it cannot."""
    return reading.parsed(store, manifest.file_name(file), read_file(store, manifest, file), parse)


def missing(store: Store, manifest: Manifest, file: str) -> NotFound:
    """The error for a file that is not in the store. It may have been pruned since the manifest was read."""
    name = f"{store.url}/{manifest.file_name(file)}"
    record = manifest if manifest.pruned else find_record(store, manifest.stage, manifest.key)
    if record and record.pruned and record.attempt == manifest.attempt:
        return NotFound(f"{name} {was_pruned(record)}. The figures, the decision and the report of its run are kept.")
    return NotFound(f"{name} is missing, though its manifest exists. {_mend(manifest)}")


def check_output(store: Store, manifest: Manifest, file: str, found: Output) -> None:
    """Check the actual hash and size of an artifact's file.

    Raises:
        BadData: they are not those of the manifest.
    """
    expected = manifest.outputs.get(file)
    if expected is None:
        raise BadData(f"{store.url}/{manifest.name} describes no {file}.")
    if found != expected:
        raise BadData(
            f"{store.url}/{manifest.file_name(file)} differs from its manifest: {found.bytes} bytes, "
            f"sha256 {found.sha256[:12]}, expected {expected.bytes} bytes, {expected.sha256[:12]}. {_mend(manifest)}"
        )


def damage(store: Store, manifest: Manifest, most_bytes: float = HASHED_BYTES) -> list[str]:
    """What is wrong with an artifact's stored files. It lists them once, and hashes those of up to `most_bytes`.

    Nothing is if they were pruned. A listing has no digest, so what it says of a missing file or
    of another size is confirmed.
    """
    if manifest.pruned:
        return []
    sizes = {listed.name: listed.size for listed in store.objects(manifest.file_name(""))}
    wrong, to_hash = [], []
    for file, output in manifest.outputs.items():
        if file in manifest.assembled:
            continue
        size = sizes.get(manifest.file_name(file))
        if size != output.bytes:
            size = store.size(manifest.file_name(file))
        if size is None:
            wrong.append(f"{manifest.file_name(file)} is missing")
        elif size != output.bytes:
            wrong.append(f"{manifest.file_name(file)} has {size:,} bytes instead of {output.bytes:,}")
        elif size <= most_bytes:
            to_hash.append(file)
    with ThreadPoolExecutor(reading.READERS) as readers:
        wrong += filter(None, readers.map(lambda file: _differs(store, manifest, file), to_hash))
    return wrong or _damaged_parts(store, manifest, most_bytes)


def _damaged_parts(store: Store, manifest: Manifest, most_bytes: float) -> list[str]:
    """What is wrong with the artifacts of whose files this one's consist."""
    from meli_tasks.artifacts.assembled import parts_of  # which reads files itself

    if not manifest.assembled:
        return []
    try:
        parts = {part.own_name: part for part, _ in parts_of(store, manifest)}
    except (NotFound, BadData) as error:
        return [str(error)]
    return [problem for part in parts.values() for problem in damage(store, part, most_bytes)]


def _differs(store: Store, manifest: Manifest, file: str) -> str:
    try:
        if manifest.outputs[file].bytes <= HASHED_BYTES:
            read_file(store, manifest, file)
        else:
            with TemporaryDirectory(prefix="meli-verify-") as folder:
                path = Path(folder, "file")
                store.download(manifest.file_name(file), path)
                check_output(store, manifest, file, describe_file(path))
    except NotFound:
        return f"{manifest.file_name(file)} is missing"
    except BadData:
        return f"{manifest.file_name(file)} is damaged: its sha256 is not that of its manifest"
    return ""


def _mend(manifest: Manifest) -> str:
    if manifest.stage in STAGES:
        return f"Run again to compute it again, or `meli verify --repair {manifest.stage}/{manifest.key}`."
    return "`meli verify` lists what is damaged. Restore the file from a backup."


def describe_file(path: Path) -> Output:
    """Hash and size of a local file."""
    with path.open("rb") as file:
        return Output(sha256=hashlib.file_digest(file, "sha256").hexdigest(), bytes=path.stat().st_size)
