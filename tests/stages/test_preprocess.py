from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from meli_tasks.core.errors import BadData, NotFound
from meli_tasks.core.hyperparameters import Preprocess
from meli_tasks.core.stage_parameters import Ingest
from meli_tasks.core.text.encoder import FIRST_WORD, UNKNOWN, Encoder, tokenize
from meli_tasks.stages import ingest, preprocess
from meli_tasks.stages.encoding import ngram_arrays, title_arrays
from meli_tasks.stages.files import sample_file
from meli_tasks.stages.files.model_files import read_encoder
from meli_tasks.stages.hooks import Hooks, SilentLog
from meli_tasks.stages.summaries import PreprocessSummary, UnseenCategories
from meli_tasks.stages.training.setup import read_titles
from tests.core.text.encoders import encoder_of

Row = tuple[str, str, str | None, str]

ROWS: list[Row] = [
    ("Funda Silicona iPhone 11", "PHONE_CASES", "reliable", "train"),
    ("Funda Samsung S10", "PHONE_CASES", "unreliable", "train"),
    ("!!!", "PHONE_CASES", None, "train"),
    ("Mesa Ratona Madera", "TABLES", "reliable", "train"),
    ("Mesa de Luz", "TABLES", "reliable", "validation"),
    ("Funda Motorola", "PHONE_CASES", "unreliable", "validation"),
    ("Guitarra Criolla", "GUITARS", "reliable", "validation"),
    ("Mesa de prueba secreta", "TABLES", "reliable", "test"),
]

EMPTY_WHEN_CUT: list[Row] = [("-", "A", None, "train"), ("!", "B", None, "train"), ("a", "A", None, "validation")]


class Heard(SilentLog):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def info(self, message: str) -> None:
        self.lines.append(message)


def ingested(folder: Path, rows: list[Row] = ROWS) -> dict[str, Path]:
    folder.mkdir(exist_ok=True)
    table = pd.DataFrame(rows, columns=["title", "category", "label_quality", "split"])
    table.insert(0, "row", range(len(table)))
    table["language"] = "spanish"
    table.to_parquet(folder / "listings.parquet")
    return {"ingest": folder}


def run(tmp_path: Path, rows: list[Row] = ROWS, **params: Any) -> tuple[Path, PreprocessSummary]:
    out = tmp_path / "out"
    out.mkdir()
    return out, preprocess.run(ingested(tmp_path / "ingest", rows), out, Preprocess.model_validate(params), Hooks())


def test_arrays_hold_the_encoded_titles_of_each_split(tmp_path: Path) -> None:
    out, summary = run(tmp_path)
    assert {path.name for path in out.iterdir()} == set(preprocess.OUTPUTS)
    words = (out / "vocabulary.txt").read_text(encoding="utf-8").split()
    assert words[0] == "funda"
    assert json.loads((out / "categories.json").read_text(encoding="utf-8")) == ["PHONE_CASES", "TABLES"]
    tokens, offsets = np.load(out / "train.tokens.npy"), np.load(out / "train.offsets.npy")
    assert offsets.tolist() == [0, 4, 7, 7, 10]
    assert [words[token - 2] for token in tokens[:4]] == ["funda", "silicona", "iphone", "11"]
    assert np.load(out / "train.labels.npy").tolist() == [0, 0, 0, 1]
    assert np.load(out / "train.labels.npy").dtype == np.int32
    assert np.load(out / "train.reliable.npy").tolist() == [True, False, True, True]
    assert np.load(out / "validation.labels.npy").tolist() == [1, 0]
    funda, mesa = (words.index(word) + 2 for word in ("funda", "mesa"))
    assert np.load(out / "validation.tokens.npy").tolist() == [mesa, 1, 1, funda, 1]
    assert summary.titles == {"train": 4, "validation": 2}
    assert summary.empty_fraction == {"train": 0.25, "validation": 0.0}
    assert summary.unknown_fraction == {"train": 0.0, "validation": 0.6}
    assert PreprocessSummary.model_validate_json(summary.model_dump_json()) == summary


