"""The report of a run: its figures are those in the store, and it is safe to open."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from meli_tasks.artifacts import paths
from meli_tasks.artifacts.manifest import need
from meli_tasks.planning.evaluation import EvaluationReport
from meli_tasks.planning.plan import Plan
from meli_tasks.report import headline_of, load_report, write_report
from meli_tasks.report.material import Material
from meli_tasks.report.writing import SECTIONS, render
from meli_tasks.store import Blob
from tests.report.conftest import RealRuns
from tests.report.reading import Page, parse, resolve, stored


@pytest.fixture(scope="module", params=["first", "second"])
def plan(request: pytest.FixtureRequest, real_runs: RealRuns) -> Plan:
    return next(plan for plan in real_runs.plans if plan.run_id == request.param)


@pytest.fixture(scope="module")
def page(plan: Plan, real_runs: RealRuns) -> Page:
    return parse(render(Material(real_runs.store, plan)))


def test_every_figure_equals_the_one_in_the_store(plan: Plan, page: Page, real_runs: RealRuns) -> None:
    store = real_runs.store
    report = EvaluationReport.load(store, plan.name)
    assert report is not None
    run = Material(store, plan)
    assert run.entry is not None
    files = {
        "scores.json": need(store, "evaluate", report.key).file_name("scores.json"),
        "decision.json": need(store, "promote", run.entry.evidence.promote).file_name("decision.json"),
    }
    with_source = [figure for figure in page.figures if figure.source]
    seen = set()
    for figure in with_source:
        file, _, pointer = figure.source.partition("#")
        blob = store.read(files.get(file, file))
        assert blob is not None, figure.source
        value = resolve(stored(blob.data), pointer)
        assert float(figure.value) == value, figure
        shown = figure.text.partition(" of ")[0].replace(",", "")  # as in "2 of 4"
        digits = len(shown.partition(".")[2])
        assert abs(float(shown) - value) <= 0.5 * 10**-digits * 1.0001, figure
        seen.add(figure.source)
    for label in report.scores:
        assert f"scores.json#/models/{label}/balanced_accuracy" in seen
        assert f"scores.json#/models/{label}/accuracy" in seen
    compared = run.decided.found.challenger if run.decided else ""
    for category in report.scores[str(compared)].categories:
        assert f"scores.json#/models/{compared}/categories/{category}/recall" in seen
    for number, gate in enumerate(run.entry.evidence.gates):
        if gate.value is not None:
            assert f"decision.json#/gates/{number}/limit" in seen


def test_nothing_is_missing_from_a_run_whose_artifacts_are_all_there(page: Page) -> None:
    assert list(page.sections) == [identity for identity, _, _ in SECTIONS]
    for text in page.sections.values():
        assert "Not available" not in text
        assert len(text.strip()) > 20


def test_the_verdict_comes_first_and_names_reason_models_and_gates(plan: Plan, page: Page, real_runs: RealRuns) -> None:
    run = Material(real_runs.store, plan)
    assert run.entry is not None
    first = page.sections["verdict"]
    assert run.entry.reason in first
    assert headline_of(real_runs.store, plan) == run.entry.reason
    for gate in run.entry.evidence.gates:
        assert re.search(rf"{gate.name.replace('_', ' ')}\s*{gate.state}", first), gate
    for label in filter(None, (run.entry.evidence.champion, run.entry.evidence.challenger)):
        assert label in first


def test_it_runs_no_script_and_loads_nothing(page: Page) -> None:
    names = {name for name, _ in page.tags}
    assert not names & {"script", "link", "img", "iframe", "object", "embed", "form", "base", "audio", "video", "image"}
    for name, attributes in page.tags:
        assert not [attribute for attribute in attributes if attribute.startswith("on")], name
        for attribute in ("href", "src", "xlink:href", "srcset", "action", "data"):
            assert (attributes.get(attribute) or "#").startswith("#"), (name, attributes)
        assert "url(" not in (attributes.get("style") or "").replace("url(#", ""), attributes
    policy = next(found["content"] for name, found in page.tags if found.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in str(policy)


def test_it_can_be_read_without_seeing_the_charts(page: Page) -> None:
    charts = [attributes for name, attributes in page.tags if name == "div" and attributes.get("role") == "img"]
    assert charts
    assert all(len(attributes["aria-label"] or "") > 40 for attributes in charts)
    tables = sum(name == "table" for name, _ in page.tags)
    assert tables == sum(name == "caption" for name, _ in page.tags)
    headings = [name for name, _ in page.tags if re.fullmatch("h[1-6]", name)]
    assert headings == ["h1"] + ["h2"] * len(SECTIONS)
    ids = [attributes["id"] for _, attributes in page.tags if attributes.get("id")]
    targets = [attributes["href"] for name, attributes in page.tags if name == "a"]
    assert {str(target)[1:] for target in targets} <= set(ids)


def test_it_is_stored_beside_the_plan(real_runs: RealRuns) -> None:
    plan = real_runs.plans[1]
    assert write_report(real_runs.store, plan.name) == f"{plan.folder}/report.html"
    html = load_report(real_runs.store, plan.name)
    assert html is not None
    assert html.startswith(b"<!doctype html>")
    assert len(html) < 1_000_000


def test_without_a_report_there_is_none_to_load(real_runs: RealRuns) -> None:
    assert load_report(real_runs.store, "plans/nobody/0123456789ab.json") is None


def test_a_report_reads_the_manifest_of_each_model_once_however_many_sections_need_it(
    plan: Plan, real_runs: RealRuns, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: Counter[str] = Counter()
    read = real_runs.store.read

    def counted(name: str) -> Blob | None:
        reads[name] += 1
        return read(name)

    monkeypatch.setattr(real_runs.store, "read", counted)
    render(Material(real_runs.store, plan))
    assert {reads[paths.manifest("train", step.key)] for step in plan.sets.values()} == {1}
