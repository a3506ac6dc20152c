from __future__ import annotations

import bz2
import gzip
import os
import struct
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gensim.models import KeyedVectors

from meli_tasks.core.errors import BadData, MissingArtifact
from meli_tasks.core.hyperparameters import Preprocess
from meli_tasks.core.text import learn, tokenize
from meli_tasks.stages import embed
from meli_tasks.stages.log import SilentLog
from meli_tasks.stages.preprocess import write_encoder
from meli_tasks.stages.vector_file import Header, read_header

TITLES = ["funda silicona iphone", "funda samsung", "mesa ratona madera", "mesa de luz", "camión niño", ""] * 5
KNOWN = {"funda": [1.0, 2.0, 3.0], "camión": [0.5, -1.5, 2.25], "luz": [4.0, 5.0, 6.0], "ausente": [7.0, 8.0, 9.0]}


@pytest.fixture
def preprocessed(tmp_path: Path) -> Path:
    folder = tmp_path / "preprocess"
    folder.mkdir()
    words = [title.split() for title in TITLES]  # not `tokenize`: the accents of the lab's words stay
    encoder = learn(words, Preprocess(max_words=10))
    write_encoder(folder, encoder, ["A", "B"])
    encoded = encoder.encode_words(words)
    np.save(folder / "train.tokens.npy", encoded.tokens)
    np.save(folder / "train.offsets.npy", encoded.offsets)
    return folder


def run(
    preprocessed: Path, vectors: Path | None = None, log: Any = None, **params: Any
) -> tuple[np.ndarray, dict[str, Any]]:
    out = preprocessed.parent / f"out{len(list(preprocessed.parent.iterdir()))}"
    out.mkdir()
    inputs = {"preprocess": preprocessed} | ({"vectors": vectors} if vectors else {})
    if vectors:
        params = {"method": "pretrained", "path": str(vectors), "dimensions": 3} | params
    summary = embed.run(inputs, out, params, log or SilentLog())
    assert {path.name for path in out.iterdir()} == set(embed.OUTPUTS)
    return np.load(out / "vectors.npy"), summary


def words_of(preprocessed: Path) -> dict[str, int]:
    return {word: row for row, word in enumerate(embed.read_vocabulary(preprocessed), 2)}


def as_text(known: dict[str, list[float]]) -> bytes:
    lines = [f"{len(known)} 3", *(f"{word} {' '.join(map(str, vector))} " for word, vector in known.items())]
    return ("\n".join(lines) + "\n").encode()


def as_binary(known: dict[str, list[float]], end: bytes = b"\n") -> bytes:
    records = (word.encode() + b" " + struct.pack("<3f", *vector) + end for word, vector in known.items())
    return f"{len(known)} 3\n".encode() + b"".join(records)


