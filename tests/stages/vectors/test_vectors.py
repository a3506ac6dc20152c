"""word2vec files read into entries of the vault."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from gensim.models import KeyedVectors
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from meli_tasks.core.errors import BadData, Unreachable
from meli_tasks.stages.vectors import text
from meli_tasks.stages.vectors.entry import Entry, read_entry, take_vectors
from meli_tasks.stages.vectors.file import Header, pieces, read_header
from meli_tasks.stages.vectors.writing import write_entry
from tests.stages.vectors.vector_files import KNOWN, as_binary, as_text


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "entry").mkdir()
    return tmp_path / "entry"


def write(folder: Path, content: bytes) -> Entry:
    file = folder.parent / "v"
    file.write_bytes(content)
    return write_entry(file, folder, lambda words, of: None)


def take(folder: Path, words: list[str], dimensions: int = 3) -> tuple[np.ndarray, list[bool]]:
    into = np.zeros((len(words), dimensions), np.float32)
    return into, take_vectors(folder, words, into).tolist()


def random_numbers(count: int, dimensions: int) -> list[list[str]]:
    """Numbers as tools write them: %lf, repr of a float32 and of a float64, and with an exponent."""
    drawn = np.random.default_rng(3).standard_normal((count, dimensions)) * 10.0 ** np.arange(dimensions)[::-1]
    forms = ("{:.6f}".format, lambda n: repr(float(np.float32(n))), repr, "{:.7e}".format)
    return [[forms[row % 4](float(number)) for number in numbers] for row, numbers in enumerate(drawn / 1e4)]


@pytest.mark.parametrize("size", [40, 1_000, 4 << 20])
def test_numbers_are_the_nearest_float32_whatever_the_pieces(
    folder: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(text, "pieces", lambda path: pieces(path, size))
    lines = random_numbers(400, 7)
    write(folder, b"400 7\n" + b"".join(f"w{row} {' '.join(line)}\n".encode() for row, line in enumerate(lines)))
    vectors, has = take(folder, [f"w{row}" for row in range(400)], 7)
    assert all(has)
    assert np.array_equal(vectors, np.array(lines, dtype=np.float64).astype(np.float32))


def test_reading_line_by_line_equals_reading_columns(tmp_path: Path) -> None:
    lines = b"".join(f"w{row} {' '.join(line)}\n".encode() for row, line in enumerate(random_numbers(50, 7)))
    columns, one_by_one = text._by_column(lines, 7), text._by_line(lines, 7, tmp_path, 2)
    assert columns is not None
    assert columns.words == one_by_one.words
    assert np.array_equal(columns.vectors, one_by_one.vectors)
    assert columns.vectors.flags.c_contiguous


FIELDS = st.sampled_from(
    [b"1", b"-0.25", b"2e3", b"", b"nan", b"x", b'"1"', b"\xc3", "ñ".encode(), b"1\r", b"+.5", b"1e99"]
)
LINES = st.lists(st.lists(FIELDS, min_size=1, max_size=5).map(b" ".join), min_size=1, max_size=4)


@settings(max_examples=400, deadline=None)
@given(lines=LINES, end=st.sampled_from([b"\n", b"\r\n", b" \n", b" \r\n"]), dimensions=st.integers(1, 4))
def test_columns_never_accept_what_lines_reject(lines: list[bytes], end: bytes, dimensions: int) -> None:
    content = b"".join(line + end for line in lines)
    columns = text._by_column(content, dimensions)
    if columns is not None:
        one_by_one = text._by_line(content, dimensions, Path("v"), 2)
        assert columns.words == one_by_one.words
        assert np.array_equal(columns.vectors, one_by_one.vectors)


@pytest.mark.parametrize("binary", [False, True])
def test_files_that_gensim_writes_are_read(folder: Path, tmp_path: Path, binary: bool) -> None:
    words = ["funda", "camión", "mesa"]
    written = KeyedVectors(vector_size=3)
    drawn = np.random.default_rng(0).normal(size=(len(words), 3)).astype(np.float32)
    written.add_vectors(words, drawn)
    written.save_word2vec_format(str(tmp_path / "v"), binary=binary)
    assert read_header(tmp_path / "v") == Header(3, 3, not binary)
    assert write_entry(tmp_path / "v", folder, lambda words, of: None) == Entry(3, 3, not binary, 0)
    vectors, has = take(folder, words)
    assert all(has)
    assert np.array_equal(vectors, drawn)


@pytest.mark.parametrize("form", [as_text, as_binary])
def test_the_first_vector_of_a_repeated_word_counts(folder: Path, form: object) -> None:
    content = (as_text if form is as_text else as_binary)({"a": [1, 1, 1], "b": [2, 2, 2], "c": [3, 3, 3]})
    assert write(folder, content.replace(b"c ", b"a ")).repeated == 1
    vectors, has = take(folder, ["c", "b", "a"])
    assert has == [False, True, True]
    assert vectors.tolist() == [[0, 0, 0], [2, 2, 2], [1, 1, 1]]


def test_a_word_may_contain_any_bytes_except_a_space(folder: Path) -> None:
    words = ["\u00a0", '"', "#", "ñandú", "a\tb", "\ufeffx", "emoji🙂", ""]
    lines = b"".join(word.encode() + b" 1 2 3\n" for word in words) + b"cut\xc3 1 2 3\n"
    assert write(folder, b"9 3\n" + lines) == Entry(9, 3, True, 0)
    assert take(folder, words)[1] == [True] * 8
    assert take(folder, ["nada", "Ñandú", "ñandu", "ñandú "])[1] == [False] * 4


@pytest.mark.parametrize("size", [8, 4 << 20])
@pytest.mark.parametrize("word", [b"\0", b"a\0b", b"\x01", b"\xc3", b"\x1b[0m"])
def test_a_control_byte_in_a_word_does_not_make_a_text_file_binary(
    folder: Path, monkeypatch: pytest.MonkeyPatch, word: bytes, size: int
) -> None:
    monkeypatch.setattr(text, "pieces", lambda path: pieces(path, size))
    content = b"3 3\n" + word + b" 1 2 3\nmesa 4 5 6\n" + word + b"x 7 8 9\n"
    assert write(folder, content) == Entry(3, 3, True, 0)
    assert take(folder, ["mesa"])[0].tolist() == [[4, 5, 6]]


WORDS = st.lists(
    st.text(st.characters(codec="utf-8", exclude_categories=["Z", "Cc"]), min_size=1, max_size=6),
    min_size=1,
    max_size=6,
)
FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)


def as_word2vec(words: list[str], vectors: np.ndarray, binary: bool, head: str) -> bytes:
    """A file as the C tool writes it: repeated words too, which gensim does not write."""
    records = (
        word.encode() + b" " + (row.tobytes() if binary else " ".join(map(repr, row.tolist())).encode() + b" ") + b"\n"
        for word, row in zip(words, vectors, strict=True)
    )
    return head.format(len(words), vectors.shape[1]).encode() + b"".join(records)


def looks_like_text(data: bytes) -> bool:
    return all(byte >= 32 or byte in b"\t\r\n" for byte in data)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    words=WORDS,
    dimensions=st.integers(1, 5),
    data=st.data(),
    binary=st.booleans(),
    head=st.sampled_from(["{} {}\n", "{}  {} \n", "{} {}\r\n", "0{}\t{}\n"]),
    end=st.sampled_from([b"", b"\n"]),
)
def test_gensim_reads_the_same_vectors(
    tmp_path: Path, words: list[str], dimensions: int, data: st.DataObject, binary: bool, head: str, end: bytes
) -> None:
    rows = data.draw(st.lists(st.lists(FLOATS, min_size=dimensions, max_size=dimensions),
                              min_size=len(words), max_size=len(words)))  # fmt: skip
    file, folder = tmp_path / "v", tmp_path / "drawn"
    vectors = np.array(rows, "<f4")
    # Nobody can tell a binary file whose numbers all look like letters from a malformed text, and none is that small.
    assume(not (binary and looks_like_text(vectors.tobytes())))
    file.write_bytes(as_word2vec(words, vectors, binary, head) + end)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    entry = write_entry(file, folder, lambda words, of: None)
    theirs = KeyedVectors.load_word2vec_format(str(file), binary=binary)
    assert entry == Entry(len(words), dimensions, not binary, len(words) - len(set(words)))
    distinct = list(dict.fromkeys(words))
    vectors, has = take(folder, distinct, dimensions)
    assert all(has)
    assert np.array_equal(vectors, [theirs[word] for word in distinct])


@pytest.mark.parametrize("binary", [False, True])
def test_a_count_that_is_too_large_is_refused_as_by_gensim(folder: Path, binary: bool) -> None:
    content = as_word2vec(["a", "b"], np.ones((2, 3), "<f4"), binary, "3 {1}\n")
    with pytest.raises(BadData, match=r"announces 3 words, but it contains 2|word 3 of 3: the file ends within"):
        write(folder, content)
    with pytest.raises(EOFError):
        KeyedVectors.load_word2vec_format(str(folder.parent / "v"), binary=binary)


def test_a_file_without_words_is_an_empty_entry(folder: Path) -> None:
    assert write(folder, b"0 3\n") == read_entry(folder) == Entry(0, 3, True, 0)
    assert take(folder, ["a"])[1] == [False]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "line 1: a word2vec file starts with two whole numbers"),
        (b"funda 1 2 3\nmesa 1 2 3\n", "line 1: .* not 'funda 1 2 3"),
        (b"4 3 3\n", "line 1"),
        (b"4 99999999\n", "line 1: .* \\(at most 10,000\\), not .4 99999999"),
        (b"4 0\n", "line 1"),
        (b"4 3", "line 1"),
        (b"1 3\nfunda 1 2\n", "line 2: the word has 2 numbers, but line 1 says 3: 'funda 1 2"),
        (b"2 3\notra 1 2 3\nmesa 1 2 3 4\n", "line 3: the word has 4 numbers, .* 'mesa 1 2 3 4'"),
        (b"2 3\notra 1 2 3 4\nmesa 1 2\n", "line 2: the word has 4 numbers, but line 1 says 3"),
        (b"2 3\notra 1 2\nmesa 1 2 3 4\n", "line 2: the word has 2 numbers, but line 1 says 3"),
        (b"2 3\nnueva york 1 2 3\nmesa 1 2 3\n", "line 2: the word has 4 numbers, .* 'nueva york"),
        (b"2 3\notra 1 2 3\nmesa 1 2 x\n", "line 3: could not convert string to float: b'x'"),
        (b"2 3\notra 1 2 3\nmesa 1  3\n", "line 3: could not convert string to float: b''"),
        (b"2 3\notra 1 2 3\nmesa 1,5 2 3\n", "line 3: could not convert string to float: b'1,5'"),
        (b"3 3\notra 1 2 3\n\nmesa 1 2 3\n", "line 3: the word has 0 numbers, .* ''"),
        (b"2 3\notra\t1\t2\t3\nmesa\t1\t2\t3\n", "line 2: the word has 0 numbers"),
        (b"2 3\n\notra 1 2 3\nmesa 1 2 3\n", "line 2: the word has 0 numbers, .* ''"),
        (b"funda 1 2 3\nmesa 1 2 3\n", "If this is a file of GloVe, .* put the line `WORDS 3` above it"),
        (b"9 3\notra 1 2 3\n", "announces 9 words, but it contains 1"),
        (b"1 3\notra 1 2 3\nmesa 1 2 3\n", "announces 1 word, but it contains 2"),
        (as_binary(KNOWN)[:-6], "word 4 of 4: the file ends within this word"),
        (as_binary(KNOWN) + b"more", "the file continues after the 4 words"),
        (gzip.compress(as_text(KNOWN), mtime=0)[:-12], "cannot be decompressed to its end"),
        (gzip.compress(as_text(KNOWN), mtime=0)[:-1], "cannot be decompressed to its end"),
        (gzip.compress(as_text(KNOWN), mtime=0)[:30] + b"rubbish" * 9, "cannot be decompressed to its end"),
    ],
)
def test_a_broken_file_is_explained(folder: Path, content: bytes, message: str) -> None:
    with pytest.raises(BadData, match=message):
        write(folder, content)
    assert read_entry(folder) is None


def test_errors_have_the_line_number_in_the_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "pieces", lambda path: pieces(path, 64))
    lines = [b"w%d 1 2 3\n" % row for row in range(300)]
    lines[249] = b"w249 1 2 tres\n"
    with pytest.raises(BadData, match=r"line 251: .* b'tres'"):
        write(folder, b"300 3\n" + b"".join(lines))


def test_a_file_without_lines_is_not_read_into_memory(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "MAX_LINE_LENGTH", 10_000)
    monkeypatch.setattr(text, "pieces", lambda path: pieces(path, 4_096))
    with pytest.raises(BadData, match="a line is longer than 10,000 bytes; it starts with 'funda 1"):
        write(folder, b"1 3\nfunda 1" + b" 1" * 1_000_000)


@pytest.mark.parametrize("form", ["text", "binary"])
def test_a_long_file_takes_the_memory_of_a_few_pieces(folder: Path, form: str) -> None:
    if form == "text":
        row = " ".join(["0.123456"] * 300).encode()
        records = (b"w%d " % number + row + b"\n" for number in range(20_000))  # 54 MB
    else:
        row = np.full(300, 0.123456, "<f4").tobytes()
        records = (b"w%d " % number + row for number in range(40_000))  # 48 MB
    count = 20_000 if form == "text" else 40_000
    packed = gzip.compress(b"%d 300\n" % count + b"".join(records), compresslevel=1)
    (folder.parent / "v").write_bytes(packed)
    tracemalloc.start()
    write_entry(folder.parent / "v", folder, lambda words, of: None)
    taken = take(folder, ["w19999", "w0"], 300)[0]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert taken == pytest.approx(0.123456)
    assert peak < 40_000_000


def test_progress_is_reported_in_words(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "pieces", lambda path: pieces(path, 1_000))
    (folder.parent / "v").write_bytes(b"500 3\n" + b"".join(b"w%d 1 2 3\n" % row for row in range(500)))
    seen: list[tuple[int, int]] = []
    write_entry(folder.parent / "v", folder, lambda words, of: seen.append((words, of)))
    assert len(seen) > 3
    assert seen == sorted(seen)
    assert seen[-1] == (500, 500)


def test_the_array_on_disk_has_the_order_of_the_file(folder: Path) -> None:
    write(folder, as_text(KNOWN))
    mapped = np.load(folder / "vectors.npy", mmap_mode="r")
    assert isinstance(mapped, np.memmap)
    assert mapped.tolist() == list(KNOWN.values())


@pytest.mark.parametrize("how", ["cut", "words changed", "no words", "no description", "half a description", "format"])
def test_a_damaged_entry_is_not_read(folder: Path, how: str) -> None:
    entry = write(folder, as_text(KNOWN))
    assert read_entry(folder) == entry
    about = folder / "entry.json"
    if how == "cut":
        os.truncate(folder / "vectors.npy", 150)
    elif how == "words changed":
        content = (folder / "words.bin").read_bytes()
        (folder / "words.bin").write_bytes(content.replace(b"funda", b"fonda"))
    elif how == "no words":
        (folder / "words.bin").unlink()
    elif how == "no description":
        about.unlink()
    elif how == "half a description":
        about.write_text(about.read_text()[:40])
    else:
        about.write_text(json.dumps(json.loads(about.read_text()) | {"format": 0}))
    assert read_entry(folder) is None


def test_a_row_that_the_disk_lost_is_detected_and_the_entry_discarded(folder: Path) -> None:
    write(folder, as_text(KNOWN))
    with (folder / "vectors.npy").open("r+b") as file:
        file.seek(-2 * 12, os.SEEK_END)  # luz
        file.write(bytes(12))
    assert read_entry(folder) is not None
    assert take(folder, ["funda", "ausente"])[1] == [True, True]
    with pytest.raises(Unreachable, match="has changed since it was written") as raised:
        take(folder, ["funda", "luz"])
    assert raised.value.retryable
    assert read_entry(folder) is None
