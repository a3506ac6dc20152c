"""Local files: a path, a folder or a glob. They are linked, not copied."""

from __future__ import annotations

import glob
import hashlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from meli_tasks.core.errors import BadData
from meli_tasks.disk import disk_errors
from meli_tasks.sources.place import NoFiles, Part


class Files:
    """The local disk."""

    def parts(self, spec: str) -> tuple[Part, ...]:
        """The files, by name; their identity is a hash of their content."""
        try:
            files = _files(spec)
        except (OSError, ValueError) as error:  # a name too long, a folder that may not be read, a zero byte
            why = error.strerror if isinstance(error, OSError) else error
            raise BadData(
                f"The source {spec[:200]} cannot be searched for: {why}. Give a path, or a glob in quotes."
            ) from None
        if not files:
            near = next((folder for folder in Path(_path(spec)).absolute().parents if folder.is_dir()), Path("/"))
            raise NoFiles(
                f"The source {spec} matches no file (the nearest folder that exists is {near}). Give a path, a glob in "
                "quotes, s3://, https:// or sample:rows=20000,seed=1; relative paths start in the run's working folder."
            )
        found = []
        for file in files:
            with disk_errors(file):
                about = file.stat()
                found.append(Part(str(file), _content(str(file), about.st_size, about.st_mtime_ns), about.st_size))
        return tuple(found)

    def fetch(self, spec: str, targets: Sequence[tuple[Part, Path]]) -> None:
        """Create links to the files."""
        for part, target in targets:
            target.symlink_to(Path(part.name).absolute())


def _path(spec: str) -> str:
    return spec.removeprefix("file://")


def _files(spec: str) -> list[Path]:
    path = Path(_path(spec)).expanduser()
    if path.is_dir():
        return sorted(file for file in path.iterdir() if file.is_file() and not file.name.startswith("."))
    if path.is_file():
        return [path]
    matches = glob.glob(str(path), recursive=True)  # noqa: PTH207 - Path.glob takes no absolute patterns
    return sorted(match for match in map(Path, matches) if match.is_file())


@lru_cache(maxsize=16_384)  # a window of years, a file or a few each day
def _content(path: str, size: int, modified: int) -> str:
    with Path(path).open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
