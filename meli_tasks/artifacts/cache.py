"""The local cache of artifacts and of other costly files: each is fetched or computed a single time per machine.

A folder gets its final name by one rename once it is whole, so a folder that exists is complete.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from meli_tasks.artifacts.manifest import Manifest, describe_file
from meli_tasks.core.errors import BadData, BadSettings, MeliError
from meli_tasks.disk import full_disk
from meli_tasks.store import Store

# A task that has just received an artifact's path may still be about to open it within this time.
SECONDS_IN_USE = 3600.0
# No stage runs longer, so a work folder of that age is abandoned.
SECONDS_ABANDONED = 7 * 24 * 3600.0


@dataclass(frozen=True)
class Cache:
    """Folders below `folder`; beyond `gigabytes`, the least recently used are removed."""

    folder: Path
    gigabytes: float

    @contextmanager
    def work_folder(self) -> Iterator[Path]:
        """A scratch folder, removed afterwards."""
        folder = self.folder / "work" / uuid.uuid4().hex
        try:
            self._make(folder)
            yield folder
        except MeliError:
            raise
        except Exception as error:
            if full := full_disk(error, self.folder):
                raise full from error
            raise
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _make(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True)
        except OSError as error:
            if full_disk(error, folder):
                raise
            raise BadSettings(
                f"MELI_CACHE={self.folder}: no folder can be created there ({os.strerror(error.errno or 0).lower()}). "
                "Point it at one that this user may write."
            ) from error

    def fetch(self, store: Store, manifest: Manifest) -> Path:
        """The local folder of an artifact, downloaded and checked against its manifest if it is not cached yet.

        Raises:
            BadData: a file in the store is not the one that the manifest describes.
        """
        name = _name_of(manifest)
        if folder := self.find(name):
            return folder
        with self.work_folder() as work:
            for file, output in manifest.outputs.items():
                (work / file).parent.mkdir(parents=True, exist_ok=True)
                store.download(manifest.file_name(file), work / file)
                found = describe_file(work / file)
                if found != output:
                    raise BadData(
                        f"{store.url}/{manifest.file_name(file)} differs from its manifest: {found.bytes} bytes, "
                        f"sha256 {found.sha256[:12]}, expected {output.bytes} bytes, {output.sha256[:12]}. "
                        f"Compute it again: run with `force`."
                    )
            return self.adopt(manifest, work)

    def adopt(self, manifest: Manifest, folder: Path) -> Path:
        """Move an artifact's complete folder into the cache; if another task was faster, its folder is kept."""
        return self.keep(_name_of(manifest), folder)

    def find(self, name: str) -> Path | None:
        """The folder of this name, which becomes the most recently used; None if there is none."""
        folder = self.folder / name
        with contextlib.suppress(FileNotFoundError):
            os.utime(folder)
            return folder
        return None

    def keep(self, name: str, folder: Path) -> Path:
        """Move a complete folder into the cache, as KIND/IDENTITY-VERSION; a folder that exists already is kept."""
        target = self.folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            folder.rename(target)
        except OSError:
            if not target.is_dir():
                raise
        self._prune()
        return target

    def _tidy(self) -> None:
        """Remove the work folders of runs that were killed."""
        for folder in self.folder.glob("work/*"):
            try:
                abandoned = time.time() - folder.stat().st_mtime > SECONDS_ABANDONED
            except FileNotFoundError:  # its run has just ended
                continue
            if abandoned:
                shutil.rmtree(folder, ignore_errors=True)

    def _prune(self) -> None:
        self._tidy()
        entries = []
        for folder in self.folder.glob("*/*-*"):
            try:
                size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
                entries.append((folder.stat().st_mtime, size, folder))
            except FileNotFoundError:  # another task pruned it meanwhile
                continue
        excess = sum(size for _, size, _ in entries) - self.gigabytes * 1e9
        for used, size, folder in sorted(entries):
            if excess <= 0 or time.time() - used < SECONDS_IN_USE:
                return
            self.remove(folder)
            excess -= size

    def remove(self, folder: Path) -> None:
        """Rename the folder, then delete its files: a folder under its own name is whole even if we are killed here."""
        leaving = self.folder / "work" / uuid.uuid4().hex
        leaving.parent.mkdir(exist_ok=True)
        with contextlib.suppress(FileNotFoundError):  # another task was faster
            folder.rename(leaving)
        shutil.rmtree(leaving, ignore_errors=True)


def _name_of(manifest: Manifest) -> str:
    return f"{manifest.stage}/{manifest.key}-{manifest.attempt}"
