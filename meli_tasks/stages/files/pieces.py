"""Files that consist of parts of other files, which need not be stored twice: those of an ensemble, of its members.

`pieces.json` lists, for each such file, which bytes of which file of which input follow each other, and the few bytes
that are its own. Putting it together copies bytes, so the result does not depend on the version of a library.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import Field

from meli_tasks.core.errors import BadData
from meli_tasks.stages.files.digest import MODEL_FILES
from meli_tasks.stages.stored import Stored

PIECES = "pieces.json"
WEIGHTS, DESCRIPTION = MODEL_FILES
LEAST_BYTES = 1_024
"""Shorter parts are written down instead: a reference takes about a tenth of this."""
MOST_OWN = 0.2
"""A file with a larger fraction of bytes of its own is stored as it is."""
BLOCK = 1 << 20


class Source(Stored):
    """A file of an input: its name as an input of the stage, the file, and its digest."""

    input: str
    file: str
    sha256: str


class Piece(Stored):
    """Bytes of a source, or bytes of the file's own."""

    source: int = Field(-1, description="position in the list of sources; -1 for bytes of its own")
    start: int = 0
    size: int = 0
    own: str = Field("", description="in base64")


class Pieces(Stored):
    """pieces.json."""

    version: int = 1
    sources: tuple[Source, ...] = ()
    files: dict[str, tuple[Piece, ...]] = Field(default_factory=dict)

    def sources_of(self, file: str) -> list[Source]:
        """The files that a file is put together from."""
        places = {piece.source for piece in self.files[file] if piece.source >= 0}
        return [self.sources[place] for place in sorted(places)]


def put_together(pieces: Pieces, file: str, path_of: Callable[[Source], Path], out: Path) -> None:
    """Write a file from its pieces; whoever calls it compares the digest.

    Raises:
        BadData: a source is too short.
    """
    with out.open("wb") as target:
        for piece in pieces.files[file]:
            if piece.source < 0:
                target.write(base64.b64decode(piece.own))
                continue
            with path_of(pieces.sources[piece.source]).open("rb") as source:
                source.seek(piece.start)
                left = piece.size
                while left and (block := source.read(min(left, BLOCK))):
                    target.write(block)
                    left -= len(block)
            if left:
                raise BadData(
                    f"{file} cannot be put together: a file of {pieces.sources[piece.source].input} is too short"
                )


def write_pieces(out: Path, inputs: Mapping[str, Path]) -> None:
    """Write pieces.json for the model in `out`, if it consists of parts of the models in `inputs`, by their names."""
    pieces = _pieces_of(out, inputs)
    with TemporaryDirectory(prefix="meli-pieces-") as folder:
        again = Path(folder, "file")
        for file in pieces.files:
            put_together(pieces, file, lambda source: inputs[source.input] / source.file, again)
            if _digest(again) != _digest(out / file):
                raise ValueError(f"{file} of {out} is not what its pieces make")
    if pieces.files:
        (out / PIECES).write_text(pieces.model_dump_json(exclude_defaults=True), encoding="utf-8")


def read_pieces(out: Path) -> Pieces:
    """What was written; empty if there is nothing."""
    path = out / PIECES
    return Pieces.model_validate_json(path.read_bytes()) if path.exists() else Pieces()


def _pieces_of(out: Path, inputs: Mapping[str, Path]) -> Pieces:
    sources = tuple(
        Source(input=name, file=file, sha256=_digest(folder / file))
        for name, folder in sorted(inputs.items())
        for file in MODEL_FILES
    )
    found = {
        WEIGHTS: _tensors(out / WEIGHTS, sources, inputs),
        DESCRIPTION: _encoders(out / DESCRIPTION, sources, inputs),
    }
    sizes = {file: (out / file).stat().st_size for file in found}
    shared = {file: sum(piece.size for piece in pieces) for file, pieces in found.items()}
    kept = {file: pieces for file, pieces in found.items() if shared[file] >= (1 - MOST_OWN) * sizes[file]}
    return Pieces(sources=sources, files=kept)


def _tensors(path: Path, sources: tuple[Source, ...], inputs: Mapping[str, Path]) -> tuple[Piece, ...]:
    known: dict[str, Piece] = {}
    for place, source in enumerate(sources):
        if source.file == WEIGHTS:
            for digest, start, size in _regions(inputs[source.input] / WEIGHTS):
                known.setdefault(digest, Piece(source=place, start=start, size=size))
    found = [(start, known[digest]) for digest, start, _ in _regions(path) if digest in known]
    return _with_own_bytes(path, found)


def _regions(path: Path) -> Iterator[tuple[str, int, int]]:
    """The digest, the start and the size of each tensor of a safetensors file that is worth a reference."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
        for name, tensor in header.items():
            if name == "__metadata__":
                continue
            start, end = tensor["data_offsets"]
            if end - start >= LEAST_BYTES:
                file.seek(8 + length + start)
                data = file.read(end - start)
                yield hashlib.sha256(data).hexdigest(), 8 + length + start, end - start


def _encoders(path: Path, sources: tuple[Source, ...], inputs: Mapping[str, Path]) -> tuple[Piece, ...]:
    """The encoders in the description of an ensemble, which are written as in those of its members."""
    whole, found = path.read_bytes(), dict[int, Piece]()
    for place, source in enumerate(sources):
        if source.file == DESCRIPTION:
            text = (inputs[source.input] / DESCRIPTION).read_bytes()
            encoder = json.dumps(json.loads(text)["encoder"], ensure_ascii=False).encode()
            there, here = text.find(encoder), whole.find(encoder)
            if min(there, here) >= 0 and len(encoder) >= LEAST_BYTES:
                found.setdefault(here, Piece(source=place, start=there, size=len(encoder)))
    return _with_own_bytes(path, list(found.items()))


def _with_own_bytes(path: Path, found: list[tuple[int, Piece]]) -> tuple[Piece, ...]:
    """The pieces of a file in their order, with the bytes between them."""
    pieces, at = list[Piece](), 0
    with path.open("rb") as file:
        for start, piece in [*sorted(found, key=lambda each: each[0]), (path.stat().st_size, None)]:
            if start > at:
                file.seek(at)
                pieces.append(Piece(own=base64.b64encode(file.read(start - at)).decode()))
            if piece is not None:
                pieces.append(piece)
                at = start + piece.size
    return tuple(pieces)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
