"""What the notification of a run says, composed from what the run left in the store."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from meli_tasks.artifacts import paths
from meli_tasks.notifications import failures, message, render, unfinished
from meli_tasks.notifications.failures import Failure
from meli_tasks.notifications.message import DagRun, Notification
from meli_tasks.planning.evaluation import EvaluationReport
from meli_tasks.planning.verdict import Verdict
from meli_tasks.settings import Settings
from meli_tasks.stages.evaluation import Scores
from meli_tasks.store import Store
from meli_tasks.tracking.outbox import Tracking
from meli_tasks.tracking.registry import Registry
from tests.past_run import PastRun

RUN = DagRun("meli_training", "scheduled__2026-11-20", began=datetime.now(UTC) - timedelta(minutes=12))
SETTINGS = Settings.from_environment({"MELI_HOME": "/nowhere", "MELI_AIRFLOW_URL": "http://airflow:8080"})


def preview(store: Store, run: PastRun, nothing_new: str = "") -> None:
    seen = {"cached": 4, "saved_seconds": 2_040.0, "nothing_new": nothing_new}
    store.write(f"{run.plan.name.removesuffix('.json')}/preview.json", json.dumps(seen).encode())


def ended(store: Store, run: PastRun, promoted: str | None, reason: str = "because", **changes: Any) -> Notification:
    """The notification of a run that was evaluated and decided, as the pipeline leaves it."""
    evaluated = run.evaluation().model_copy(update=changes)
    scores = Scores.model_validate_json(_scores(store, evaluated.key)).models
    EvaluationReport(**dict(evaluated), scores=scores).save(store, run.plan.name)
    Registry(store, Tracking("", store)).apply(run.plan, evaluated, run.promotion(evaluated, promoted, reason))
    return message.of_end(SETTINGS, store, replace(RUN, run_id=run.run_id), succeeded=True)


def _scores(store: Store, key: str) -> bytes:
    blob = store.read(f"evaluate/{key}/attempt1/scores.json")
    assert blob
    return blob.data


def test_a_promotion_names_model_reason_score_saved_time_and_rollback(file_store: Store) -> None:
    first = ended(file_store, PastRun(file_store, "first", {"cnn": 0.90}), "cnn")
    assert first.rollback == ""  # nobody to go back to
    run = PastRun(file_store, RUN.run_id, seed=1)
    preview(file_store, run)
    sent = ended(file_store, run, "mlp", "mlp becomes champion", champion="cnn", ledger=1)
    assert (sent.verdict, sent.title) == ("promoted", "mlp is the new champion: balanced accuracy 0.9400")
    assert sent.lines[0] == "mlp becomes champion"
    assert re.fullmatch(r"Took \d+ min; 34 min saved by results that existed already", sent.lines[-1])
    assert [(model.name, model.note) for model in sent.models] == [("mlp", "champion"), ("cnn", "previous champion")]
    assert sent.rollback == "meli rollback --to 1"
    assert sent.links == (("DAG run", f"http://airflow:8080/dags/meli_training/runs/{RUN.run_id}"),)


def test_the_rollback_command_restores_the_previous_champion(file_store: Store, tmp_path: Path) -> None:
    first = PastRun(file_store, "first", {"cnn": 0.90})
    first.with_real_models(tmp_path)
    ended(file_store, first, "cnn")
    sent = ended(file_store, PastRun(file_store, "second", seed=1), "mlp", ledger=1)
    number = int(sent.rollback.removeprefix("meli rollback --to "))
    registry = Registry(file_store, Tracking("", file_store))
    back = registry.rollback("a test", number)
    assert back.champion and back.champion.set_name == "cnn"


def test_a_champion_that_stays_is_reported_only_if_everything_is_wanted(file_store: Store) -> None:
    ended(file_store, PastRun(file_store, "first"), "mlp")
    sent = ended(file_store, PastRun(file_store, "second", seed=1), None, "mlp stays champion: no gain", ledger=1)
    assert (sent.verdict, sent.title, sent.lines[0]) == ("kept", "mlp stays champion", "mlp stays champion: no gain")
    assert [sent.matters(wish) for wish in ("always", "changes", "failures")] == [True, False, False]


def test_a_failed_training_in_a_successful_run_is_named_with_its_message_and_matters(file_store: Store) -> None:
    run = PastRun(file_store, accuracies={"mlp": 0.94})
    run.plan.sets["mlp_1"] = replace(run.plan.sets["mlp"], name="mlp_1", params={"architecture": "mlp", "seed": 7})
    run.plan.save(file_store)
    note = {"state": "failed", "error": "The loss is not finite at step 12.", "at": "2026-11-20T03:06:00+00:00"}
    file_store.write(paths.progress_log("train", run.plan.sets["mlp_1"].key), json.dumps(note).encode())
    sent = ended(file_store, run, None, failed=["mlp_1"])
    assert [(f.label, f.message) for f in sent.failures] == [("train [mlp_1]", note["error"])]
    assert sent.verdict == "kept" and sent.matters("failures")
    # Airflow's own word for it, with a link, comes before what was pieced together.
    kept = Failure("train_mlp", "mlp_1", "Diverged", datetime.now(UTC).isoformat(), "http://log")
    failures.keep(file_store, RUN.run_id, kept, 1)
    assert message.of_end(SETTINGS, file_store, RUN, succeeded=True).failures == (kept,)


def test_a_night_with_nothing_new_says_how_much_time_it_saved(file_store: Store) -> None:
    run = PastRun(file_store)
    preview(file_store, run, nothing_new="The same titles, sets and champion as before")
    sent = message.of_end(SETTINGS, file_store, RUN, succeeded=True)
    assert (sent.verdict, sent.title) == ("nothing new", "Nothing new: 34 min saved")
    assert sent.lines[0] == "The same titles, sets and champion as before."
    assert not sent.matters("changes")


def test_a_manual_run_that_was_evaluated_is_not_reported_as_nothing_new(file_store: Store) -> None:
    run = PastRun(file_store)
    preview(file_store, run, nothing_new="The same titles")
    assert ended(file_store, run, None).verdict == "kept"


def asks(store: Store, run: PastRun, reason: str = "cnn may become champion: a person decides") -> Verdict:
    """A run that waits for a person, as the pipeline leaves it."""
    evaluated = run.evaluation()
    scores = Scores.model_validate_json(_scores(store, evaluated.key)).models
    EvaluationReport(**dict(evaluated), scores=scores).save(store, run.plan.name)
    decided = Verdict(verdict="ask", nominated="cnn", question="Promote cnn?", reason=reason, evaluated=evaluated)
    decided.save(store, run.plan.name)
    return decided


def test_a_run_that_waits_for_a_person_says_for_what_until_when_and_where_to_answer(file_store: Store) -> None:
    asks(file_store, PastRun(file_store))
    sent = unfinished.of_a_waiting_run(SETTINGS, file_store, RUN)
    assert (sent.verdict, sent.title) == ("waiting", "Approval required: Promote cnn?")
    assert sent.lines[:2] == (
        "cnn may become champion: a person decides",
        "Without an answer within 12 h the champion stays.",
    )
    page = f"http://airflow:8080/dags/meli_training/runs/{RUN.run_id}"
    assert sent.links == (("Approve or reject it", f"{page}/tasks/approve/required_actions"), ("DAG run", page))
    assert [model.name for model in sent.models] == ["mlp", "cnn"]
    assert all(sent.matters(wish) for wish in ("always", "changes", "failures"))
    assert f"<{page}/tasks/approve/required_actions|Approve or reject it>" in render.slack(sent)
    assert "🙋 *Approval required: Promote cnn?*" in render.slack(sent) and "Promote cnn?" in render.html(sent)


def test_a_late_run_that_waits_for_a_person_is_reported_as_that(file_store: Store) -> None:
    run = PastRun(file_store)
    decided = asks(file_store, run)
    late = unfinished.of_a_late_run(SETTINGS, file_store, replace(RUN, state="running"), 240)
    assert late.title == "The run is waiting for approval, and is not finished 4 h after it was queued"
    assert late.links[0][0] == "Approve or reject it"
    Registry(file_store, Tracking("", file_store)).apply(
        run.plan, decided.evaluated, run.promotion(decided.evaluated, None)
    )
    assert unfinished.of_a_late_run(SETTINGS, file_store, RUN, 240).title.startswith("The run is late:")


def test_a_finished_run_links_to_its_report_and_says_what_it_found_even_if_it_decides_nothing(
    file_store: Store,
) -> None:
    run = PastRun(file_store)
    asks(file_store, run, "cnn would become champion, but this run does not promote")
    file_store.write(paths.report(run.plan.name), b"<html>")
    sent = message.of_end(SETTINGS, file_store, RUN, succeeded=True)
    assert sent.lines[0] == "cnn would become champion, but this run does not promote"
    assert ("Report", f"http://airflow:8080/meli/api/report/{RUN.run_id}") in sent.links


def test_a_run_that_failed_before_it_had_a_plan(file_store: Store) -> None:
    old = Failure("plan", "", "an earlier try", "2026-11-19T00:00:00+00:00")
    now = Failure("plan", "", "no file titles.csv", datetime.now(UTC).isoformat(), "http://log")
    failures.keep(file_store, RUN.run_id, old)
    assert message.of_end(SETTINGS, file_store, RUN, succeeded=False).failures == ()
    failures.keep(file_store, RUN.run_id, now)
    sent = message.of_end(SETTINGS, file_store, RUN, succeeded=False)
    assert (sent.verdict, sent.title, sent.failures) == ("failed", "The run failed: plan", (now,))


def test_a_run_ended_by_its_time_limit(file_store: Store) -> None:
    sent = message.of_end(SETTINGS, file_store, replace(RUN, reason="timed_out"), succeeded=False)
    assert sent.title == "The run failed: timed out"
    assert "longer than the DAG allows" in sent.lines[0]


def test_a_late_run_says_how_far_it_is(file_store: Store) -> None:
    run = PastRun(file_store, accuracies={"mlp": 0.94})
    for number, state in enumerate(("running", "failed"), 1):
        step = replace(run.plan.sets["mlp"], name=f"cnn_{number}", params={"architecture": "cnn", "seed": number})
        run.plan.sets[step.name] = step
        note = {"state": state, "epoch": 3, "seconds_left": 300.0, "at": "2026-11-20T03:16:20+00:00"}
        file_store.write(paths.progress_log("train", step.key), json.dumps(note).encode())
    run.plan.save(file_store)
    queued = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
    sent = unfinished.of_a_late_run(SETTINGS, file_store, replace(RUN, queued=queued, state="running"), 240)
    assert sent.title == "The run is late: not finished 4 h after it was queued"
    assert sent.lines[0].startswith("Queued at 2026-11-20 03:00 UTC, due ") and "running now" in sent.lines[0]
    assert sent.lines[1:] == (
        "2 of 4 steps done.",
        "train cnn_1: running, epoch 3, about 5 min left; last report at 03:16 UTC",
        "train cnn_2: failed",
    )
    assert sent.matters("failures")


def test_the_name_differs_by_run_verdict_and_clear() -> None:
    sent = Notification("nothing new", DagRun("d", "manual__2026-11-20T03:00:00+00:00"), "t")
    assert sent.name == "notices/manual__2026-11-20T03-00-00-00-00~79916aaa/nothing-new.json"
    again = replace(sent, verdict="failed", dag_run=replace(sent.dag_run, clears=2))
    assert again.name == "notices/manual__2026-11-20T03-00-00-00-00~79916aaa/failed-2.json"


@pytest.fixture
def hostile() -> Notification:
    """A notification whose every text holds signs that mean something to Slack and to HTML."""
    bad = "<b>&\"'>`|"
    return Notification(
        "failed",
        DagRun("meli_training", f"run{bad}"),
        f"title{bad}\nsecond line",
        (f"line{bad}",),
        (message.Model(f"set{bad}", 0.5, (0.4, 0.6), 0.9, "champion"),),
        (Failure("train", f"of{bad}", f"why{bad}", "2026-11-20T00:00:00+00:00", "http://log/?a=1&b=2"),),
        "meli rollback --to 3",
        (("DAG run", "http://airflow/run"),),
    )


def test_slack_finds_markup_only_where_we_put_it(hostile: Notification) -> None:
    text = render.slack(hostile)
    assert set(re.findall(r"<[^<>]*>", text)) == {
        "<http://airflow/run|DAG run>",
        "<http://log/?a=1&b=2|train [of&lt;b&gt;&amp;\"'&gt;`|]>",
    }
    assert re.search(r"```\nmodel +balanced accuracy +95 % interval +top 5\n.*0\.5000.*champion\n```", text)


def test_the_page_is_well_formed_and_contains_every_text(hostile: Notification) -> None:
    class Reader(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.open: list[str] = []
            self.text = ""
            self.links: list[str | None] = []

        def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
            assert tag != "b"
            self.open += [] if tag in ("meta", "br") else [tag]
            self.links += [value for name, value in attributes if name == "href"]

        def handle_endtag(self, tag: str) -> None:
            assert self.open.pop() == tag

        def handle_data(self, data: str) -> None:
            self.text += data

    reader = Reader()
    reader.feed(render.html(hostile))
    assert reader.open == []
    for text in (hostile.title, hostile.lines[0], hostile.models[0].name, hostile.failures[0].message, "0.5000"):
        assert text in reader.text
    assert reader.links == ["http://log/?a=1&b=2", "http://airflow/run"]


def test_the_subject_is_one_line(hostile: Notification) -> None:
    assert render.subject(hostile).startswith("[meli] title<b>") and "\n" not in render.subject(hostile)
