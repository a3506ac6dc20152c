"""The part `vectors` on a tiny file."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from benchmarks import bench_vectors
from benchmarks.figures import Options
from tests.benchmarks.test_parts import by_name, run_here


@pytest.fixture
def options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Options:
    monkeypatch.setattr(bench_vectors, "run_isolated", run_here)
    monkeypatch.setattr(bench_vectors, "DIMENSIONS", 30)
    return Options(tmp_path, tmp_path, small=True)


def test_both_loads_produce_gensims_vectors(options: Options) -> None:
    figures = by_name(bench_vectors.run(options))
    assert figures["2,000 x 30: rows unlike gensim's"].value == 0
    assert np.load(options.work / "gensim2000.npy").any(axis=1).sum() == 2_000  # of 4,000 words, half are in the file
    first = figures["2,000 x 30: first load"]
    assert first.ratio == pytest.approx(first.baseline / first.value)
    assert figures["2,000 x 30: second load"].value > 0


def test_a_row_that_differs_is_counted(options: Options) -> None:
    bench_vectors.run(options)
    reference = options.work / "gensim2000.npy"
    vectors = np.load(reference)
    vectors[0, 0] += 1
    np.save(reference, vectors)
    file = str(options.work / "2000x30.txt.gz")
    assert bench_vectors.by_cache(file, 2_000, str(options.work / "cache2000"), str(reference))["unlike"] == 1


def test_the_file_keeps_the_promises_of_its_first_line(options: Options) -> None:
    file = options.work / "v.gz"
    bench_vectors.write_file(str(file), 25_000)
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        assert next(lines) == "25000 30\n"
        records = [line.split(" ") for line in lines]
    assert len({record[0] for record in records}) == len(records) == 25_000
    assert {len(record) for record in records} == {31}
    numbers = np.array([record[1:] for record in records[:2_000]], dtype=np.float64)
    assert abs(numbers.std() - bench_vectors.SPREAD) < 0.002
    assert not [path for path in options.work.iterdir() if path.suffix == ".half"]


@pytest.mark.parametrize("number", [0, 1, -1, 999_999, 1_000_000, -1_234_567, 65])
def test_numbers_are_written_with_six_decimals(number: int) -> None:
    (line,) = bench_vectors.numbers_as_text(np.array([[number, 5, number]]))
    written = f"{number / 1e6:.6f}".encode()
    assert line == written + b" 0.000005 " + written
