"""A run's steps, and a training while it goes on."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime
from typing import Any

import pytest

from meli_tasks.artifacts import paths
from meli_tasks.core.errors import NotFound
from meli_tasks.decision import Evidence
from meli_tasks.ledger import Ledger
from meli_tasks.planning.verdict import Verdict
from meli_tasks.store import Blob
from tests import waiting
from tests.pages.published import Counting, evaluate, promote
from tests.pages.served import ServedPages
from tests.past_run import PastRun
from tests.rewriting import stored_json


def test_a_run_shows_what_it_computed_reused_and_still_has_to_compute(store: Counting) -> None:
    run = PastRun(store, accuracies={"mlp": 0.94, "cnn": 0.92, "cnn_2": 0.9})
    for name, made_by in {"mlp": run.run_id, "cnn": "another run"}.items():
        manifest = stored_json(store, paths.manifest("train", run.models[name]))
        manifest["about"]["run_id"] = made_by
        store.write(paths.manifest("train", run.models[name]), json.dumps(manifest).encode())
    key = run.models["cnn_2"]
    store.delete(paths.manifest("train", key))
    note = {"run_id": run.run_id, "state": "running", "epoch": 2, "epochs": 5, "seconds_left": 4.0}
    store.write(paths.progress_log("train", key), json.dumps(note).encode())
    page = ServedPages(store).run(run.plan.name)
    states = {step["name"]: step["state"] for step in page["steps"] if step["stage"] == "train"}
    assert states == {"mlp": "computed", "cnn": "already there", "cnn_2": "running"}
    progress = next(step["progress"] for step in page["steps"] if step["name"] == "cnn_2")
    assert (progress["epoch"], progress["epochs"], progress["seconds_left"]) == (2, 5, 4.0)
    assert not page["evaluated"]
    assert page["decision"] is None


def test_the_steps_of_a_run_are_looked_up_at_the_same_time(store: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    run = PastRun(store, accuracies={f"mlp_{number}": 0.9 for number in range(8)})
    models = {paths.manifest("train", key) for key in run.models.values()}
    read, all_of_them = store.read, threading.Barrier(len(models))

    def read_together(name: str) -> Blob | None:
        if name in models:
            all_of_them.wait(waiting.IDLE_SECONDS)
        return read(name)

    monkeypatch.setattr(store, "read", read_together)
    page = ServedPages(store).run(run.plan.name)
    assert [step["name"] for step in page["steps"] if step["stage"] == "train"] == list(run.plan.sets)


def test_a_run_shows_its_own_decision_and_its_evaluation(store: Counting) -> None:
    run = PastRun(store)
    evaluate(run)
    promote(run, "mlp")
    Ledger(store).append(1, action="keep", reason="of another run", by="x", evidence=Evidence(plan="plans/x/y.json"))
    page = ServedPages(store).run(run.plan.name)
    assert page["decision"]["reason"] == "it is better"
    assert page["decision"]["gain"] == 0.02
    assert page["evaluated"]
    assert [step["stage"] for step in page["steps"]][-1] == "evaluate"


def test_a_run_that_waits_for_a_person_shows_the_question_until_it_has_decided(store: Counting) -> None:
    run = PastRun(store)
    evaluated = evaluate(run)
    assert ServedPages(store).run(run.plan.name)["question"] == ""
    Verdict(verdict="ask", nominated="mlp", question="Promote mlp?", evaluated=evaluated).save(store, run.plan.name)
    assert ServedPages(store).run(run.plan.name)["question"] == "Promote mlp?"
    promote(run, "mlp")
    assert ServedPages(store).run(run.plan.name)["question"] == ""
    # A run that is cleared asks again.
    again = evaluated.model_copy(update={"ledger": 1})
    Verdict(verdict="ask", nominated="mlp", question="Promote mlp?", evaluated=again).save(store, run.plan.name)
    assert ServedPages(store).run(run.plan.name)["question"] == "Promote mlp?"


class TestTraining:
    @pytest.fixture
    def run(self, store: Counting) -> PastRun:
        return PastRun(store)

    def note(self, run: PastRun, store: Counting, **values: Any) -> None:
        note = {"run_id": run.run_id, "at": datetime.now(UTC).isoformat(), **values}
        store.write(paths.progress_log("train", run.models["mlp"]), json.dumps(note).encode())

    def delete_manifest(self, run: PastRun, store: Counting) -> None:
        store.delete(paths.manifest("train", run.models["mlp"]))

    def test_before_it_starts_it_waits(self, run: PastRun, store: Counting) -> None:
        self.delete_manifest(run, store)
        page = ServedPages(store).training(run.plan.name, "mlp")
        assert (page["state"], page["epochs"]) == ("waiting", [])

    def test_while_it_trains_its_curves_grow(
        self, run: PastRun, store: Counting, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("meli_tasks.pages.run_page.LIVE_SECONDS", -1.0)
        self.delete_manifest(run, store)
        pages = ServedPages(store)
        self.note(run, store, state="running", epoch=1, history=[], losses=[[1, 2.5]], seconds_left=9.0)
        first = pages.training(run.plan.name, "mlp")
        self.note(run, store, state="running", epoch=2, history=[{"epoch": 1}], losses=[[1, 2.5], [2, 2.0]])
        second = pages.training(run.plan.name, "mlp")
        assert (first["state"], first["epochs"], first["progress"]["seconds_left"]) == ("running", [], 9.0)
        assert (second["epochs"], second["losses"]) == ([{"epoch": 1}], [[1, 2.5], [2, 2.0]])

    def test_a_failed_one_says_why(self, run: PastRun, store: Counting) -> None:
        self.delete_manifest(run, store)
        self.note(run, store, state="failed", error="the loss is not finite at step 7", history=[{"epoch": 1}])
        page = ServedPages(store).training(run.plan.name, "mlp")
        assert (page["state"], page["error"]) == ("failed", "the loss is not finite at step 7")
        assert page["epochs"] == [{"epoch": 1}]

    def test_a_done_one_has_its_history_and_who_made_it(self, run: PastRun, store: Counting) -> None:
        page = ServedPages(store).training(run.plan.name, "mlp")
        assert (page["state"], page["kept_epoch"], page["seconds"], page["hit"]) == ("done", 3, 30.0, True)
        assert [epoch["train_loss"] for epoch in page["epochs"]] == [1, 1 / 2, 1 / 3]

    def test_another_runs_failure_is_not_this_ones(self, run: PastRun, store: Counting) -> None:
        self.delete_manifest(run, store)
        self.note(run, store, state="failed", error="no")
        note = stored_json(store, paths.progress_log("train", run.models["mlp"]))
        store.write(paths.progress_log("train", run.models["mlp"]), json.dumps({**note, "run_id": "another"}).encode())
        assert ServedPages(store).training(run.plan.name, "mlp")["state"] == "waiting"

    def test_an_unknown_set_is_named(self, run: PastRun, store: Counting) -> None:
        with pytest.raises(NotFound, match="no set 'rnn'; it has mlp, cnn"):
            ServedPages(store).training(run.plan.name, "rnn")
