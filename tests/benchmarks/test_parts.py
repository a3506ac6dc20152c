"""Every part on a tiny sample: its figures, and the numbers in its files."""

from __future__ import annotations

import importlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks import __main__ as program
from benchmarks import (
    accuracy,
    bench_default,
    bench_drift,
    bench_growth,
    bench_load,
    bench_pages,
    bench_peers,
    bench_predict,
    bench_requests,
    bench_sample,
)
from benchmarks.figures import Figure, Options
from benchmarks.isolated import Clock, Cost
from meli_tasks.pages import Pages, RunFilter
from meli_tasks.sets import catalog
from meli_tasks.store import open_store


def run_here(function: str, arguments: Mapping[str, Any], threads: int) -> tuple[Any, Cost]:
    """As `run_isolated`, but in this process: starting a dozen Pythons would take a minute."""
    module, _, name = function.partition(":")
    clock = Clock()
    result = getattr(importlib.import_module(module), name)(**json.loads(json.dumps(dict(arguments))))
    return json.loads(json.dumps(result)), Cost(*clock.read(), 100.0)


@pytest.fixture
def options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Options]:
    """A tiny run whose steps stay in this process; cores and threads are restored afterwards."""
    for module in (accuracy, bench_default, bench_drift, bench_growth, bench_pages, bench_peers, bench_predict):
        monkeypatch.setattr(module, "run_isolated", run_here)
    for name in ("out", "work"):
        (tmp_path / name).mkdir()
    cores, threads = os.sched_getaffinity(0), torch.get_num_threads()
    yield Options(tmp_path / "out", tmp_path / "work", seeds=(1, 2), small=True)
    os.sched_setaffinity(0, cores)
    torch.set_num_threads(threads)


def by_name(figures: list[Figure]) -> dict[str, Figure]:
    named = {figure.name: figure for figure in figures}
    assert len(named) == len(figures)
    return named


def test_default_counts_every_stage_and_scores_the_model(options: Options) -> None:
    figures = by_name(bench_default.run(options))
    for name in ("mlp", "mlp_fast"):
        stages = [figures[f"`{name}`: {stage}"].value for stage in ("ingest", "preprocess", "embed", "train")]
        assert min(stages) > 0
        whole, tested = figures[f"`{name}` from CSV to model"], figures[f"`{name}` on the test titles"]
        assert whole.value >= sum(stages)
        assert whole.target is not None and whole.target.number == 60
        assert "3,000 rows" in whole.note
        assert 0 < tested.value < 1


def test_predict_measures_both_sets_in_files_in_memory_and_title_by_title(options: Options) -> None:
    figures = by_name(bench_predict.run(options))
    for name in ("mlp", "cnn"):
        assert figures[f"`{name}`: CSV to CSV"].value > 0
        assert figures[f"`{name}`: in memory"].value > 0
        assert figures[f"`{name}`: a title in a new process"].value > 0
        assert 0 < figures[f"`{name}`: a single title, p50"].value <= figures[f"`{name}`: a single title, p95"].value
    written = (options.work / "titles.predicted.csv").read_text(encoding="utf-8").splitlines()
    titles = (options.work / "titles.csv").read_text(encoding="utf-8").splitlines()
    assert len(written) == len(titles) > 2_000
    assert written[0] == "title,category,probability,categories,probabilities,known"


def test_peers_share_one_split_and_draw_their_curves(options: Options) -> None:
    figures = by_name(bench_peers.run(options))
    for name in (
        "fastText",
        "TF-IDF of words, LinearSVC",
        "TF-IDF of words and characters, LinearSVC",
        "`mlp`",
        "`mlp_fast`",
        "`cnn`",
    ):
        assert 0 <= figures[f"{name}: test"].value <= 1
        assert figures[f"{name}: titles to model"].baseline == figures["fastText: titles to model"].value
    # Word counts separate the sample's categories after any training; wrong labels or a wrong split would not.
    assert figures["TF-IDF of words and characters, LinearSVC: test"].value > 0.7
    assert (options.out / "curves.png").read_bytes().startswith(b"\x89PNG")
    details = json.loads((options.out / "training_runs.json").read_text(encoding="utf-8"))
    epochs = catalog.resolve("mlp", bench_default.overrides(small=True)).train.epochs
    (curve,) = details["ours"]["mlp"]
    assert len(curve) == epochs
    assert details["test"].keys() == {"mlp 1", "mlp_fast 1", "cnn 1"}
    assert figures["`mlp`: test"].value == pytest.approx(details["test"]["mlp 1"])


