"""The local cache of artifacts, and of what else is costly to make: each is fetched, or made, once per machine.

A folder appears under its final name only when it is whole, by one rename; a folder that is there is complete.
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

# An artifact used within this time may still be about to be opened by a task that was just told where it is.
SECONDS_IN_USE = 3600.0
# No stage runs longer; what stands in a work folder of that age belongs to nobody.
SECONDS_ABANDONED = 7 * 24 * 3600.0


@dataclass(frozen=True)
class Cache:
    """Folders below `folder`, the least recently used removed beyond `gigabytes`."""

    folder: Path
    gigabytes: float

    @contextmanager
    def work_folder(self) -> Iterator[Path]:
        """A folder of one's own, gone afterwards."""
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
                f"MELI_CACHE={self.folder}: no folder can be made there ({os.strerror(error.errno or 0).lower()}). "
                "Point it at one that this user may write."
            ) from error

    def fetch(self, store: Store, manifest: Manifest) -> Path:
        """The local folder of an artifact, downloaded and checked against its manifest if it is not there yet.

        Raises:
            BadData: a file in the store is not the one the manifest describes.
        """
        name = _name_of(manifest)
        if folder := self.find(name):
            return folder
        with self.work_folder() as work:
            for file, output in manifest.outputs.items():
                (work / file).parent.mkdir(parents=True, exist_ok=True)
                store.download(manifest.file_name(file), work / file)
                seen = describe_file(work / file)
                if seen != output:
                    raise BadData(
                        f"{store.url}/{manifest.file_name(file)} is not what its manifest says: {seen.bytes} bytes, "
                        f"sha256 {seen.sha256[:12]}, expected {output.bytes} bytes, {output.sha256[:12]}. "
                        f"Compute it again: run with `force`."
                    )
            return self.adopt(manifest, work)

    def adopt(self, manifest: Manifest, folder: Path) -> Path:
        """Move an artifact's complete folder into the cache; if somebody was quicker, theirs is kept."""
        return self.keep(_name_of(manifest), folder)

    def find(self, name: str) -> Path | None:
        """The folder kept under a name, from now on the most recently used; None if there is none."""
        folder = self.folder / name
        with contextlib.suppress(FileNotFoundError):
            os.utime(folder)
            return folder
        return None

    def keep(self, name: str, folder: Path) -> Path:
        """Move a complete folder into the cache, as KIND/IDENTITY-VERSION; if somebody was quicker, theirs is kept."""
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
        """Remove the work folders of runs that were killed, and so could not."""
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
        """Take its name away at once, then its files: a folder under its name is whole, also if we are killed here."""
        leaving = self.folder / "work" / uuid.uuid4().hex
        leaving.parent.mkdir(exist_ok=True)
        with contextlib.suppress(FileNotFoundError):  # another task was quicker
            folder.rename(leaving)
        shutil.rmtree(leaving, ignore_errors=True)


def _name_of(manifest: Manifest) -> str:
    return f"{manifest.stage}/{manifest.key}-{manifest.attempt}"
