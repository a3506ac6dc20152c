"""The vector cache: pretrained word vectors as arrays on this machine's disk, each file parsed only once.

An entry is kept in the artifact cache under the identity of the file it was made from, and is pruned by that cache's
rules. The identity is a hash of the content for a local file, and the address with its ETag for an object. A plan
determines it, so an existing entry is used without opening or downloading the file again.
"""

from __future__ import annotations

from pathlib import Path

from meli_tasks import sources
from meli_tasks.artifacts.cache import Cache
from meli_tasks.core.errors import BadHyperparameters
from meli_tasks.rowfiles.folders import files_below
from meli_tasks.settings import Settings
from meli_tasks.stages.hooks import Log

KIND = "vectors"


class VectorCache:
    """The word vectors in a cache."""

    def __init__(self, cache: Cache, settings: Settings) -> None:
        self._cache, self._settings = cache, settings

    def entry(self, spec: str, identity: str, log: Log) -> Path:
        """The folder with the arrays of the file at `spec`, created if it does not exist or is damaged.

        If two workers create it at the same time, both do the work and the first result is kept.

        Raises:
            BadData: the file is not a word2vec file, or has changed since it was identified.
            BadHyperparameters: `spec` matches several files.
            DiskFull: the disk cannot hold the entry.
        """
        from meli_tasks.stages.vectors.entry import FORMAT, read_entry

        name = f"{KIND}/{identity}-{FORMAT}"
        if folder := self._cache.find(name):
            if read_entry(folder):
                return folder
            log.info(f"the cached arrays of {spec} are damaged; creating them again")
            self._cache.remove(folder)
        from meli_tasks.stages.vectors.writing import write_entry

        with self._cache.work_folder() as work:
            fetched, made = work / "fetched", work / "made"
            fetched.mkdir()
            made.mkdir()
            file = _only_file(sources.fetch(spec, fetched, self._settings, identity), spec)
            log.info(f"parsing {spec} into arrays that later runs on this machine reuse")
            entry = write_entry(file, made, lambda words, of: log.progress(step=words, steps=of))
            sources.confirm(spec, self._settings, identity)
            repeated = f"; {entry.repeated:,} repeated words, of which the first counts" if entry.repeated else ""
            log.info(f"{entry.words:,} words of {entry.dimensions} dimensions{repeated}")
            return self._cache.keep(name, made)


def _only_file(folder: Path, spec: str) -> Path:
    files = files_below(folder).files
    if len(files) != 1:
        raise BadHyperparameters(
            f"embed.path matches {len(files)} files, but must match one: {spec} "
            f"({', '.join(file.name for file in files[:3])})"
        )
    return files[0].resolve()  # a local file is linked to: messages should have its own name