def test_growth_has_every_stage_at_every_size(options: Options) -> None:
    figures = by_name(bench_growth.run(options))
    stored = json.loads((options.out / "growth.json").read_text(encoding="utf-8"))
    assert list(stored) == ["2000", "4000"]
    assert all(list(stages) == ["ingest", "preprocess", "embed", "train"] for stages in stored.values())
    total = sum(cost["cpu_seconds"] for cost in stored["4000"].values())
    assert figures["4,000 rows, CSV.gz to model, one epoch"].value == pytest.approx(total)
    assert "cost per million rows: 4,000 rows compared with 2,000" in figures
    assert {file.name for file in options.out.iterdir()} == {"growth.json", "growth.png", "memory.png"}


def test_accuracy_measures_the_sets_and_their_ensemble_over_the_seeds(options: Options) -> None:
    figures = by_name(accuracy.run(options))
    seeds = json.loads((options.out / "accuracy.json").read_text(encoding="utf-8"))
    assert seeds.keys() == {"1", "2"}
    offered = {label for result in seeds.values() for label in result["scores"]}
    assert {"mlp", "cnn"} <= offered <= {"mlp", "cnn", "ensemble"}
    assert {f"`{label}`: test" for label in offered} == figures.keys() - {"seeds with an ensemble"}
    each = [result["scores"]["mlp"] for result in seeds.values()]
    assert figures["`mlp`: test"].value == pytest.approx(sum(each) / 2)
    assert f"seed 2 {each[1]:.4f}" in figures["`mlp`: test"].note


def test_an_ensemble_of_fewer_seeds_than_its_members_says_so_and_has_no_target() -> None:
    members = {"mlp": 0.95, "cnn": 0.94}
    by_seed = {
        1: {"scores": {**members, "ensemble": 0.97}, "no_ensemble": ""},
        2: {"scores": {"mlp": 0.93, "cnn": 0.96}, "no_ensemble": "mlp is better"},
        3: {"scores": {**members, "ensemble": 0.96}, "no_ensemble": ""},
    }
    figures = by_name(accuracy.figures_of(by_seed, "titles"))
    ensemble = figures["`ensemble`: test"]
    assert ensemble.value == pytest.approx(0.965) and ensemble.reached is None
    assert "2 of 3 seeds, over which the members have `mlp` 0.9500, `cnn` 0.9400" in ensemble.note
    missing = figures["seeds with an ensemble"]
    assert (missing.value, missing.unit, missing.note) == (2, "of 3", "seed 2: mlp is better")
    assert figures["`mlp`: test"].value == pytest.approx((0.95 + 0.93 + 0.95) / 3)
    without = {seed: {"scores": members, "no_ensemble": "no"} for seed in (1, 2)}
    figures = by_name(accuracy.figures_of(without, "titles"))
    assert figures["seeds with an ensemble"].value == 0 and "`ensemble`: test" not in figures
    complete = {seed: by_seed[1] for seed in (1, 2)}
    assert by_name(accuracy.figures_of(complete, "titles"))["`ensemble`: test"].reached


def test_sample_has_a_figure_per_size(tmp_path: Path) -> None:
    figures = bench_sample.run(Options(tmp_path, tmp_path, rows=(1_000, 2_000)))
    assert [figure.name for figure in figures] == ["sample of 1,000 rows", "sample of 2,000 rows"]
    assert all(figure.value > 0 and figure.baseline for figure in figures)


