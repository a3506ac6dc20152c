"""The parts `ingest` and `preprocess`, on a few rows."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pyarrow as pa
import pytest

from benchmarks import bench_ingest, bench_preprocess
from benchmarks.figures import Options
from tests.benchmarks.test_parts import run_here


@pytest.fixture
def options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Options:
    monkeypatch.setattr(bench_preprocess, "run_isolated", run_here)
    (tmp_path / "out").mkdir()
    (tmp_path / "work").mkdir()
    return Options(tmp_path / "out", tmp_path / "work", rows=(2_000,), small=True)


def test_ingest_is_measured_in_every_format(options: Options) -> None:
    figures = bench_ingest.run(options)
    assert [figure.name.partition(", ")[2] for figure in figures] == ["csv.gz", "jsonl.gz", "parquet"]
    assert all(figure.value > 0 and figure.baseline for figure in figures)


def test_preprocess_is_compared_with_the_lab_and_measured_from_csv_to_arrays(options: Options) -> None:
    figures = bench_preprocess.run(options)
    compared = "tokens identical" if importlib.util.find_spec("nltk") else "NLTK is not installed"
    against = [figure for figure in figures if figure.baseline]
    assert [figure.unit for figure in against] == ["titles/s", "titles/CPU-s"] * 2
    assert all(compared in figure.note for figure in against)
    stored = json.loads((options.out / "csv_to_arrays.json").read_text(encoding="utf-8"))["2000"]
    assert sum(stored["titles"].values()) <= 2_000
    assert all(stored["stages"][stage][1] > 0 for stage in ("ingest", "preprocess"))
    named = {figure.name: figure.value for figure in figures}
    assert named["2,000 rows: peak memory"] == stored["cost"]["peak_megabytes"]


def test_our_words_are_grouped_by_title() -> None:
    titles = pa.array(["Funda <b>Silicona</b> 11", "", "De La Mesa"])
    (tokens, lengths, numbers), *_ = bench_preprocess.our_words(titles)
    assert [numbers.words[number] for number in tokens.tolist()] == ["funda", "silicona", "mesa"]
    assert lengths.tolist() == [2, 0, 1]