FORMS: dict[str, Callable[[dict[str, list[float]]], bytes]] = {
    "v.txt": as_text,
    "v.txt.gz": lambda known: gzip.compress(as_text(known), mtime=0),
    "v.txt.bz2": lambda known: bz2.compress(as_text(known)),
    "v.bin": as_binary,
    "v.bin.gz": lambda known: gzip.compress(as_binary(known), mtime=0),
    "no break between records": lambda known: as_binary(known, b""),
    "windows line ends": lambda known: as_text(known).replace(b" \n", b"\r\n"),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_pretrained_file_gives_the_same_vectors(preprocessed: Path, tmp_path: Path, form: str) -> None:
    file = tmp_path / "named.anyhow"
    file.write_bytes(FORMS[form](KNOWN))
    vectors, summary = run(preprocessed, file)
    rows = words_of(preprocessed)
    assert vectors.dtype == np.float32
    assert vectors.shape == (len(rows) + 2, 3)
    for word, row in rows.items():
        assert vectors[row].tolist() == KNOWN.get(word, [0, 0, 0]), word
    assert not vectors[:2].any()
    assert summary["coverage"]["vocabulary"] == pytest.approx(3 / len(rows))
    assert summary["coverage"]["words"] == pytest.approx((10 + 5 + 5) / 65)  # funda, camión, luz
    assert next(iter(summary["uncovered"])) == "mesa"


@pytest.mark.parametrize("binary", [False, True])
def test_files_that_gensim_writes_are_read(preprocessed: Path, tmp_path: Path, binary: bool) -> None:
    rows = words_of(preprocessed)
    written = KeyedVectors(vector_size=3)
    drawn = np.random.default_rng(0).normal(size=(len(rows), 3)).astype(np.float32)
    written.add_vectors(list(rows), drawn)
    written.save_word2vec_format(str(tmp_path / "v"), binary=binary)
    vectors, summary = run(preprocessed, tmp_path / "v")
    np.testing.assert_allclose(vectors[2:], drawn, rtol=1e-6)
    assert summary["uncovered"] == {}
    assert read_header(tmp_path / "v") == Header(len(rows), 3, not binary)


def test_unknown_words_get_zeros_or_the_labs_normal_draw(preprocessed: Path, tmp_path: Path) -> None:
    file = tmp_path / "v.txt"
    file.write_bytes(as_text(KNOWN))
    drawn, _ = run(preprocessed, file, unknown="random", seed=3)
    again, _ = run(preprocessed, file, unknown="random", seed=3)
    other, _ = run(preprocessed, file, unknown="random", seed=4)
    rows = words_of(preprocessed)
    assert np.array_equal(drawn, again)
    assert not drawn[0].any()
    assert drawn[1].any()
    assert drawn[rows["mesa"]].any()
    assert not np.array_equal(drawn[rows["mesa"]], other[rows["mesa"]])
    assert np.array_equal(drawn[rows["funda"]], other[rows["funda"]])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "line 1: a word2vec file starts with two whole numbers"),
        (b"funda 1 2 3\nmesa 1 2 3\n", "line 1: .* seen 'funda 1 2 3"),
        (b"4 3 3\n", "line 1"),
        (b"1 3\nfunda 1 2\n", "line 2: 3 numbers should follow the word, as line 1 says; seen 2: 'funda 1 2"),
        (b"2 3\notra 1 2 3\nmesa 1 2 3 4\n", "line 3: 3 numbers should follow the word"),
        (b"2 3\notra 1 2 3\nmesa 1 2 x\n", "line 3: could not convert string to float: b'x'"),
        (b"2 3\notra 1 2 3\nmesa 1 2 nan\n", "the vector of 'mesa' holds a number that is not finite"),
        (b"9 3\notra 1 2 3\n", "promises 9 words, but it holds 1"),
        (b"1 3\notra 1 2 3\nmesa 1 2 3\n", "promises 1 words, but it holds 2"),
        (as_binary(KNOWN)[:-6], "word 4 of 4: the file ends within it"),
        (as_binary(KNOWN) + b"more", "more follows the 4 words"),
        (gzip.compress(as_text(KNOWN), mtime=0)[:-12], "cannot be unpacked to its end"),
        (gzip.compress(as_text(KNOWN), mtime=0)[:30] + b"rubbish" * 9, "cannot be unpacked to its end"),
        (b"4 300\nfunda 1 2 3\n", "holds vectors of 300 dimensions, embed.dimensions says 3: set embed.dimensions=300"),
    ],
)
def test_a_broken_file_is_explained(preprocessed: Path, tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "v").write_bytes(content)
    with pytest.raises(BadData, match=message):
        run(preprocessed, tmp_path / "v")


@pytest.mark.parametrize("given", ["absent", "empty folder", "no input at all"])
def test_a_missing_file_says_where_to_get_one(preprocessed: Path, tmp_path: Path, given: str) -> None:
    (tmp_path / "empty").mkdir()
    path = {"absent": tmp_path / "SBW.txt.gz", "empty folder": tmp_path / "empty"}.get(given)
    with pytest.raises(MissingArtifact, match=r"SBW-vectors-300-min5 .*embed\.method=word2vec"):
        run(preprocessed, path, method="pretrained", path="nowhere.txt.gz", dimensions=3)


