"""The text form of word2vec files: a line a word, then its numbers, one space between them.

polars reads a piece of the file as a table of float32 columns, ten times as fast as Python's float. It is lenient where
a person wants to be told, so the piece's spaces, lines and numbers are counted; whatever is not as it should be is read
again line by line, which says in which line what was seen. Both round a number to the nearest float32, Python's float
by way of float64: the last bit differs where a number lies next to the middle between two.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from meli_tasks.core.errors import BadData
from meli_tasks.stages.vectors.file import Block, Header, pieces, shown

LONGEST_LINE = 16 << 20  # bytes
NEWLINE, RETURN, SPACE = b"\n\r "


def text_blocks(path: Path, header: Header) -> Iterator[Block]:
    """The records of a text file, some thousands at a time.

    Raises:
        BadData: a line with another count of numbers or a number that is none, by its line; a file cut in packing.
    """
    line = 2
    for lines in _whole_lines(path):
        block = _by_column(lines, header.dimensions) or _by_line(lines, header.dimensions, path, line)
        yield block
        line += len(block.words)


def _whole_lines(path: Path) -> Iterator[bytes]:
    """The file's pieces, each cut after a line's end."""
    begun = b""
    for piece in pieces(path):
        lines = begun + piece
        cut = lines.rfind(b"\n") + 1
        begun = lines[cut:]
        if len(begun) > LONGEST_LINE:
            raise BadData(f"{path}: a line is longer than {LONGEST_LINE:,} bytes; it starts with {shown(begun)}")
        if cut:
            yield lines[:cut]
    if begun:
        yield begun + b"\n"


def _by_column(lines: bytes, dimensions: int) -> Block | None:
    """The records of whole lines; None for lines that have to be looked at one by one."""
    characters = np.frombuffer(lines, np.uint8)
    ends = np.flatnonzero(characters == NEWLINE)
    starts = np.concatenate(([0], ends[:-1] + 1))
    # The C tool puts a space behind the last number too, Windows a carriage return before the line's end.
    last = ends - 1
    last = last - (characters[last] == RETURN)
    spaces_at_ends = np.count_nonzero(characters[last] == SPACE)
    # A line with a number too many needs one with too few to go unseen here, and that one lacks a number below.
    if np.count_nonzero(characters == SPACE) != len(ends) * dimensions + spaces_at_ends:
        return None
    vectors = _columns(lines, dimensions)
    if vectors is None or vectors.shape != (len(ends), dimensions) or not np.isfinite(vectors).all():
        return None
    return Block([lines[start : lines.find(b" ", start)] for start in starts.tolist()], vectors)


def _columns(lines: bytes, dimensions: int) -> NDArray[np.float32] | None:
    """The numbers behind each line's word; NaN for one that is absent, None where one cannot be read."""
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
    """The same by Python, exact and slow; `first` is the number of the first line."""
    records = lines.split(b"\n")[:-1]
    words, vectors = [], np.empty((len(records), dimensions), dtype=np.float32)
    with np.errstate(over="ignore"):  # a number beyond float32 is infinite; who takes its word is told
        for row, record in enumerate(records):
            word, _, rest = record.rstrip(b" \r").partition(b" ")
            numbers = rest.split(b" ") if rest else []
            if len(numbers) != dimensions:
                raise BadData(
                    f"{path}, line {first + row:,}: {dimensions} numbers should follow the word, as line 1 says; "
                    f"seen {len(numbers)}: {shown(record)}"
                )
            try:
                vectors[row] = [float(number) for number in numbers]
            except ValueError as error:
                raise BadData(f"{path}, line {first + row:,}: {error}") from None
            words.append(word)
    return Block(words, vectors)