def test_nothing_is_learned_from_validation_or_test(tmp_path: Path) -> None:
    out, _ = run(tmp_path, max_ngrams=1_000, min_ngram_count=1)
    learned = (out / "vocabulary.txt").read_text(encoding="utf-8") + (out / "ngrams.txt").read_text(encoding="utf-8")
    assert "luz" not in learned
    assert "secreta" not in learned


def test_validation_titles_of_unseen_categories_are_excluded_and_counted(tmp_path: Path) -> None:
    log, out = Heard(), tmp_path / "out"
    out.mkdir()
    summary = preprocess.run(ingested(tmp_path / "ingest"), out, Preprocess(), Hooks(log))
    assert summary.unseen_categories == UnseenCategories(titles=1, categories=1, first=("GUITARS",))
    assert any("excluded 1 validation title of 1 category without training titles" in line for line in log.lines)


def test_the_train_stage_reads_back_what_was_written(tmp_path: Path) -> None:
    out, summary = run(tmp_path, max_ngrams=1_000, min_ngram_count=1, tokenizer="lab", word_ngrams=(1, 3))
    encoder = read_encoder(out)
    again = Encoder.from_json(json.loads(json.dumps(encoder.to_json())))
    assert again.word_ngrams == (1, 3)
    assert len(encoder.ngrams) == summary.ngrams > 0
    encoded = encoder.encode([row[0] for row in ROWS if row[3] == "train"])
    for name in ("tokens", "offsets", "word_ngrams", "word_ngram_offsets"):
        assert np.array_equal(np.load(out / f"train.{name}.npy"), getattr(encoded, name)), name
    values, offsets = encoder.char_ngrams_of_vocabulary()
    known = offsets[-1]
    assert np.array_equal(np.load(out / "char_ngrams.npy")[:known], values)
    assert np.array_equal(np.load(out / "char_ngram_offsets.npy")[: len(offsets)], offsets)
    from meli_tasks.core.hyperparameters import Train

    with_ngrams = Train(architecture="mlp", ngram_dimensions=8)
    assert len(read_titles(out, "train", FIRST_WORD + len(encoder.words), with_ngrams, "cpu")) == 4
    validation = read_titles(out, "validation", FIRST_WORD + len(encoder.words), with_ngrams, "cpu")
    assert int(validation.words.ids.max()) >= validation.vocabulary  # words that only validation has


def test_writing_in_chunks_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, whole_summary = run(tmp_path, max_ngrams=1_000, min_ngram_count=1)
    monkeypatch.setattr(ngram_arrays, "TITLES_A_CHUNK", 2)
    monkeypatch.setattr(title_arrays, "ROWS_A_BATCH", 2)
    monkeypatch.setattr(title_arrays, "TOKENS_A_CHUNK", 3)
    (tmp_path / "again").mkdir()
    pieces, pieces_summary = run(tmp_path / "again", max_ngrams=1_000, min_ngram_count=1)
    assert {path.name: path.read_bytes() for path in whole.iterdir()} == {
        path.name: path.read_bytes() for path in pieces.iterdir()
    }
    assert whole_summary == pieces_summary


