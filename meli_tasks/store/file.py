"""A folder as a store, for one machine or a shared disk. Versions are the SHA-256 of the bytes."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path

from typing_extensions import override

from meli_tasks.core.errors import Conflict, NotFound, Unreachable
from meli_tasks.disk import UNFINISHED, atomic_write, disk_errors, flush, must_be_file, part_file
from meli_tasks.process_names import has_ended, this_process
from meli_tasks.store.protocol import PAGE, RESERVED, Blob, Leftover, Listed, Page, Store, checked_name, checked_prefix

NO_HARD_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS}


class FileStore(Store):
    """Names are paths under `folder`; `folder/.store` holds the lock and files that are being written."""

    def __init__(self, folder: Path) -> None:
        """`folder` is absolute; the first write creates it."""
        self.folder = folder
        self._parts = folder / RESERVED / "parts"
        self._lock = folder / RESERVED / "lock"
        self._swept = False

    def __repr__(self) -> str:
        return f"FileStore({self.url!r})"

    @property
    @override
    def url(self) -> str:
        """`file:///…`"""
        return self.folder.as_uri()

    @override
    def read(self, name: str) -> Blob | None:
        path = self._path(name)
        with disk_errors(path):
            try:
                data = path.read_bytes()
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                return None
        return Blob(data, sha256(data).hexdigest())

    @override
    def write(self, name: str, data: bytes, *, if_absent: bool = False, if_version: str | None = None) -> str:
        path = self._path(name)
        with disk_errors(path), self._part(path.name) as part:
            part.write_bytes(data)
            flush(part)
            path.parent.mkdir(parents=True, exist_ok=True)
            with self._locked():
                if if_version is not None:
                    self._check_version(name, if_version)
                if if_absent:
                    self._create(part, path)
                else:
                    part.replace(path)
        return sha256(data).hexdigest()

    @override
    def upload(self, path: Path, name: str) -> None:
        target = self._path(name)
        must_be_file(path, name)
        with disk_errors(target), self._part(target.name) as part:
            shutil.copyfile(path, part)
            flush(part)
            target.parent.mkdir(parents=True, exist_ok=True)
            with self._locked():
                part.replace(target)

    @override
    def download(self, name: str, path: Path) -> None:
        source = self._path(name)
        size = self.size(name)
        if size is None:
            raise NotFound(f"There is no {name} in {self.url}.")
        with atomic_write(path) as part:
            shutil.copyfile(source, part)
            if part.stat().st_size != size:
                raise Unreachable(
                    f"{name} of {self.url} was truncated to {part.stat().st_size} of {size} bytes. Run again."
                )

    @override
    def names(self, prefix: str) -> Iterator[str]:
        folder = self.folder / checked_prefix(prefix).rpartition("/")[0]
        found: list[str] = []
        with disk_errors(folder):
            for parent, folders, files in os.walk(folder, onerror=_unless_absent):
                if Path(parent) == self.folder and RESERVED in folders:
                    folders.remove(RESERVED)
                relative = Path(parent).relative_to(self.folder).as_posix()
                found += (file if relative == "." else f"{relative}/{file}" for file in files)
        yield from sorted(name for name in found if name.startswith(prefix))

    @override
    def objects(self, prefix: str) -> list[Listed]:
        return [listed for name in self.names(prefix) if (listed := self._listed(name))]

    @override
    def page(self, prefix: str, after: str = "") -> Page:
        start = checked_prefix(prefix).rpartition("/")[0]
        found: list[Listed] = []
        for name in self._names_from(f"{start}/" if start else "", prefix, after):
            if len(found) == PAGE:
                return Page(tuple(found), more=True)
            if listed := self._listed(name):
                found.append(listed)
        return Page(tuple(found), more=False)

    def _names_from(self, folder: str, prefix: str, after: str) -> Iterator[str]:
        """The names below a folder in order; folders that have none of the wanted names are not read."""
        with disk_errors(self.folder / folder):
            try:
                with os.scandir(self.folder / folder) as entries:
                    found = sorted(f"{folder}{entry.name}{'/' if entry.is_dir() else ''}" for entry in entries)
            except (FileNotFoundError, NotADirectoryError):
                return
        for name in found:
            if not name.endswith("/"):
                if name.startswith(prefix) and name > after:
                    yield name
            elif name == f"{RESERVED}/" or not (name.startswith(prefix) or prefix.startswith(name)):
                continue
            elif name > after or after.startswith(name):
                yield from self._names_from(name, prefix, after)

    def _listed(self, name: str) -> Listed | None:
        """A file in a listing; None if it was deleted since."""
        path = self._path(name)
        with disk_errors(path):
            try:
                status = path.stat()
            except FileNotFoundError:
                return None
        # Every write replaces the file, so its inode and time are new; hashing all files would take too long.
        version = f"{status.st_mtime_ns}-{status.st_ino}-{status.st_size}"
        return Listed(name, version, status.st_size, status.st_mtime)

    @override
    def delete(self, name: str) -> None:
        path = self._path(name)
        if self.size(name) is not None:
            with disk_errors(path), self._locked():
                path.unlink(missing_ok=True)

    @override
    def size(self, name: str) -> int | None:
        path = self._path(name)
        with disk_errors(path):
            try:
                status = path.stat()
            except (FileNotFoundError, NotADirectoryError):
                return None
        return status.st_size if stat.S_ISREG(status.st_mode) else None

    @override
    def leftovers(self) -> list[Leftover]:
        found = []
        with disk_errors(self._parts):
            for path in sorted(self._parts.glob(f".*{UNFINISHED}")):
                with suppress(FileNotFoundError):  # its write has just ended
                    status = path.stat()
                    found.append(Leftover(str(path), status.st_size, status.st_mtime))
        return found

    @override
    def discard(self, leftover: Leftover) -> None:
        with disk_errors(self._parts):
            (self._parts / Path(leftover.name).name).unlink(missing_ok=True)

    @override
    def discard_below(self, prefix: str) -> None:
        """Nothing: a later write removes what processes that have ended were writing."""

    @contextmanager
    def _part(self, name: str) -> Iterator[Path]:
        """A path for a file that is being written, after those of killed processes were removed."""
        if not self._swept:
            self._swept = True
            for path in self._parts.glob(f".*{UNFINISHED}"):
                name_of_process = ("", "", *path.name.split("."))[-3]
                if has_ended(name_of_process):
                    path.unlink(missing_ok=True)
        with part_file(self._parts, f"{name[:40]}.{this_process()}") as part:
            yield part

    def _path(self, name: str) -> Path:
        return self.folder / checked_name(name)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self._lock.parent.mkdir(parents=True, exist_ok=True)
        with self._lock.open("ab") as lock:
            # Not filelock: it polls every 50 ms, whereas flock wakes the next writer immediately. The lock is released
            # when the file is closed, even if the process dies.
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _check_version(self, name: str, version: str) -> None:
        blob = self.read(name)
        if blob is None or blob.version != version:
            now = "it does not exist" if blob is None else f"it is at version {blob.version[:12]}"
            raise Conflict(f"{name} of {self.url} is no longer at version {version[:12]}: {now}.")

    def _create(self, part: Path, path: Path) -> None:
        try:
            try:
                os.link(part, path)  # fails if the name exists, also against writers that ignore our lock
            except OSError as error:
                if error.errno not in NO_HARD_LINKS:
                    raise
                if path.exists():
                    raise FileExistsError(path) from error
                part.replace(path)
        except FileExistsError as error:
            raise Conflict(
                f"{path.relative_to(self.folder).as_posix()} of {self.url} was not written: it exists already."
            ) from error


def _unless_absent(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError | NotADirectoryError):
        raise error
