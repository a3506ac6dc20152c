"""Files that can be taken for a table or for word vectors by mistake: what they are, by their first bytes."""

from __future__ import annotations

import tarfile
from dataclasses import dataclass

TAR_HEADER = 512
"""The bytes at the beginning of an archive that show that it is one."""


@dataclass(frozen=True)
class OtherFormat:
    """A format that is not read here: what it is, and what to do if the file holds a table or word vectors."""

    what: str
    for_rows: str
    for_vectors: str


_AS_CSV = "save it as CSV in UTF-8 or as Parquet"
_AS_WORD2VEC = "save the vectors in word2vec format, with KeyedVectors.save_word2vec_format of gensim"


def _packed(what: str, unpack: str) -> OtherFormat:
    advice = f"unpack it with {unpack}, or compress it with gzip"
    return OtherFormat(f"compressed with {what}", advice, advice)


def _table(what: str, read: str = "pyarrow") -> OtherFormat:
    return OtherFormat(what, f"read it with {read} and save it as Parquet", _AS_WORD2VEC)


def _text(what: str, advice: str) -> OtherFormat:
    return OtherFormat(what, advice, advice)


_ZIP = OtherFormat(
    "a zip archive or a spreadsheet",
    "unpack it, or save the sheet as CSV in UTF-8",
    "unpack it, or compress the file in it with gzip",
)
_PICKLE = OtherFormat(
    "a pickle of Python, such as a model or KeyedVectors of gensim (.model, .kv)",
    f"pickles are not read, because they can run any code; {_AS_CSV}",
    "load it with KeyedVectors.load of gensim and save it with save_word2vec_format",
)
_TAR = OtherFormat(
    "a tar archive",
    "unpack it with tar -xf, and give the folder or the file",
    "unpack it with tar -xf, and give the file in it",
)
_BY_FIRST_BYTES = (
    (b"PK\x03\x04", _ZIP),
    (b"PK\x05\x06", _ZIP),
    (b"\xfd7zXZ", _packed("xz", "unxz")),
    (b"\x5d\x00\x00", _packed("lzma", "unlzma")),
    (b"\x28\xb5\x2f\xfd", _packed("zstd", "unzstd")),
    (b"BZh", _packed("bzip2", "bunzip2")),
    (b"\x04\x22\x4d\x18", _packed("lz4", "unlz4")),
    (b"\x1f\x9d", _packed("compress", "uncompress")),
    (b"\x1f\x8b", _packed("gzip a second time", "gunzip")),
    (b"7z\xbc\xaf\x27\x1c", _packed("7-Zip", "7z x")),
    (b"Rar!\x1a\x07", _packed("RAR", "unrar x")),
    (b"ORC", _table("an ORC file")),
    (b"ARROW1", _table("an Arrow or Feather file")),
    (b"\xff\xff\xff\xff", _table("an Arrow stream")),
    (b"FEA1", _table("a Feather file of version 1")),
    (b"Obj\x01", _table("an Avro file", "fastavro")),
    (b"\x89HDF\r\n", _table("an HDF5 file", "pandas")),
    (b"SQLite format 3\x00", _table("an SQLite database", "sqlite3 or pandas")),
    (
        b"PARE",
        OtherFormat(
            "an encrypted Parquet file", "decrypt it with pyarrow and its keys, and save it again", _AS_WORD2VEC
        ),
    ),
    (b"\xd0\xcf\x11\xe0", OtherFormat("an old Excel workbook", "save the sheet as CSV in UTF-8", _AS_WORD2VEC)),
    (
        b"\xba\x16\x4f\x2f",
        OtherFormat(
            "a model of fastText (.bin)",
            "it holds word vectors, no titles",
            "load it with gensim.models.fasttext.load_facebook_vectors and save it with save_word2vec_format, or use "
            "the .vec file of the same model",
        ),
    ),
    (
        b"\x93NUMPY",
        OtherFormat(
            "an array of NumPy (.npy)",
            _AS_CSV,
            "it holds no words; load the .kv or .model file that belongs to it with KeyedVectors.load of gensim and "
            "save it with save_word2vec_format",
        ),
    ),
    *((b"\x80" + bytes([protocol]), _PICKLE) for protocol in range(2, 6)),
    (b"\xff\xfe\x00\x00", _text("text in UTF-32", "convert it with iconv -f UTF-32 -t UTF-8")),
    (b"\xff\xfe", _text("text in UTF-16", "convert it with iconv -f UTF-16 -t UTF-8")),
    (b"\xfe\xff", _text("text in UTF-16", "convert it with iconv -f UTF-16 -t UTF-8")),
    (b"%PDF", _table("a PDF document", "another program")),
    (
        b"version https://git-lfs",
        _text("only a pointer of Git LFS to the file", "get the file itself with git lfs pull"),
    ),
)


_LIKE_TEXT = {b"ORC", b"ARROW1", b"FEA1", b"PARE"}


def other_format(start: bytes) -> OtherFormat | None:
    """Which format that is not read here a file has, by its first bytes, decompressed; None for an unknown one."""
    binary = any(byte < 9 for byte in start[:TAR_HEADER])
    found = next(
        (
            format_
            for magic, format_ in _BY_FIRST_BYTES
            # Without a control character, "ORCHID,PRICE" is the header of a CSV file, and not ORC.
            if start.startswith(magic) and (binary or magic not in _LIKE_TEXT)
        ),
        None,
    )
    return found or (_TAR if _is_tar(start) else None)


def is_web_page(start: bytes) -> bool:
    """Whether a file begins as HTML or XML does."""
    return start.lstrip()[:15].lower().startswith((b"<!doctype", b"<html", b"<?xml"))


def _is_tar(start: bytes) -> bool:
    try:
        tarfile.TarInfo.frombuf(start[:TAR_HEADER], "utf-8", "surrogateescape")  # checks the header's checksum
    except tarfile.HeaderError:
        return False
    return True
