"""Files that appear whole or not at all, and one answer to a disk that is full or fails."""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from meli_tasks.core.errors import DiskFull, MeliError, NotFound, Rejected, Unreachable

FULL = {errno.ENOSPC, errno.EDQUOT}
# A disk, mostly one across a network, that does not answer.
UNAVAILABLE = {
    *(errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENOTCONN, errno.ENETDOWN),
    *(errno.ENETUNREACH, errno.ECONNABORTED, errno.ECONNREFUSED, errno.ECONNRESET, errno.EREMOTEIO, errno.ENOLCK),
}
# This process or machine has too much open or too little memory at the moment.
BUSY = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN, errno.EBUSY, errno.EINTR}
NOT_ALLOWED = {errno.EACCES, errno.EPERM, errno.EROFS}
MISPLACED = {errno.ENOTDIR, errno.EISDIR, errno.EEXIST}
UNFINISHED = ".part"
"""The end of the name of a file that is being written."""
# A full disk as reported by libraries (safetensors, numpy, sqlite3, torch.save) that drop the system's error number.
_FULL = re.compile(
    r"no space left on device|os error (28|122)\b|quota exceeded|\d+ requested and \d+ written"
    r"|database or disk is full|PytorchStreamWriter failed writing|unexpected pos \d+ vs \d+",
    re.IGNORECASE,
)


def full_disk(error: BaseException, path: Path) -> DiskFull | None:
    """The error to raise if the disk of `path` is full, also if a library reported it in its own way; else None."""
    number = error.errno if isinstance(error, OSError) else None
    if number not in FULL and (number is not None or not _FULL.search(str(error))):
        return None
    return DiskFull(
        f"No space left on the disk of {path} ({_free_megabytes(path)}); nothing half-written was left behind. Free "
        "some there, or point MELI_CACHE or MELI_STORE to another disk, and run again."
    )


def passing(error: BaseException, path: Path) -> Unreachable | None:
    """The error to raise if this may pass (a disk that is full or unavailable, a busy machine); else None."""
    if full := full_disk(error, path):
        return full
    number = error.errno if isinstance(error, OSError) else None
    if number in UNAVAILABLE:
        return Unreachable(
            f"The disk behind {path} did not answer ({os.strerror(number or 0).lower()}). Is it still mounted?"
        )
    if number in BUSY:
        return Unreachable(f"{path} cannot be used at the moment ({os.strerror(number or 0).lower()}). Run again.")
    return None


def explained(error: OSError, path: Path) -> MeliError:
    """What the disk reported about `path` as one of our errors: Rejected, or Unreachable if it may pass."""
    number = error.errno or 0
    if temporary := passing(error, path):
        return temporary
    if number in NOT_ALLOWED:
        return Rejected(
            f"{path} may not be used ({os.strerror(number).lower()}; this process runs as user {os.geteuid()}). "
            "Give this user the right to read and write there, or choose another folder."
        )
    if number in MISPLACED:
        return Rejected(
            f"{path} cannot be used: {os.strerror(number).lower()}. There is a file in the place of a folder, or vice "
            "versa."
        )
    return Rejected(f"{path} cannot be used: {error.strerror or error}.")


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Raise what the disk reports about `path` as one of our errors."""
    try:
        yield
    except OSError as error:
        raise explained(error, path) from error


@contextmanager
def part_file(folder: Path, name: str) -> Iterator[Path]:
    """A path in `folder` for a file that is being written; whatever is still there at the end is removed."""
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f".{name[:80]}.{uuid4().hex[:12]}{UNFINISHED}"
    try:
        yield part
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """A path beside `path` to write to. If the body succeeds, the file takes its place; else nothing is left.

    Raises:
        Rejected: the disk may not be written.
        Unreachable: the disk is full or does not answer.
    """
    with disk_errors(path), part_file(path.parent, path.name) as part:
        yield part
        part.replace(path)


def flush(path: Path) -> None:
    """Wait until the file's bytes are on the disk: otherwise a rename may outlive them in a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def must_be_file(path: Path, name: str) -> None:
    """Raise NotFound if there is no file at `path` to be stored as `name`."""
    if not path.is_file():
        raise NotFound(f"There is no file at {path} to be stored as {name}.")


def _free_megabytes(path: Path) -> str:
    for folder in (path, *path.absolute().parents):
        if folder.is_dir():
            return f"{shutil.disk_usage(folder).free / 1e6:,.0f} MB are free there"
    return "how much is free is not known"
