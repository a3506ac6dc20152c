"""Text word2vec files: one line per word, with its numbers, separated by single spaces.

polars reads a piece of the file as a table of float32 columns, ten times as fast as Python's float. It accepts errors
silently, so this module counts spaces, lines and numbers of the piece; a piece with an error is read again line by
line, to report the line and what it contains. Both round to the nearest float32, but Python's float goes through
float64: the last bit can differ if a number is close to the middle between two.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from meli_tasks.core.errors import BadData
from meli_tasks.stages.vectors.file import Block, Header, excerpt, pieces

MAX_LINE_LENGTH = 16 << 20  # bytes
NEWLINE, RETURN, SPACE = b"\n\r "


def text_blocks(path: Path, header: Header) -> Iterator[Block]:
    """Yield the records of a text file, thousands at a time.

    Raises:
        BadData: a line has the wrong number of numbers or an invalid one, or the compressed file is truncated.
    """
    line = 2
    for lines in _whole_lines(path):
        block = _by_column(lines, header.dimensions) or _by_line(lines, header.dimensions, path, line)
        yield block
        line += len(block.words)


def _whole_lines(path: Path) -> Iterator[bytes]:
    """Yield the pieces of the file, each extended to the end of a line; without the blank lines at its end."""
    incomplete = b""
    for piece in pieces(path):
        lines = incomplete + piece
        # Blank lines wait for the next piece: whether they are at the end of the file is not known yet.
        last = len(lines[: lines.rfind(b"\n") + 1].rstrip())
        cut = lines.find(b"\n", last) + 1 if last else 0
        incomplete = lines[cut:]
        if len(incomplete) > MAX_LINE_LENGTH:
            raise BadData(
                f"{path}: a line is longer than {MAX_LINE_LENGTH:,} bytes; it starts with {excerpt(incomplete)}"
            )
        if cut:
            yield lines[:cut]
    if incomplete.strip():
        yield incomplete + b"\n"


def _by_column(lines: bytes, dimensions: int) -> Block | None:
    """The records of whole lines; None if they must be read one by one."""
    characters = np.frombuffer(lines, np.uint8)
    ends = np.flatnonzero(characters == NEWLINE)
    starts = np.concatenate(([0], ends[:-1] + 1))
    # The C tool also writes a space after the last number, and Windows a carriage return before the line feed.
    last = ends - 1
    last = last - (characters[last] == RETURN)
    spaces_at_ends = np.count_nonzero(characters[last] == SPACE)
    # A line with too many numbers passes this check only if another has too few, and that one fails below.
    if np.count_nonzero(characters == SPACE) != len(ends) * dimensions + spaces_at_ends:
        return None
    vectors = _columns(lines, dimensions)
    if vectors is None or vectors.shape != (len(ends), dimensions) or not np.isfinite(vectors).all():
        return None
    return Block([lines[start : lines.find(b" ", start)] for start in starts.tolist()], vectors)


def _columns(lines: bytes, dimensions: int) -> NDArray[np.float32] | None:
    """The numbers of each line; NaN for a missing number, None if a number is invalid."""
    numbers = range(1, dimensions + 1)
    try:
        table = pl.read_csv(
            lines,
            has_header=False,
            separator=" ",
            quote_char=None,
            infer_schema=False,
            schema={"word": pl.String, **{f"{number}": pl.Float32 for number in numbers}},
            columns=list(numbers),
        )
    except pl.exceptions.PolarsError:
        return None
    return table.to_numpy(order="c")


def _by_line(lines: bytes, dimensions: int, path: Path, first: int) -> Block:
    """Read the lines in Python, exactly and slowly. `first` is the number of the first line."""
    records = lines.split(b"\n")[:-1]
    words, vectors = [], np.empty((len(records), dimensions), dtype=np.float32)
    with np.errstate(
        over="ignore"
    ):  # a number beyond float32 becomes infinite; `take_vectors` reports it if the word is used
        for row, record in enumerate(records):
            word, _, rest = record.rstrip(b" \r").partition(b" ")
            numbers = rest.split(b" ") if rest else []
            if len(numbers) != dimensions:
                raise BadData(
                    f"{path}, line {first + row:,}: the word has {len(numbers)} numbers, but line 1 says {dimensions}: "
                    f"{excerpt(record)}"
                )
            try:
                vectors[row] = [float(number) for number in numbers]
            except ValueError as error:
                raise BadData(f"{path}, line {first + row:,}: {error}") from None
            words.append(word)
    return Block(words, vectors)
