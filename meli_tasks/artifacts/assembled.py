"""Files of an artifact that are not stored, because they consist of parts of the artifact's inputs: an ensemble's.

They have their size and digest in the manifest like all others, and are put together when they are downloaded
(`stages.files.pieces`). A part is looked for by the digest of its file, so an input that was computed again with the
same bytes serves as well as the attempt that the artifact was made from.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from meli_tasks.artifacts import outputs
from meli_tasks.artifacts.manifest import MODEL_STAGES, Manifest, find, replaced_models
from meli_tasks.core.errors import NotFound
from meli_tasks.stages.files.pieces import PIECES, Pieces, Source, put_together
from meli_tasks.store import Store


def assemble(store: Store, manifest: Manifest, file: str, path: Path) -> None:
    """Put a file of an artifact together, and check it against the manifest.

    Raises:
        NotFound: a part is not in the store.
        BadData: a part is damaged.
    """
    pieces = pieces_of(store, manifest)
    with TemporaryDirectory(prefix=".parts-", dir=path.parent) as folder:
        fetched: dict[Source, Path] = {}
        for number, source in enumerate(pieces.sources_of(file)):
            part = need_source(store, manifest, source)
            fetched[source] = Path(folder, str(number))
            try:
                store.download(part.file_name(source.file), fetched[source])
            except NotFound as error:
                raise outputs.missing(store, part, source.file) from error
            outputs.check_output(store, part, source.file, outputs.describe_file(fetched[source]))
        put_together(pieces, file, fetched.__getitem__, path)


def pieces_of(store: Store, manifest: Manifest) -> Pieces:
    """What an artifact's unstored files consist of."""
    return outputs.parse_file(store, manifest, PIECES, Pieces.model_validate_json)


def parts_of(store: Store, manifest: Manifest) -> Iterator[tuple[Manifest, str]]:
    """The artifacts and their files that an artifact's unstored files consist of; raises NotFound without one."""
    if manifest.assembled:
        pieces = pieces_of(store, manifest)
        for source in {each for file in manifest.assembled for each in pieces.sources_of(file)}:
            yield need_source(store, manifest, source), source.file


def stored_files(store: Store, manifest: Manifest, files: Iterable[str]) -> Iterator[tuple[str, int]]:
    """The objects that hold files of an artifact, with their sizes.

    Raises:
        NotFound: the artifact has no such file, or a part of it is not in the store.
    """
    for file in files:
        if file not in manifest.outputs:
            raise NotFound(f"{store.url}/{manifest.name} describes no {file}.")
        if file not in manifest.assembled:
            yield manifest.file_name(file), manifest.outputs[file].bytes
    for part, file in parts_of(store, manifest):
        yield part.file_name(file), part.outputs[file].bytes


def need_source(store: Store, manifest: Manifest, source: Source) -> Manifest:
    """The attempt of an input that has a file with these bytes.

    Raises:
        NotFound: there is none.
    """
    key = manifest.inputs.get(source.input, "").partition("@")[0]
    newest = next(filter(None, (find(store, stage, key) for stage in MODEL_STAGES)), None)
    for attempt in (*([newest] if newest else []), *replaced_models(store, key)):
        output = attempt.outputs.get(source.file)
        if output and output.sha256 == source.sha256:
            return attempt
    raise NotFound(
        f"{manifest.stage} {manifest.key} in {store.url} needs {source.file} of {source.input} ({key}), sha256 "
        f"{source.sha256[:12]}, which is not there. Run again to compute it again, or `meli verify --repair "
        f"{manifest.stage}/{manifest.key}`."
    )
