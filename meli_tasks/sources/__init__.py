"""Sources: where titles come from, and which files they currently consist of.

A source is written as a path, a glob, `s3://bucket/key`, `https://...` or `sample:rows=20000,seed=1`; `{ds}` in it is
the run's date, or each of the last days of a window. `identify` finds its parts and an identity that changes when they
do, as cheaply as the place allows (an ETag, else a hash of the content); `fetch` downloads the parts into a folder
and checks that they have not changed since.
"""

from meli_tasks.sources.beside import beside
from meli_tasks.sources.find import LAB_VECTORS_HINT, confirm, fetch, identify, identify_vectors
from meli_tasks.sources.source import Source, file_names

__all__ = [
    "LAB_VECTORS_HINT",
    "Source",
    "beside",
    "confirm",
    "fetch",
    "file_names",
    "identify",
    "identify_vectors",
]
