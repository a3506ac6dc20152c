"""An object that a later version wrote, or that was cut short, hides nothing else and is named on the page."""

from __future__ import annotations

import json

import pytest

from meli_tasks.artifacts import paths
from meli_tasks.ledger import Ledger
from meli_tasks.pages import RunFilter
from meli_tasks.planning.preview import Preview
from tests.pages.published import Counting, evaluate, promote
from tests.pages.served import ServedPages
from tests.past_run import PastRun
from tests.unreadable import CONTENTS, names_of, of_a_later_version, put


@pytest.fixture(autouse=True)
def always_listed_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("read_cache", "decided"):
        monkeypatch.setattr(f"meli_tasks.pages.{name}.LISTED_SECONDS", -1.0)


@pytest.mark.parametrize("content", CONTENTS)
def test_a_plan_that_cannot_be_read_is_left_out_and_named(store: Counting, content: str) -> None:
    evaluate(PastRun(store, run_id="good"))
    broken = put(store, paths.plan("broken", "0" * 12), content)
    pages = ServedPages(store)
    for _ in range(2):  # also when it is known already
        page = pages.models(RunFilter())
        assert {row["run_id"] for row in page["rows"]} == {"good"}
        assert (page["skipped"]["count"], names_of(page["skipped"]["first"])) == (1, {broken})
        assert page["skipped"]["first"][0]["reason"]
    assert pages.run(pages.plan_of("good"))["skipped"]["count"] == 1
    store.delete(broken)
    assert pages.models(RunFilter())["skipped"] == {"count": 0, "first": []}


@pytest.mark.parametrize("content", ["empty", "cut short", "a list", "another object"])
@pytest.mark.parametrize("beside", [paths.evaluated, paths.preview])
def test_what_belongs_to_a_run_and_cannot_be_read_leaves_the_run(store: Counting, beside: object, content: str) -> None:
    run = PastRun(store, run_id="broken")
    evaluate(PastRun(store, run_id="good"))
    assert callable(beside)
    put(store, beside(run.plan.name), content)
    pages = ServedPages(store)
    page = pages.models(RunFilter())
    assert {row["run_id"] for row in page["rows"]} == {"good", "broken"}
    assert {row["state"] for row in page["rows"] if row["run_id"] == "broken"} == {"not evaluated"}
    tab = pages.run(run.plan.name)
    if content != "another object":  # to a preview, it is one without steps
        assert page["skipped"]["count"] == tab["skipped"]["count"] == 1
    # Once it is whole again, it is displayed.
    evaluate(run)
    Preview().save(run.plan, store)
    page = pages.models(RunFilter())
    assert {row["state"] for row in page["rows"]} == {"evaluated"}
    assert page["skipped"]["count"] == 0


def test_a_plan_of_a_later_version_is_left_out(store: Counting) -> None:
    run = PastRun(store, run_id="later")
    store.write(run.plan.name, of_a_later_version(store.read(run.plan.name).data))
    page = ServedPages(store).models(RunFilter())
    assert (page["rows"], page["skipped"]["count"]) == ([], 1)
    assert "version" in page["skipped"]["first"][0]["reason"]


def test_without_its_newest_decision_the_champion_is_unknown_not_the_one_before(store: Counting) -> None:
    run = PastRun(store)
    evaluate(run)
    promote(run, "cnn")
    promote(run, "mlp", expected_last=1)
    put(store, paths.decision(2), "cut short")
    pages = ServedPages(store)
    page = pages.models(RunFilter())
    assert page["champion"] is None
    assert page["champion_unknown"].startswith("The newest decision cannot be read: ledger/00000002.json (")
    assert not any(row["champion"] for row in page["rows"])
    assert [row["number"] for row in pages.decisions(10)["decisions"]] == [1]


def test_an_older_decision_that_cannot_be_read_changes_nothing_else(store: Counting) -> None:
    run = PastRun(store)
    evaluate(run)
    promote(run, "cnn")
    Ledger(store).append(1, action="keep", reason="nobody is better", by="later")
    put(store, paths.decision(1), "cut short")
    page = ServedPages(store).models(RunFilter())
    assert (page["champion"]["set"], page["champion_unknown"]) == ("cnn", "")
    assert page["skipped"]["count"] == 1


def test_a_manifest_that_cannot_be_read_is_a_step_to_compute_with_a_note(store: Counting) -> None:
    run = PastRun(store)
    name = put(store, paths.manifest("train", run.models["mlp"]), "cut short")
    page = ServedPages(store).run(run.plan.name)
    assert json.dumps(page["skipped"]["first"]).count(name) == 1
