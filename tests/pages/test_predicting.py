"""Predictions on the pages: by which model, and what is said if there is none."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from meli_tasks.artifacts import paths
from meli_tasks.core.errors import BadSettings, NotFound
from meli_tasks.pages import Pages, RunFilter
from tests.pages.published import Counting, evaluate, promote
from tests.past_run import PastRun


@pytest.fixture
def run(store: Counting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PastRun:
    monkeypatch.setenv("MELI_CACHE", str(tmp_path / "cache"))
    run = PastRun(store)
    for name in run.accuracies:
        run.with_real_model(name, tmp_path / name)
    evaluate(run)
    return run


def test_by_default_the_champion_predicts(run: PastRun) -> None:
    pages = Pages(run.store)
    with pytest.raises(NotFound, match="There is no champion"):
        pages.predict(["perfume"])
    promote(run, "mlp")
    found = pages.predict(["Perfume Importado", "qwe"])
    assert (found.model, found.train, found.warning) == ("champion mlp", run.models["mlp"], "")
    assert [one.known for one in found.titles] == [True, False]
    assert found.titles[0].categories[0].category == "PERFUMES"


@pytest.mark.parametrize("name", ["id", "key", "attempt"])
def test_a_model_can_be_named(name: str, run: PastRun) -> None:
    ref = run.trainings["cnn"].ref
    names = {"id": paths.model_id(run.plan.name, "cnn"), "key": ref.key, "attempt": str(ref)}
    found = Pages(run.store).predict(["celular"], names[name], top=1)
    assert (found.train, found.sha256) == (ref.key, ref.sha256)
    assert [one.category for one in found.titles[0].categories] == ["CELLPHONES"]


def test_the_json_has_every_word_with_what_is_known_of_it(run: PastRun) -> None:
    [title] = Pages(run.store).predict(["perfume qwe"], run.models["cnn"]).model_dump(mode="json")["titles"]
    assert [(word["text"], word["known"]) for word in title["words"]] == [("perfume", "word"), ("qwe", "nothing")]
    assert title["words"][0]["effect"] > 0.1


def test_the_report_is_the_stored_file(run: PastRun) -> None:
    pages = Pages(run.store)
    with pytest.raises(NotFound, match="There is no report of this run"):
        pages.report(run.plan.name)
    run.store.write(paths.report(run.plan.name), b"<!doctype html>")
    assert pages.report(run.plan.name) == b"<!doctype html>"
    promote(run, "mlp")
    pages = Pages(run.store)
    assert pages.model(paths.model_id(run.plan.name, "mlp")).has_report
    assert pages.run(run.plan.name).has_report
    champion = pages.models(RunFilter()).champion
    assert champion is not None
    assert champion.has_report


def test_without_torch_nothing_is_changed_and_the_message_says_what_is_missing(
    run: PastRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "meli_tasks.stages.files.model_files", None)
    with pytest.raises(BadSettings, match=r"has no meli_tasks\.stages\.files\.model_files: install the packages"):
        Pages(run.store).promote(run.models["cnn"], by="ana", reason="we need it", expected=0)
    with pytest.raises(BadSettings, match="Airflow's API server cannot load models"):
        Pages(run.store).predict(["perfume"], run.models["cnn"])
    assert Pages(run.store).champion_on(None).set is None
