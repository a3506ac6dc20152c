"""Rewriting what a store holds, as an earlier version or another run would have written it."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import Any

from meli_tasks.artifacts.manifest import Manifest, Output
from meli_tasks.artifacts.seals import unsealed
from meli_tasks.store import Store


def stored_json(store: Store, name: str) -> Any:
    """The fields of a stored object, without its seal: what is written back without one is read like that of 0.1.0."""
    blob = store.read(name)
    assert blob is not None, name
    return json.loads(unsealed(name, blob.data))


def rewrite_file(store: Store, manifest: Manifest, file: str, data: bytes) -> Manifest:
    """Write other bytes into a file of an artifact, with a manifest that describes them."""
    written = Output(hashlib.sha256(data).hexdigest(), len(data))
    changed = dataclasses.replace(manifest, outputs={**manifest.outputs, file: written})
    store.write(manifest.file_name(file), data)
    store.write(manifest.name, changed.to_bytes())
    return changed
