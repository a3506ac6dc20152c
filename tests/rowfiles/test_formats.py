"""Files of other formats are named, wherever a file is read: as listings, for a prediction and as word vectors."""

from __future__ import annotations

import base64
import bz2
import gzip
import io
import lzma
import pickle
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.orc as orc
import pyarrow.parquet as pq
import pyarrow.parquet.encryption as pe
import pytest
from gensim.models import KeyedVectors
from pyarrow import feather

from meli_tasks.core.errors import BadData
from meli_tasks.prediction.files import predict_file
from meli_tasks.stages.vectors.file import read_header
from tests.rowfiles.row_files import Recorder
from tests.stages.listings.listing_files import FEW, csv_of, run, some_rows

TABLE = pa.table({"title": ["Mesa", "Silla"], "category": ["A", "B"]})
CSV = b"title,category\nMesa,A\nSilla,B\n"


class _Keys(pe.KmsClient):  # type: ignore[misc] # pyarrow has no types
    def wrap_key(self, key: bytes, name: str) -> bytes:
        return base64.b64encode(key)


def encrypted(plain_footer: bool) -> bytes:
    sink = io.BytesIO()
    factory = pe.CryptoFactory(lambda config: _Keys())
    settings = pe.EncryptionConfiguration("footer", column_keys={"title": ["title"]}, plaintext_footer=plain_footer)
    properties = factory.file_encryption_properties(pe.KmsConnectionConfig(), settings)
    with pq.ParquetWriter(sink, TABLE.schema, encryption_properties=properties) as writer:
        writer.write_table(TABLE)
    return sink.getvalue()


def zipped() -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        archive.writestr("titles.csv", CSV)
    return sink.getvalue()


def tarred(mode: str, form: int) -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode=f"w:{mode}", format=form) as archive:  # type: ignore[call-overload]
        member = tarfile.TarInfo("titles.csv")
        member.size = len(CSV)
        archive.addfile(member, io.BytesIO(CSV))
    return sink.getvalue()


def written(write: Callable[[io.BytesIO], object]) -> bytes:
    sink = io.BytesIO()
    write(sink)
    return sink.getvalue()


def keyed_vectors() -> bytes:
    vectors = KeyedVectors(2)
    vectors.add_vectors(["mesa"], np.ones((1, 2), np.float32))
    return written(lambda sink: pickle.dump(vectors, sink, protocol=4))


FASTTEXT = struct.pack("<12i", 793712314, 12, 100, 5, 5, 5, 1, 1, 2, 2_000_000, 3, 6)

OTHERS: dict[str, tuple[bytes, str]] = {
    "zip": (zipped(), "a zip archive"),
    "xz": (lzma.compress(CSV), "compressed with xz"),
    "lzma": (lzma.compress(CSV, lzma.FORMAT_ALONE), "compressed with lzma"),
    "orc": (written(lambda sink: orc.write_table(TABLE, sink)), "an ORC file"),
    "feather": (written(lambda sink: feather.write_feather(TABLE, sink)), "an Arrow or Feather file"),
    "arrow": (written(lambda sink: pa.ipc.new_stream(sink, TABLE.schema).write_table(TABLE)), "an Arrow stream"),
    "tar": (tarred("", tarfile.USTAR_FORMAT), "a tar archive"),
    "tar.gz": (tarred("gz", tarfile.GNU_FORMAT), "a tar archive"),
    "tar.gz, pax": (tarred("gz", tarfile.PAX_FORMAT), "a tar archive"),
    "zip.gz": (gzip.compress(zipped()), "a zip archive"),
    "gz.gz": (gzip.compress(gzip.compress(CSV)), "compressed with gzip a second time"),
    "parquet, encrypted": (encrypted(plain_footer=False), "an encrypted Parquet file"),
    "fasttext": (FASTTEXT + bytes(100), "a model of fastText"),
    "kv": (keyed_vectors(), "KeyedVectors of gensim"),
    "npy": (written(lambda sink: np.save(sink, np.ones(3))), "an array of NumPy"),
    "lfs": (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d\nsize 12\n", "a pointer of Git LFS"),
    "utf-16": ("title,category\nMesa,A\n".encode("utf-16"), "text in UTF-16"),
    "web page": (b"\n <!DOCTYPE html><html></html>", "a web page"),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_other_formats_are_named_with_what_to_do(tmp_path: Path, kind: str) -> None:
    data, what = OTHERS[kind]
    file = tmp_path / "titles.csv"
    file.write_bytes(data)
    (tmp_path / "out").mkdir()
    with pytest.raises(BadData, match=rf"titles\.csv: this is .*{what}"):
        run(file, tmp_path / "out")
    with pytest.raises(BadData, match=rf"titles\.csv: this is .*{what}"):
        predict_file(Recorder(), file, tmp_path / "out.csv")
    with pytest.raises(BadData, match=rf"titles\.csv: this is .*{what}"):
        read_header(file)


def test_encrypted_columns_of_a_parquet_file_are_named(tmp_path: Path) -> None:
    file = tmp_path / "titles.parquet"
    file.write_bytes(encrypted(plain_footer=True))
    (tmp_path / "out").mkdir()
    with pytest.raises(BadData, match="columns of this Parquet file are encrypted"):
        run(file, tmp_path / "out")
    with pytest.raises(BadData, match="a Parquet file, not a file in word2vec format"):
        read_header(file)


def test_vectors_compressed_by_bzip2_are_read_and_titles_are_not(tmp_path: Path) -> None:
    file = tmp_path / "file.bz2"
    file.write_bytes(bz2.compress(b"1 2\nmesa 1 2\n"))
    assert read_header(file).words == 1
    with pytest.raises(BadData, match="compressed with bzip2"):
        run(file, tmp_path)


@pytest.mark.parametrize("name", ["ORCHID", "PARES", "ARROW1", "FEA1"])
def test_a_column_named_like_a_format_is_a_column(tmp_path: Path, name: str) -> None:
    rows = [{name: "x", **row} for row in some_rows()]
    (tmp_path / "titles.csv").write_bytes(csv_of(rows))
    (tmp_path / "out").mkdir()
    assert run(tmp_path / "titles.csv", tmp_path / "out", FEW).rows == 60