@pytest.mark.parametrize(
    "params",
    [
        Preprocess(max_words=200),
        Preprocess(tokenizer="lab", min_word_count=3, max_title_words=4),
        Preprocess(max_title_words=3, max_words=100, max_ngrams=500),
        Preprocess(boundaries=True, max_words=100, max_ngrams=500),
    ],
    ids=["default", "lab", "n-grams", "boundaries"],
)
def test_tokens_equal_those_of_an_encoder_learned_from_all_titles_together(
    tmp_path: Path, params: Preprocess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(title_arrays, "ROWS_A_BATCH", 700)
    ingest.run({"source": sample_of(tmp_path, 3_000)}, tmp_path, Ingest(), Hooks())
    out = tmp_path / "out"
    out.mkdir()
    preprocess.run({"ingest": tmp_path}, out, params, Hooks())
    table = pd.read_parquet(tmp_path / "listings.parquet")
    titles = {split: table.title[table.split == split].tolist() for split in ("train", "validation")}
    encoder = encoder_of(tokenize(titles["train"], params.tokenizer), params)
    assert (out / "vocabulary.txt").read_text(encoding="utf-8").split("\n")[:-1] == encoder.words
    for split, rows in titles.items():
        encoded = encoder.encode(rows)
        assert np.array_equal(np.load(out / f"{split}.offsets.npy"), encoded.offsets)
        # Ids of words outside the vocabulary are given in the order in which they turn up in all titles.
        known = encoded.tokens < FIRST_WORD + len(encoder.words)
        tokens = np.load(out / f"{split}.tokens.npy")
        assert np.array_equal(np.where(known, tokens, UNKNOWN), np.where(known, encoded.tokens, UNKNOWN))
        assert (tokens[~known] >= FIRST_WORD + len(encoder.words)).all()


def sample_of(folder: Path, rows: int) -> Path:
    sample_file.write_sample(folder / "sample.parquet", rows, 1, 0.01)
    return folder / "sample.parquet"


def test_boundary_tokens_are_not_counted_as_words(tmp_path: Path) -> None:
    ingest.run({"source": sample_of(tmp_path, 500)}, tmp_path, Ingest(), Hooks())
    summaries = []
    for boundaries in (False, True):
        out = tmp_path / f"out-{boundaries}"
        out.mkdir()
        params = Preprocess(max_words=200, boundaries=boundaries)
        summaries.append(preprocess.run({"ingest": tmp_path}, out, params, Hooks()))
    for name in ("words_per_title", "empty_fraction"):
        assert getattr(summaries[0], name) == getattr(summaries[1], name)
    assert summaries[0].unknown_fraction == summaries[1].unknown_fraction
    assert summaries[1].words == summaries[0].words + 2


@pytest.mark.parametrize("boundaries", [False, True])
def test_a_word_count_that_no_word_reaches_is_an_error(tmp_path: Path, boundaries: bool) -> None:
    with pytest.raises(
        BadData, match=r"no word occurs min_word_count = 9 times .* the most frequent one occurs 2 times"
    ):
        run(tmp_path, min_word_count=9, boundaries=boundaries)


def test_the_same_listings_give_the_same_bytes(tmp_path: Path) -> None:
    inputs = ingested(tmp_path / "ingest")
    written = []
    for name in ("a", "b"):
        out = tmp_path / name
        out.mkdir()
        preprocess.run(inputs, out, Preprocess(max_ngrams=50, min_ngram_count=1), Hooks())
        written.append({path.name: path.read_bytes() for path in out.iterdir()})
    assert written[0] == written[1]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([row for row in ROWS if row[1] == "TABLES"], r"only the category \['TABLES'\]"),
        ([row for row in ROWS if row[3] != "validation"], "4 training titles but no validation titles"),
        (EMPTY_WHEN_CUT, "no word in any of the 2 training titles"),
    ],
)
def test_listings_that_cannot_train_are_bad_data(tmp_path: Path, rows: list[Row], message: str) -> None:
    with pytest.raises(BadData, match=message):
        run(tmp_path, rows)


def test_requested_ngrams_that_cannot_be_learned_are_bad_data(tmp_path: Path) -> None:
    with pytest.raises(BadData, match="no n-gram occurs min_ngram_count = 1,000 times"):
        run(tmp_path, max_ngrams=10, min_ngram_count=1_000)


def test_missing_listings_are_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"listings\.parquet does not exist: has ingest run"):
        preprocess.run({"ingest": tmp_path}, tmp_path, Preprocess(), Hooks())
