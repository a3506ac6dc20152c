"""The vector vault: pretrained word vectors as arrays on this machine's disk, each file read once.

An entry stands in the cache under the identity of the file it was made from, and leaves it by the cache's rules. That
identity is the content's hash for a file of this machine (or an address that tells no ETag), the ETag for an object: a
plan works it out, so an entry that stands is used without opening, or downloading, the file again.
"""

from __future__ import annotations

from pathlib import Path

from meli_tasks import sources
from meli_tasks.artifacts.cache import Cache
from meli_tasks.core.errors import BadHyperparameters
from meli_tasks.settings import Settings
from meli_tasks.sources.place import redact_source
from meli_tasks.stages.hooks import Log

KIND = "vectors"


class VectorCache:
    """The entries in a cache."""

    def __init__(self, cache: Cache, settings: Settings) -> None:
        self._cache, self._settings = cache, settings

    def entry(self, spec: str, identity: str, log: Log) -> Path:
        """The folder of the entry made from the file at `spec`; made now if there is none, or a damaged one.

        Two workers that make it at once both do the work; the first to end is kept.

        Raises:
            BadData: the file is no word2vec file, or no longer the one that was identified.
            BadHyperparameters: `spec` names several files.
            Rejected: the disk cannot hold the entry.
        """
        from meli_tasks.stages.vectors.entry import FORMAT, read_entry

        name = f"{KIND}/{identity}-{FORMAT}"
        if folder := self._cache.find(name):
            if read_entry(folder):
                return folder
            log.info(f"the array of {redact_source(spec)} in the cache is not as it was written: it is made again")
            self._cache.remove(folder)
        from meli_tasks.stages.vectors.writing import write_entry

        with self._cache.work_folder() as work:
            fetched, made = work / "fetched", work / "made"
            fetched.mkdir()
            made.mkdir()
            file = _only_file(sources.fetch(spec, fetched, self._settings, identity), spec)
            log.info(f"reading {redact_source(spec)} once, into an array that later runs on this machine find")
            entry = write_entry(file, made, lambda words, of: log.progress(step=words, steps=of))
            sources.confirm(spec, self._settings, identity)
            repeated = f"; {entry.repeated:,} come again, of each the first counts" if entry.repeated else ""
            log.info(f"{entry.words:,} words of {entry.dimensions} dimensions{repeated}")
            return self._cache.keep(name, made)


def _only_file(folder: Path, spec: str) -> Path:
    files = sorted(folder.iterdir())
    if len(files) != 1:
        raise BadHyperparameters(
            f"embed.path names {len(files)} files, one is needed: {redact_source(spec)} "
            f"({', '.join(file.name for file in files[:3])})"
        )
    return files[0].resolve()  # a file of this machine is linked to: its own name is the one to tell
