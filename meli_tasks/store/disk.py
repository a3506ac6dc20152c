"""Files that appear whole or not at all, and what the disk says when it cannot, in words."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from meli_tasks.core.errors import MeliError, NotFound, Rejected, Unreachable

FULL = {errno.ENOSPC, errno.EDQUOT}
AWAY = {errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENOTCONN}
NOT_ALLOWED = {errno.EACCES, errno.EPERM, errno.EROFS}
MISPLACED = {errno.ENOTDIR, errno.EISDIR, errno.EEXIST}


def _free_megabytes(path: Path) -> str:
    for folder in (path, *path.parents):
        if folder.is_dir():
            return f"{shutil.disk_usage(folder).free / 1e6:,.0f} MB are free there"
    return "how much is free is not known"


def translated(error: OSError, path: Path) -> MeliError:
    """The disk's answer about `path` as one of our errors: Rejected or Unreachable."""
    number = error.errno or 0
    if number in FULL:
        return Rejected(
            f"The disk is full: {path} could not be written ({_free_megabytes(path)}). "
            "Nothing half-written was left; make room there, or point MELI_CACHE or MELI_STORE to another disk, "
            "and run again."
        )
    if number in NOT_ALLOWED:
        return Rejected(
            f"{path} may not be used ({os.strerror(number).lower()}; we are user {os.geteuid()}). "
            "Give this user the right to read and write there, or choose another folder."
        )
    if number in MISPLACED:
        return Rejected(
            f"{path} cannot be used: {os.strerror(number).lower()}. A file stands where a folder must, or vice versa."
        )
    if number in AWAY:
        return Unreachable(
            f"The disk behind {path} did not answer ({os.strerror(number).lower()}). Is it still mounted?"
        )
    return Rejected(f"{path} cannot be used: {error.strerror or error}.")


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Says what the disk says about `path` in our own errors."""
    try:
        yield
    except OSError as error:
        raise translated(error, path) from error


@contextmanager
def part_file(folder: Path, name: str) -> Iterator[Path]:
    """A path in `folder` for a file in the making; whatever still stands there at the end is taken away."""
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f".{name[:80]}.{uuid4().hex[:12]}.part"
    try:
        yield part
    finally:
        part.unlink(missing_ok=True)


def flush(path: Path) -> None:
    """Returns when the file's bytes are on the disk: a rename may else outlive them in a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def must_be_file(path: Path, name: str) -> None:
    """Errors: NotFound when there is no file at `path` to be stored as `name`."""
    if not path.is_file():
        raise NotFound(f"There is no file at {path} to be stored as {name}.")
