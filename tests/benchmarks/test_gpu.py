"""The benchmark of a GPU, on the CPU in a tiny size, and the bundle that carries it and the GPU's tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import torch

from benchmarks.gpu import __main__ as program
from benchmarks.gpu import write_sets
from benchmarks.gpu.bundle import write_bundle
from benchmarks.gpu.formulas import CARDS, card_of, memory_of, prediction_of, sizes_of, work_of
from benchmarks.gpu.workloads import SETS, Workload, training_of

NOT_THERE = "airflow mlflow gensim pandas polars pyarrow yaml boto3 botocore sklearn scipy hypothesis rich requests"


def test_the_copied_sets_are_current() -> None:
    assert write_sets.FILE.read_text(encoding="utf-8") == write_sets.text(), "run python -m benchmarks.gpu.write_sets"


def test_a_small_run_measures_every_set_and_reports_what_it_skips(tmp_path: Path) -> None:
    assert program.main(["--device", "cpu", "--small", "--rows", "1200", "--out", str(tmp_path)]) == 0
    results = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    measured = {(figure["set"], figure["variant"]) for figure in results["figures"]}
    assert measured == {(name, "the loop") for name in SETS} | {(name, "DataLoader") for name in ("mlp_1", "cnn_1")}
    assert all(figure["titles_per_second"] > 0 for figure in results["figures"])
    assert sum("CUDA graph" in line for line in results["skipped"]) == 2 * len(SETS)
    assert (tmp_path / "titles-per-second.png").stat().st_size > 10_000


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU: it would be measured")
def test_without_a_gpu_nothing_is_measured(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert program.main(["--out", str(tmp_path)]) == 0
    assert "finds no GPU" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", SETS)
def test_the_formulas_grow_with_the_batch(name: str) -> None:
    found = []
    for size in (64, 256):
        training, _ = training_of(Workload(name, 600, vocabulary=500, ngrams=900, batch_size=size), "cpu")
        sizes = sizes_of(training)
        assert sizes.titles == size and sizes.distinct_words <= sizes.words
        found.append((work_of(training, sizes), memory_of(training, sizes)))
        slow = prediction_of(training, sizes, 200, CARDS["L4"])
        assert prediction_of(training, sizes, 200, CARDS["H200"]).roofline > slow.roofline > 0
        assert slow.rate <= slow.launched == size / (200 * 5e-6)
    (small, little), (large, much) = found
    assert large.moved > small.moved and large.computed == pytest.approx(4 * small.computed, rel=0.3)
    assert much.step > little.step and much.static == little.static


def test_a_card_is_known_by_a_part_of_its_name() -> None:
    assert card_of("NVIDIA H200") is CARDS["H200"] and card_of("NVIDIA H100 80GB HBM3") is CARDS["H100"]
    assert card_of("NVIDIA GeForce GT 710") is None


def test_the_bundle_holds_all_that_the_tests_import(tmp_path: Path) -> None:
    count = write_bundle(tmp_path / "gpu.tar.gz", wheels=False)
    with tarfile.open(tmp_path / "gpu.tar.gz") as bundle:
        assert len(bundle.getnames()) == count + 1
        bundle.extractall(tmp_path, filter="data")
    # A package that a bare machine lacks cannot be imported.
    blocker = "import sys\n" + "\n".join(f"sys.modules[{name!r}] = None" for name in NOT_THERE.split())
    (tmp_path / "sitecustomize.py").write_text(blocker, encoding="utf-8")
    environment = {
        "PATH": os.environ["PATH"], "PYTHON": sys.executable, "PYTHONPATH": str(tmp_path),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": "-k test_batches_hold", "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    ended = subprocess.run(
        ["sh", str(tmp_path / "gpu" / "run.sh"), "test"], env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "1 passed" in ended.stdout
    assert (tmp_path / "gpu" / "results" / "tests.xml").exists()
