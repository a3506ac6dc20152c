from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from meli_tasks.core.errors import BadData, NotFound
from meli_tasks.core.hyperparameters import Embed
from meli_tasks.core.text.encoder import Encoder
from meli_tasks.stages import embed
from meli_tasks.stages.hooks import Hooks, SilentLog
from meli_tasks.stages.preprocess import write_encoder
from meli_tasks.stages.summaries import EmbedSummary
from meli_tasks.stages.vectors import gensim_vectors as trained_vectors
from meli_tasks.stages.vectors.writing import write_entry
from tests.stages.vectors.vector_files import FORMS, KNOWN, as_text

TITLES = ["funda silicona iphone", "funda samsung", "mesa ratona madera", "mesa de luz", "camión niño", ""] * 5


def encoder_of(titles: list[list[str]], most: int) -> Encoder:
    """An encoder of the most frequent words, and of no n-grams."""
    words = [word for word, _ in sorted(Counter(chain(*titles)).items(), key=lambda word: (-word[1], word[0]))]
    return Encoder("default", words[:most], [], np.zeros(0, np.float32), (1, 2), (2, 5), 40)


@pytest.fixture
def preprocessed(tmp_path: Path) -> Path:
    folder = tmp_path / "preprocess"
    folder.mkdir()
    words = [title.split() for title in TITLES]  # not `tokenize`: the accents of the lab's words stay
    encoder = encoder_of(words, 10)
    write_encoder(folder, encoder, ["A", "B"])
    encoded = encoder.encode_words(words)
    np.save(folder / "train.tokens.npy", encoded.tokens)
    np.save(folder / "train.offsets.npy", encoded.offsets)
    return folder


def run(
    preprocessed: Path, vectors: Path | None = None, log: Any = None, **params: Any
) -> tuple[np.ndarray, EmbedSummary]:
    """The vectors and the summary; `vectors` is an entry of the vault."""
    out = preprocessed.parent / f"out{len(list(preprocessed.parent.iterdir()))}"
    out.mkdir()
    inputs = {"preprocess": preprocessed} | ({"vectors": vectors} if vectors else {})
    if vectors:
        params = {"method": "pretrained", "path": str(vectors), "dimensions": 3} | params
    summary = embed.run(inputs, out, Embed.model_validate(params), Hooks(log or SilentLog()))
    assert {path.name for path in out.iterdir()} == set(embed.OUTPUTS)
    return np.load(out / "vectors.npy"), summary


def words_of(preprocessed: Path) -> dict[str, int]:
    return {word: row for row, word in enumerate(embed.read_vocabulary(preprocessed), 2)}


def kept(tmp_path: Path, content: bytes = as_text(KNOWN)) -> Path:
    """An entry of the vault made from a file with that content."""
    (tmp_path / "named.anyhow").write_bytes(content)
    entry = tmp_path / "entry"
    entry.mkdir()
    write_entry(tmp_path / "named.anyhow", entry, lambda words, of: None)
    return entry


@pytest.mark.parametrize("form", FORMS)
def test_every_format_of_a_pretrained_file_gives_the_same_vectors(
    preprocessed: Path, tmp_path: Path, form: str
) -> None:
    vectors, summary = run(preprocessed, kept(tmp_path, FORMS[form](KNOWN)))
    rows = words_of(preprocessed)
    assert vectors.dtype == np.float32
    assert vectors.shape == (len(rows) + 2, 3)
    for word, row in rows.items():
        assert vectors[row].tolist() == KNOWN.get(word, [0, 0, 0]), word
    assert not vectors[:2].any()
    assert summary.coverage.vocabulary == pytest.approx(3 / len(rows))
    assert summary.coverage.words == pytest.approx((10 + 5 + 5) / 65)  # funda, camión, luz
    assert next(iter(summary.uncovered)) == "mesa"


def test_unknown_words_get_zeros_or_the_labs_normal_draw(preprocessed: Path, tmp_path: Path) -> None:
    file = kept(tmp_path)
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


def test_vectors_of_other_dimensions_are_rejected(preprocessed: Path, tmp_path: Path) -> None:
    with pytest.raises(BadData, match=r"of 3 dimensions, but embed.dimensions is 300: set embed.dimensions=3"):
        run(preprocessed, kept(tmp_path), dimensions=300)


