"""The local cache of artifacts and other expensive files: each is fetched or computed only once per machine.

A folder is renamed to its final name only when it is complete, so any folder that exists is complete.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from meli_tasks.artifacts.assembled import assemble
from meli_tasks.artifacts.manifest import Manifest
from meli_tasks.artifacts.outputs import check_output, describe_file, missing
from meli_tasks.core.errors import BadSettings, MeliError, NotFound
from meli_tasks.disk import UNFINISHED, passing
from meli_tasks.process_names import has_ended, this_process
from meli_tasks.store import Store

logger = logging.getLogger("meli_tasks")

# Folders used this recently are never removed: a task that received the path may not have opened the files yet.
MIN_IDLE_SECONDS = 3600.0
# No stage runs this long, so the run that owned such an old work folder was killed.
ABANDONED_AFTER_SECONDS = 7 * 24 * 3600.0

# The folders that this process has verified, with the size, time and inode of every file.
_checked: dict[Path, tuple[tuple[str, int, int, int], ...]] = {}


def download(store: Store, manifest: Manifest, file: str, path: Path) -> None:
    """Download a file of an artifact, and check it against the manifest.

    Raises:
        NotFound: it is not in the store, for example because it was pruned.
        BadData: the file in the store is not the one that the manifest describes.
    """
    if file in manifest.assembled:
        assemble(store, manifest, file, path)
    else:
        try:
            store.download(manifest.file_name(file), path)
        except NotFound as error:
            raise missing(store, manifest, file) from error
    check_output(store, manifest, file, describe_file(path))


@dataclass(frozen=True)
class Abandoned:
    """A work folder or an unfinished file of a run that was killed; `modified` in seconds since 1970."""

    path: Path
    bytes: int
    modified: float


@dataclass(frozen=True)
class Cache:
    """The cached folders below `folder`; above `gigabytes`, the least recently used ones are removed."""

    folder: Path
    gigabytes: float

    @contextmanager
    def work_folder(self) -> Iterator[Path]:
        """A scratch folder, removed afterwards."""
        folder = self.folder / "work" / f"{this_process()}-{uuid.uuid4().hex[:12]}"
        try:
            self._make(folder)
            yield folder
        except MeliError:
            raise
        except Exception as error:
            named = getattr(error, "filename", None)  # a stage may have met the disk of its source
            if temporary := passing(error, Path(named) if isinstance(named, str) else self.folder):
                raise temporary from error
            raise
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _make(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True)
        except OSError as error:
            if passing(error, folder):
                raise
            raise BadSettings(
                f"MELI_CACHE={self.folder}: cannot create a folder there ({os.strerror(error.errno or 0).lower()}). "
                "Set it to a folder that this user can write to."
            ) from error

    def fetch(self, store: Store, manifest: Manifest) -> Path:
        """The local folder of an artifact, downloaded and checked against its manifest if it is not cached yet.

        A cached folder is checked too: each process hashes its files before it uses them for the first time, and again
        if their sizes or times have changed. A damaged one is removed and fetched again.

        Raises:
            BadData: a file in the store is not the one that the manifest describes.
        """
        name = _name_of(manifest)
        if folder := self.find(name):
            if is_whole(folder, manifest):
                return folder
            logger.warning("%s is damaged: it is fetched again from %s", folder, store.url)
            self.remove(folder)
        with self.work_folder() as work:
            for file in manifest.outputs:
                (work / file).parent.mkdir(parents=True, exist_ok=True)
                download(store, manifest, file, work / file)
            return self.adopt(manifest, work)

    def adopt(self, manifest: Manifest, folder: Path) -> Path:
        """Move an artifact's complete folder into the cache; if another task was first, its folder is kept."""
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

    def abandoned(self) -> list[Abandoned]:
        """The work folders and unfinished files of runs that were killed."""
        found = []
        for path in (*self.folder.glob("work/*"), *_unfinished_below(self.folder)):
            with contextlib.suppress(FileNotFoundError):  # its run has just removed it
                status = path.stat()
                if has_ended(path.name) or time.time() - status.st_mtime > ABANDONED_AFTER_SECONDS:
                    size = _bytes_in(path) if path.is_dir() else status.st_size
                    found.append(Abandoned(path, size, status.st_mtime))
        return found

    def _prune(self) -> None:
        """Remove the least recently used folders while the cache is too large.

        What is being computed or downloaded counts too, since it fills the same disk, but is never removed.
        """
        for each in self.abandoned():
            self.remove(each.path)
        entries = []
        for folder in self.folder.glob("*/*-*"):
            with contextlib.suppress(FileNotFoundError):  # another task pruned it meanwhile
                entries.append((folder.stat().st_mtime, _bytes_in(folder), folder))
        excess = _bytes_in(self.folder) - self.gigabytes * 1e9
        for used, size, folder in sorted(entries):
            if excess <= 0 or time.time() - used < MIN_IDLE_SECONDS:
                break
            self.remove(folder)
            excess -= size
        if excess > 0:
            logger.warning(
                "The cache %s is %.1f GB larger than MELI_CACHE_GB=%g: the rest is in use, or was in the last hour.",
                self.folder,
                excess / 1e9,
                self.gigabytes,
            )

    def remove(self, folder: Path) -> None:
        """Rename the folder before deleting its files, so that a killed process leaves no incomplete entry."""
        if not folder.is_dir():
            folder.unlink(missing_ok=True)
            return
        doomed = self.folder / "work" / uuid.uuid4().hex
        doomed.parent.mkdir(exist_ok=True)
        with contextlib.suppress(FileNotFoundError):  # another task was faster
            folder.rename(doomed)
        shutil.rmtree(doomed, ignore_errors=True)


def is_whole(folder: Path, manifest: Manifest) -> bool:
    """Whether a cached folder is exactly the artifact. Each process hashes its files once, and changed ones again."""
    try:
        marks = tuple(sorted((file, *_marks((folder / file).stat())) for file in manifest.outputs))
        if _checked.get(folder) == marks:
            return True
        whole = all(describe_file(folder / file) == output for file, output in manifest.outputs.items())
    except OSError:
        return False
    if whole:
        _checked[folder] = marks
    return whole


def _marks(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_size, status.st_mtime_ns, status.st_ino


def _unfinished_below(folder: Path) -> Iterator[Path]:
    """The unfinished files below a folder. Path.rglob fails if another run removes its work folder meanwhile."""
    for parent, _, files in os.walk(folder):
        yield from (Path(parent, file) for file in files if file.startswith(".") and file.endswith(UNFINISHED))


def _bytes_in(folder: Path) -> int:
    """The size of all files below a folder, also unfinished ones; what is removed meanwhile counts as nothing."""
    size = 0
    for parent, _, files in os.walk(folder):
        for file in files:
            with contextlib.suppress(FileNotFoundError):
                size += Path(parent, file).stat().st_size
    return size


def _name_of(manifest: Manifest) -> str:
    return f"{manifest.stage}/{manifest.key}-{manifest.attempt}"
