"""Local files: a path, a folder or a glob. They are linked, not copied."""

from __future__ import annotations

import glob
import hashlib
from collections.abc import Sequence
from functools import lru_cache
from itertools import takewhile
from pathlib import Path

from meli_tasks.allowed_addresses import AllowedAddresses
from meli_tasks.core.errors import BadData
from meli_tasks.disk import disk_errors, passing
from meli_tasks.rowfiles.folders import Budget, FolderFiles, files_below, hive_folders, marker_among
from meli_tasks.sources.globbing import matches
from meli_tasks.sources.place import Found, NoFiles, Part, why_skipped


class Files:
    """The local disk; every file must be allowed, by where its links lead."""

    def __init__(self, allowed: AllowedAddresses) -> None:
        self._allowed = allowed

    def find(self, spec: str) -> Found:
        """The files, by name; their identity is a hash of their content, and so the same wherever they are."""
        try:
            literal = _literal(spec)
            self._allowed.check_file(literal)
            if ".." in Path(_path(spec)).expanduser().parts[len(literal.parts) :]:
                # What is there, and even its name, may be none of this user's business.
                raise BadData(f"The source {spec[:200]} has .. behind a wildcard. Write its path without it.")
            found = _files(spec)
        except (OSError, ValueError, RuntimeError) as error:
            # A name too long, a folder that may not be read, a zero byte, the home of a user who does not exist.
            if temporary := passing(error, Path(_path(spec))):
                raise temporary from None
            why = error.strerror if isinstance(error, OSError) else error
            raise BadData(
                f"The source {spec[:200]} cannot be searched for: {why}. Give a path, or a glob in quotes."
            ) from None
        if not found.files:
            raise _no_files(spec, found.skipped)
        parts = []
        for file in found.files:
            self._allowed.check_file(file)
            with disk_errors(file):
                about = file.stat()
                # A copy with its date kept (cp -p, rsync, tar) has another inode or time of change.
                content = _content(str(file), about.st_size, about.st_mtime_ns, about.st_ctime_ns, about.st_ino)
            parts.append(Part(str(file), content, about.st_size, hive_folders(file.absolute().parent.parts)))
        return Found(tuple(parts), found.skipped)

    def fetch(self, spec: str, targets: Sequence[tuple[Part, Path]]) -> None:
        """Create links to the files."""
        for part, target in targets:
            target.symlink_to(Path(part.name).absolute())


def _literal(spec: str) -> Path:
    """The path up to its first wildcard: of other places, not even whether something exists is reported."""
    path = Path(_path(spec)).expanduser()
    return path if path.exists() else Path(*takewhile(lambda name: not glob.has_magic(name), path.parts))


def _path(spec: str) -> str:
    return spec.removeprefix("file://")


def _files(spec: str) -> FolderFiles:
    path = Path(_path(spec)).expanduser()
    if path.is_dir():
        return files_below(path)
    if path.is_file():
        return FolderFiles([path])
    literal = list(takewhile(lambda name: not glob.has_magic(name), path.parts))
    patterns = path.parts[len(literal) :]
    files: set[Path] = set()
    skipped: set[str] = set()
    budget = Budget()
    for match in matches(path, budget):
        if marker := marker_among(match.parts[len(literal) :], patterns):
            skipped.add(marker)
        elif match.is_dir():
            below = files_below(match, budget)
            files.update(below.files)
            skipped.update(below.skipped)
        elif match.is_file():
            files.add(match)
    return FolderFiles(sorted(files), tuple(sorted(skipped)))


def _no_files(spec: str, skipped: Sequence[str]) -> NoFiles:
    if skipped:
        return NoFiles(
            f"The source {spec} holds only files that are skipped, because {why_skipped(skipped)}. Rename those that "
            "hold titles, or give the path of one."
        )
    path = Path(_path(spec)).expanduser().absolute()
    near = next((folder for folder in (path, *path.parents) if folder.is_dir()), Path("/"))
    empty = ", in which and below which there is none" if near == path else ""
    return NoFiles(
        f"The source {spec} matches no file (the nearest folder that exists is {near}{empty}). Give a path, a glob in "
        "quotes, s3://, https:// or sample:rows=20000,seed=1; relative paths start in the run's working folder."
    )


@lru_cache(maxsize=16_384)  # a window of years, a file or a few each day
def _content(path: str, size: int, *_state: int) -> str:
    """The hash of a file's content; its state is part of the cache's key."""
    if not size:  # a file of the kernel may say so and be endless
        return f"sha256:{hashlib.sha256().hexdigest()}"
    with Path(path).open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