def test_a_number_that_is_not_finite_matters_only_if_its_word_is_used(preprocessed: Path, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    vectors, _ = run(preprocessed, kept(tmp_path, b"2 3\notra 1 nan 3\nmesa 1 2 3\n"))
    assert vectors[words_of(preprocessed)["mesa"]].tolist() == [1, 2, 3]
    with pytest.raises(BadData, match="the vector of 'mesa' contains a number that is not finite"):
        run(preprocessed, kept(tmp_path / "a", b"2 3\notra 1 2 3\nmesa 1 2 1e39\n"))


@pytest.mark.parametrize("given", ["absent", "no entry", "no input at all"])
def test_missing_vectors_are_an_error(preprocessed: Path, tmp_path: Path, given: str) -> None:
    (tmp_path / "empty").mkdir()
    path = {"absent": tmp_path / "absent", "no entry": tmp_path / "empty"}.get(given)
    with pytest.raises(NotFound, match=r"the vector cache has no entry for nowhere\.txt\.gz"):
        run(preprocessed, path, method="pretrained", path="nowhere.txt.gz", dimensions=3)


def test_too_little_coverage_fails_with_its_value(preprocessed: Path, tmp_path: Path) -> None:
    with pytest.raises(
        BadData, match=r"only \d\d\.\d% of the training titles' words .* embed\.min_coverage is 90\.0%.*mesa \(10\)"
    ):
        run(preprocessed, kept(tmp_path), min_coverage=0.9)


class Lines(SilentLog):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def info(self, message: str) -> None:
        self.lines.append(message)


@pytest.mark.parametrize(
    ("words", "note"),
    [
        (("FUNDA", "MESA", "CAMION"), "No word .* If case and accents are ignored, 38.5% have one"),
        (("xx", "yy"), "No word of the training titles has a vector in the file.* Is it the right file"),
        (("luz", "FUNDA"), "Only 7.69% of the words .* If case and accents are ignored, 23.1% have one"),
        (("funda",), None),
    ],
)
def test_vectors_that_match_few_words_are_a_note(
    preprocessed: Path, tmp_path: Path, words: tuple[str, ...], note: str | None
) -> None:
    log = Lines()
    _, summary = run(preprocessed, kept(tmp_path, as_text({word: [1.0, 2.0, 3.0] for word in words})), log)
    if note is None:
        assert summary.notes() == []
    else:
        (found,) = summary.notes()
        assert re.search(note, found)
        assert f"Note: {found}" in log.lines


@pytest.mark.parametrize("method", ["pretrained", "word2vec"])
def test_words_outside_the_vocabulary_count_as_unknown(preprocessed: Path, tmp_path: Path, method: str) -> None:
    tokens = np.load(preprocessed / "train.tokens.npy")
    entry = kept(tmp_path) if method == "pretrained" else None
    params: dict[str, Any] = {} if entry else {"method": method, "dimensions": 3}
    before, summary = run(preprocessed, entry, **params)
    beyond = np.arange(12, 12 + (tokens == 1).sum(), dtype=np.int32)
    tokens[tokens == 1] = beyond
    assert len(beyond)
    np.save(preprocessed / "train.tokens.npy", tokens)
    after, same = run(preprocessed, entry, **params)
    assert np.array_equal(before, after)
    assert summary == same


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
    assert summary.coverage.vocabulary == 1.0


def test_training_does_not_depend_on_the_process(preprocessed: Path) -> None:
    code = (
        "import sys, hashlib, pathlib\n"
        "from meli_tasks.stages import embed\nfrom meli_tasks.stages.hooks import Hooks\n"
        "from meli_tasks.core.hyperparameters import Embed\n"
        "folder, out = map(pathlib.Path, sys.argv[1:])\nout.mkdir()\n"
        "embed.run({'preprocess': folder}, out, Embed(dimensions=8), Hooks())\n"
        "print(hashlib.sha256((out / 'vectors.npy').read_bytes()).hexdigest())"
    )
    hashes = set()
    for seed in ("1", "2"):
        command = [sys.executable, "-c", code, str(preprocessed), str(preprocessed.parent / f"hash{seed}")]
        environment = os.environ | {"PYTHONHASHSEED": seed}
        hashes.add(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)
    assert len(hashes) == 1


def test_titles_can_be_iterated_repeatedly_in_order(preprocessed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trained_vectors, "TITLES_AT_ONCE", 4)
    tokens, offsets = (np.load(preprocessed / f"train.{name}.npy") for name in ("tokens", "offsets"))
    words = embed.read_vocabulary(preprocessed)
    titles = trained_vectors.Titles(tokens, offsets, words)
    expected = [[word for word in title.split() if word in words] for title in TITLES]
    assert list(titles) == expected
    assert list(titles) == expected


def test_words_that_occur_together_have_similar_vectors(preprocessed: Path) -> None:
    titles = ["funda iphone", "funda samsung", "mesa ratona", "mesa luz"] * 100
    encoder = encoder_of([title.split() for title in titles], 99)
    encoded = encoder.encode(titles)
    vectors = np.zeros((2 + len(encoder.words), 16), np.float32)
    settings = Embed(method="word2vec", dimensions=16, epochs=20)
    given = trained_vectors.Titles(encoded.tokens, encoded.offsets, encoder.words)
    trained_vectors.train_vectors(given, encoder.words, vectors, settings, SilentLog())
    near = {word: vectors[row] / np.linalg.norm(vectors[row]) for row, word in enumerate(encoder.words, 2)}
    assert near["iphone"] @ near["samsung"] > near["iphone"] @ near["ratona"]


def test_boundary_tokens_get_no_vector(tmp_path: Path) -> None:
    marked = [["<BEGIN>", *title.split(), "<END>"] for title in TITLES if title]
    encoder = encoder_of(marked, 10)
    tokens, offsets = encoder.encode_words(marked).tokens, encoder.encode_words(marked).offsets
    vectors = np.zeros((12, 4), np.float32)
    params = Embed(method="word2vec", dimensions=4, epochs=1)
    titles = trained_vectors.Titles(tokens, offsets, encoder.words)
    has_vector = trained_vectors.train_vectors(titles, encoder.words, vectors, params, SilentLog())
    without = {word for row, word in enumerate(encoder.words, 2) if not has_vector[row]}
    assert without == {"<BEGIN>", "<END>"}
    assert not vectors[[row for row, word in enumerate(encoder.words, 2) if word in without]].any()