def test_every_part_has_a_module_that_runs() -> None:
    for part in program.PARTS.values():
        assert callable(importlib.import_module(f"benchmarks.{part.module}").run)


def test_the_program_measures_the_named_part_and_stores_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "results"
    assert program.main(["sample", "--small", "--sample", "--rows", "500", "--out", str(out)]) == 0
    stored = json.loads((out / "results.json").read_text(encoding="utf-8"))
    assert stored["machine"]["cores"] >= 1
    (part,) = stored["parts"]
    assert part["part"] == "sample"
    assert part["figures"][0]["name"] == "sample of 500 rows"
    assert part["cost"]["peak_megabytes"] > 10
    assert not (out / "work").exists()
    assert "sample of 500 rows" in capsys.readouterr().out


def test_a_failing_part_is_reported_and_the_next_one_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(program.PARTS, "absent", program.Part("no_such_module", "nothing"))
    # The part's own process imports its own list, without the part that is added here.
    given = ["absent", "sample", "--small", "--sample", "--rows", "500", "--out", str(tmp_path)]
    assert program.main(given) == 1
    failed, succeeded = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))["parts"]
    assert "absent" in failed["failure"] and not failed["figures"]
    assert succeeded["figures"] and not succeeded["failure"]
    assert "failed, see above" in capsys.readouterr().out


@pytest.mark.parametrize("given", [["no_such_part"], ["sample", "--source", "/no/such/titles.csv"]])
def test_an_unknown_part_and_a_missing_source_are_refused(given: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        program.main(given)
    assert "there is no" in capsys.readouterr().err


def test_the_parts_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main(["--list"]) == 0
    output = capsys.readouterr().out
    assert all(part in output for part in program.PARTS)
    assert "peers" in output and "only when named" in output


def test_pages_measures_runs_on_titles_of_their_own_and_on_the_same(
    options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench_pages, "LISTED_SECONDS", 0.0)
    figures = by_name(bench_pages.run(options))
    for runs in bench_pages.SMALL_RUNS:
        for titles in ("a test set each", "the same test titles"):
            for which in ("first answer", "listed again", "warm"):
                assert figures[f"{runs} runs of 2 sets, {titles}: {which}"].value > 0
        page = Pages(open_store((options.work / f"{runs}-1").as_uri())).models(RunFilter())
        assert page.champion is not None and page.champion.current is not None
        assert (page.runs.all, len(page.test_sets), page.skipped.count) == (runs, runs, 0)
        same = Pages(open_store((options.work / f"{runs}-{runs}").as_uri())).models(RunFilter())
        assert (len(same.rows), len(same.test_sets)) == (2 * runs, 1)


def test_drift_counts_false_alarms_and_noticed_changes(options: Options) -> None:
    figures = by_name(bench_drift.run(options))
    assert figures["false alarms in 2 unchanged nights"].reached is not None
    noticed = [figure for name, figure in figures.items() if name.startswith("noticed on the first night")]
    assert len(noticed) == 5
    assert all(0 <= figure.value <= 1 for figure in noticed)
    found = json.loads((options.out / "drift.json").read_text(encoding="utf-8"))
    assert len(found["unchanged"]) == 2


def test_a_store_of_many_artifacts_is_verified_and_pruned(options: Options) -> None:
    figures = by_name(bench_load.run(options))
    assert len(figures) == 7
    assert [figure for figure in figures.values() if figure.target and figure.value > figure.target.number] == []


def test_requests_do_not_grow_with_the_runs(options: Options) -> None:
    """A store of 600 runs, which is too large for one page of a listing; `--rows 20000` gives the same numbers."""
    figures = by_name(bench_requests.run(options))
    counted = [figure for figure in figures.values() if figure.unit == "requests"]
    assert len(counted) == 5
    assert [figure for figure in counted if figure.target is None or figure.value > figure.target.number] == []