def test_too_little_coverage_fails_with_the_figures(preprocessed: Path, tmp_path: Path) -> None:
    (tmp_path / "v").write_bytes(as_text(KNOWN))
    with pytest.raises(BadData, match=r"only \d\d\.\d% of the training titles' words .* asks for 90\.0%.*mesa \(10\)"):
        run(preprocessed, tmp_path / "v", min_coverage=0.9)


def test_a_long_file_takes_the_memory_of_the_vocabulary(preprocessed: Path, tmp_path: Path) -> None:
    row = " ".join(["0.123456"] * 300)
    with gzip.open(tmp_path / "v.gz", "wt", compresslevel=1) as file:
        file.write("20001 300\n")
        file.writelines(f"otra{number} {row}\n" for number in range(20_000))  # 54 MB of text
        file.write(f"mesa {row}\n")
    tracemalloc.start()
    vectors, _ = run(preprocessed, tmp_path / "v.gz", dimensions=300)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert vectors[words_of(preprocessed)["mesa"]] == pytest.approx(0.123456)
    assert peak < 8_000_000


@pytest.mark.parametrize("method", ["fasttext", "word2vec"])
def test_training_is_deterministic_and_covers_the_vocabulary(preprocessed: Path, method: str) -> None:
    epochs: list[Any] = []

    class Heard(SilentLog):
        def progress(self, **values: float | int | str) -> None:
            epochs.append(values["epoch"])

    options = {"method": method, "dimensions": 8, "epochs": 3}
    vectors, summary = run(preprocessed, log=Heard(), **options)
    again, _ = run(preprocessed, **options)
    other, _ = run(preprocessed, **options, seed=2)
    assert np.array_equal(vectors, again)
    assert not np.array_equal(vectors, other)
    assert epochs == [1, 2, 3]
    assert vectors.shape == (12, 8)
    assert not vectors[:2].any()
    assert vectors[2:].any(axis=1).all()
    assert summary["coverage"]["vocabulary"] == 1.0


def test_training_does_not_depend_on_the_process(preprocessed: Path) -> None:
    code = (
        "import sys, hashlib, pathlib\n"
        "from meli_tasks.stages import embed\nfrom meli_tasks.stages.log import SilentLog\n"
        "folder, out = map(pathlib.Path, sys.argv[1:])\nout.mkdir()\n"
        "embed.run({'preprocess': folder}, out, {'dimensions': 8}, SilentLog())\n"
        "print(hashlib.sha256((out / 'vectors.npy').read_bytes()).hexdigest())"
    )
    hashes = set()
    for seed in ("1", "2"):
        command = [sys.executable, "-c", code, str(preprocessed), str(preprocessed.parent / f"hash{seed}")]
        environment = os.environ | {"PYTHONHASHSEED": seed}
        hashes.add(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)
    assert len(hashes) == 1


def test_titles_are_given_again_and_again_in_order(preprocessed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embed, "TITLES_AT_ONCE", 4)
    tokens, offsets = (np.load(preprocessed / f"train.{name}.npy") for name in ("tokens", "offsets"))
    words = embed.read_vocabulary(preprocessed)
    titles = embed.Titles(tokens, offsets, words)
    expected = [[word for word in title.split() if word in words] for title in TITLES]
    assert list(titles) == expected
    assert list(titles) == expected


def test_vectors_of_neighbours_in_titles_are_near(preprocessed: Path) -> None:
    titles = ["funda iphone", "funda samsung", "mesa ratona", "mesa luz"] * 100
    encoder = learn(tokenize(titles, "default"), Preprocess())
    encoded = encoder.encode(titles)
    vectors = np.zeros((2 + len(encoder.words), 16), np.float32)
    from meli_tasks.core.hyperparameters import Embed

    settings = Embed(method="word2vec", dimensions=16, epochs=20)
    given = embed.Titles(encoded.tokens, encoded.offsets, encoder.words)
    embed._train(given, encoder.words, vectors, settings, SilentLog())
    near = {word: vectors[row] / np.linalg.norm(vectors[row]) for row, word in enumerate(encoder.words, 2)}
    assert near["iphone"] @ near["samsung"] > near["iphone"] @ near["ratona"]
