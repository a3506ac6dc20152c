"""Files of rows, read and written a chunk at a time: CSV, JSON Lines and Parquet, by suffix, gzipped or not.

A file of any length passes through in the memory of one chunk. No row is dropped: one that cannot be read comes out
whole, and `Chunk.problems` names it.
"""

from meli_tasks.rowfiles.chunk import Chunk, Row, kind_of
from meli_tasks.rowfiles.reading import RowFile
from meli_tasks.rowfiles.writing import AddedKind, RowTarget

__all__ = ["AddedKind", "Chunk", "Row", "RowFile", "RowTarget", "kind_of"]
