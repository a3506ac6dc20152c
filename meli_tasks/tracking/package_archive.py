"""The package in one file, for a registered model: as files of its own it took MLflow 237 requests."""

from __future__ import annotations

import zipfile
from pathlib import Path

NAME = "meli_tasks.zip"
"""What pyfunc_model.py imports the package from, in the folder `code` of the model."""
OF_THE_BUILD = ("__pycache__", ".mypy_cache")
THE_SAME_DATE = (2020, 1, 1, 0, 0, 0)


def archive_package(folder: Path) -> Path:
    """Write the package into `folder`, and return the archive; the same code gives the same bytes."""
    package = Path(__file__).parents[1]
    archive = folder / NAME
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for path in sorted(package.rglob("*")):
            if path.is_file() and not any(part in OF_THE_BUILD for part in path.parts):
                entry = zipfile.ZipInfo(path.relative_to(package.parent).as_posix(), THE_SAME_DATE)
                entry.external_attr = 0o644 << 16
                packed.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)
    return archive
