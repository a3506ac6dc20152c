"""Which files a registered version consists of: its code and its weights, by their SHA-256.

A model folder in MLflow is code: whoever loads it runs the Python in it. So what this project uploads is written down
in the store, beside the ledger, and a version names the digest of all its files in a tag. Whoever may write MLflow's
artifacts or tags, but not the store, can make neither agree with files of their own.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from pydantic import Field

from meli_tasks.artifacts import paths, reading
from meli_tasks.artifacts.manifest import ModelRef
from meli_tasks.core.errors import BadData
from meli_tasks.stages.stored import Stored
from meli_tasks.store import Store

FILES_SHA256 = "meli.files_sha256"
"""The tag of a version with the digest of all its files."""
OF_THE_DOWNLOAD = "registered_model_meta"
"""What MLflow's client adds to a folder when it downloads a version; it is no code, and is rewritten each time."""


class RegisteredFiles(Stored):
    """The files of one registered version."""

    version: int = 1
    model: str = Field(description="name of the registered model")
    train: str = Field(description="key of the model in it")
    sha256: str = Field(description="digest of the model's files, as in the ledger")
    files: dict[str, str] = Field(description="SHA-256 of every file, by its path in the version")

    @property
    def ref(self) -> ModelRef:
        """The model in it."""
        return ModelRef(self.train, self.sha256)

    @property
    def digest(self) -> str:
        """The digest of all files, which names the record."""
        return digest_of(self.files)

    def write(self, store: Store) -> None:
        """Write it down; the same files have the same record."""
        reading.write(store, paths.registered(self.digest), self.model_dump_json(indent=1).encode())

    @classmethod
    def read(cls, store: Store, digest: str) -> RegisteredFiles | None:
        """The record of a digest; None if this store has none.

        Raises:
            BadData: it cannot be read, or is that of another digest.
        """
        name = paths.registered(digest)
        found = reading.read(store, name, cls.model_validate_json)
        if found is not None and found.digest != digest:
            raise BadData(f"{store.url}/{name} lists other files than those in its name.")
        return found

    def differences(self, folder: Path) -> list[str]:
        """What differs in a folder from these files, a line each; empty if it holds exactly these."""
        found = files_of(folder)
        missing = [f"{name} is missing" for name in sorted(self.files.keys() - found.keys())]
        added = [f"{name} was added" for name in sorted(found.keys() - self.files.keys())]
        changed = [
            f"{name} has the sha256 {found[name][:12]} instead of {self.files[name][:12]}"
            for name in sorted(self.files.keys() & found.keys())
            if found[name] != self.files[name]
        ]
        return [*changed, *added, *missing]


def files_of(folder: Path) -> dict[str, str]:
    """The SHA-256 of every file below a folder, by its path. A symbolic link counts as what it points at."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                found[path.relative_to(folder).as_posix()] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def digest_of(files: Mapping[str, str]) -> str:
    """The digest of files by their SHA-256."""
    return hashlib.sha256(json.dumps(dict(files), sort_keys=True, separators=(",", ":")).encode()).hexdigest()
