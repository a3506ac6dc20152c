"""The DAG's shape under success and failure, by `dag.test()`: which tasks run, by which name, and how the run ends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.airflow_process import InAirflow

pytestmark = pytest.mark.airflow

SCENARIOS: dict[str, Any] = {
    "all succeed": {"conf": {"sets": ["mlp", "cnn", "mlp_1"]}},
    "one training fails": {"conf": {"sets": ["mlp", "cnn"]}, "fail": {"train": ["cnn"]}},
    "one recipe fails": {"conf": {"sets": ["mlp", "cnn", "mlp_1"]}, "fail": {"embed": [1]}},
    "the ensemble fails": {"conf": {"sets": ["mlp", "cnn"]}, "fail": {"ensemble": [""]}},
    "a search": {"conf": {"sets": ["mlp", "cnn"], "search_minutes": 5, "search_family": "cnn"}},
    "a search fails": {"conf": {"sets": ["mlp"], "search_minutes": 5}, "fail": {"search": [""]}},
    "every training fails": {"conf": {"sets": ["cnn"]}, "fail": {"train": ["cnn"]}},
    "ingest fails": {"conf": {"sets": ["mlp"], "search_minutes": 5}, "fail": {"ingest": [""]}},
    "unknown key": {"conf": {"sets": ["mlp"], "epoch": 3}},
    "a night with nothing new": {"conf": {"sets": ["mlp"]}, "kind": "scheduled", "nothing_new": "as before"},
    "nothing new, by hand": {"conf": {"sets": ["mlp"]}, "kind": "manual", "nothing_new": "as before"},
    "a night with new titles": {"conf": {"sets": ["mlp"]}, "kind": "scheduled"},
    "a date again": {"conf": {"sets": ["mlp"]}, "kind": "backfill", "nothing_new": "as before"},
    "files come late": {"conf": {"sets": ["mlp"]}, "kind": "scheduled", "settings": {"wait_hours": 1}, "late_looks": 2},
    "an empty day, skipped": {
        "conf": {"sets": ["mlp"]},
        "kind": "backfill",
        "settings": {"empty_days": "skip"},
        "late_looks": 1,
    },
    "store down once": {"conf": {"sets": ["mlp"]}, "down_once": {"train": ["mlp"]}},
    "store down for hours": {"conf": {"sets": ["mlp"]}, "down": {"ingest": 15}},
    "folds": {"conf": {"sets": ["mlp", "cnn"], "folds": 3}, "fail": {"train": ["cnn, fold 2 of 3"]}},
    "approved": {
        "conf": {"sets": ["mlp"]},
        "verdict": "ask",
        "answer": {"chosen": "Approve", "params": {"reason": "recall of PHONES is fine"}, "times": 2},
    },
    "rejected": {"conf": {"sets": ["mlp"]}, "verdict": "ask", "answer": {"chosen": "Reject", "params": {"x": [1]}}},
    "nobody answers": {"conf": {"sets": ["mlp"]}, "verdict": "ask", "answer": {"late": True}},
    "decide fails": {"conf": {"sets": ["mlp"]}, "fail": {"decide": [""]}},
    "a fault of the code": {"conf": {"sets": ["mlp", "cnn"]}, "faulty": {"train": ["cnn"]}},
}

Runs = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def runs(in_airflow: InAirflow, airflow_database: None) -> Runs:
    done = in_airflow(str(Path(__file__).parent / "scenarios.py"), json.dumps(SCENARIOS))
    assert done.returncode == 0, done.stderr[-3000:]
    answers: Runs = json.loads(done.stdout.splitlines()[-1])
    for answer in answers.values():
        answer["output"] = done.stdout
    return answers


def states(answer: dict[str, Any], *tasks: str) -> list[str]:
    return [answer["tasks"][task][0] for task in tasks]


def test_recipes_and_sets_are_mapped_under_their_own_names(runs: Runs) -> None:
    run = runs["all succeed"]
    assert run["state"] == "success"
    assert {task: state for task, (state, _) in run["tasks"].items() if state != "success"} == {"search": "skipped"}
    assert run["tasks"]["train_mlp[0]"][1] == "mlp"
    assert run["tasks"]["train_mlp[1]"][1] == "mlp_1"
    assert run["tasks"]["train_cnn[0]"][1] == "cnn"
    assert run["tasks"]["embed[1]"][1] == "lab words, pretrained"
    assert sorted(run["trained"]) == ["cnn", "mlp", "mlp_1"]
    assert set(run["tries"].values()) == {1}


def test_folds_are_mapped_under_readable_names_and_a_set_without_one_of_them_is_not_evaluated(runs: Runs) -> None:
    run = runs["folds"]
    assert run["state"] == "success"
    names = {task: name for task, (_, name) in run["tasks"].items()}
    assert [names[f"embed[{index}]"] for index in range(4)] == [
        "words, fasttext", *(f"words, fasttext, fold {fold} of 3" for fold in (1, 2, 3))
    ]  # fmt: skip
    for family in ("mlp", "cnn"):
        assert [names[f"train_{family}[{index}]"] for index in range(4)] == [
            family, *(f"{family}, fold {fold} of 3" for fold in (1, 2, 3))
        ]  # fmt: skip
    assert states(run, *(f"train_cnn[{index}]" for index in range(4))) == ["success", "success", "failed", "success"]
    assert (run["trained"], run["failed"]) == (["mlp"], ["cnn"])


def test_plan_receives_every_parameter_the_runs_date_and_its_address(runs: Runs) -> None:
    run = runs["all succeed"]
    assert run["params"]["promotion"] == "auto"
    assert run["kind"] == "manual"
    assert run["as_of"][:4] == run["run"].split("__")[1][:4]
    assert run["url"] == f"http://localhost:8080/dags/meli_training/runs/{run['run']}"


def test_a_failed_training_does_not_stop_the_others(runs: Runs) -> None:
    run = runs["one training fails"]
    assert run["state"] == "success"
    assert states(run, "train_mlp[0]", "train_cnn[0]") == ["success", "failed"]
    assert states(run, "ensemble", "evaluate", "promote") == ["skipped", "success", "success"]
    assert (run["promoted_from"]["trained"], run["promoted_from"]["failed"]) == (["mlp"], ["cnn"])


def test_what_a_retry_cannot_fix_is_tried_once(runs: Runs) -> None:
    assert runs["one training fails"]["tries"]["train cnn"] == 1
    assert runs["store down once"]["tries"]["train mlp"] == 2
    assert runs["store down once"]["state"] == "success"


def test_an_outage_is_waited_out_and_a_fault_of_the_code_is_soon_reported(runs: Runs) -> None:
    assert runs["store down for hours"]["tries"]["ingest"] == 16
    assert runs["store down for hours"]["state"] == "success"
    assert runs["a fault of the code"]["tries"]["train cnn"] == 4
    assert states(runs["a fault of the code"], "train_mlp[0]", "train_cnn[0]") == ["success", "failed"]


def test_a_failed_recipe_stops_only_its_own_sets(runs: Runs) -> None:
    run = runs["one recipe fails"]
    assert run["state"] == "success"
    assert states(run, "embed[0]", "embed[1]") == ["success", "failed"]
    assert states(run, "train_mlp[0]", "train_mlp[1]") == ["success", "failed"]
    assert run["failed"] == ["mlp_1"]


def test_the_ensemble_holds_what_was_trained_and_evaluate_waits_for_it(runs: Runs) -> None:
    run = runs["one recipe fails"]
    assert run["members"] == ["cnn", "mlp"]
    assert states(run, "ensemble", "evaluate") == ["success", "success"]


def test_a_failed_ensemble_stops_nothing(runs: Runs) -> None:
    run = runs["the ensemble fails"]
    assert run["state"] == "success"
    assert states(run, "ensemble", "evaluate", "promote") == ["failed", "success", "success"]
    assert sorted(run["trained"]) == ["cnn", "mlp"]
    assert run["tries"]["ensemble"] == 1


def test_the_set_that_a_search_found_is_evaluated_with_the_requested_sets(runs: Runs) -> None:
    run = runs["a search"]
    assert run["state"] == "success"
    assert states(run, "search") == ["success"]
    assert run["trained"] == ["mlp", "cnn", "found"]
    assert run["members"] == ["cnn", "found", "mlp"]


def test_workers_of_a_search_are_skipped_without_one_and_a_failed_one_stops_nothing(
    in_airflow: InAirflow, airflow_database: None
) -> None:
    scenarios = {
        "a search": {"conf": {"sets": ["mlp"], "search_minutes": 5}, "fail": {"search_trials": [2]}},
        "no search": {"conf": {"sets": ["mlp"]}},
    }
    done = in_airflow(str(Path(__file__).parent / "scenarios.py"), json.dumps(scenarios), MELI_SEARCH_WORKERS="3")
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    workers = ("search", "search_trials[0]", "search_trials[1]")
    assert states(found["a search"], *workers, "promote") == ["success", "success", "failed", "success"]
    assert found["a search"]["state"] == found["no search"]["state"] == "success"
    assert states(found["no search"], *workers) == ["skipped"] * 3
    assert not [name for name in found["no search"]["tries"] if name.startswith("search")]


def test_a_failed_search_stops_nothing(runs: Runs) -> None:
    run = runs["a search fails"]
    assert run["state"] == "success"
    assert states(run, "search", "train_mlp[0]", "evaluate", "promote") == ["failed", *["success"] * 3]
    assert (run["trained"], run["tries"]["search"]) == (["mlp"], 1)


def test_a_run_in_which_no_training_succeeds_fails(runs: Runs) -> None:
    run = runs["every training fails"]
    assert run["state"] == "failed"
    assert states(run, "train_mlp", "evaluate", "promote") == ["skipped", "failed", "upstream_failed"]


def test_nothing_trains_after_a_failed_ingest(runs: Runs) -> None:
    run = runs["ingest fails"]
    assert run["state"] == "failed"
    after = ("embed", "mlp_sets", "train_mlp", "search", "promote")
    assert states(run, "ingest", *after) == ["failed", *["upstream_failed"] * len(after)]


@pytest.mark.parametrize("title", ["unknown key", "ingest fails"])
def test_without_titles_the_run_fails_and_only_what_failed_is_red(title: str, runs: Runs) -> None:
    run = runs[title]
    assert run["state"] == "failed"
    assert states(run, "ensemble", "evaluate", "decide", "approve") == ["skipped"] * 4
    [failed] = [task for task, (state, _) in run["tasks"].items() if state == "failed"]
    assert failed == {"unknown key": "plan", "ingest fails": "ingest"}[title]
    assert states(run, "promote") == ["upstream_failed"]


def test_plan_refuses_a_key_that_the_form_let_through(runs: Runs) -> None:
    run = runs["unknown key"]
    assert run["state"] == "failed"
    assert states(run, "plan", "ingest") == ["failed", "upstream_failed"]
    assert "There is no parameter 'epoch'" in run["output"]


def test_plan_refuses_more_training_runs_of_a_family_than_airflow_maps_a_task_over(
    in_airflow: InAirflow, airflow_database: None
) -> None:
    scenario = {"many": {"conf": {"sets": ["mlp", "mlp_1"], "folds": 3}}}
    done = in_airflow(
        str(Path(__file__).parent / "scenarios.py"), json.dumps(scenario), AIRFLOW__CORE__MAX_MAP_LENGTH="7"
    )
    assert done.returncode == 0, done.stderr[-3000:]
    run = json.loads(done.stdout.splitlines()[-1])["many"]
    assert run["state"] == "failed"
    assert states(run, "plan", "ingest") == ["failed", "upstream_failed"]
    assert run["tries"] == {"plan": 1}
    assert "2 mlp sets with 4 training runs each are 8 tasks, and Airflow maps a task over at most 7." in done.stdout


def test_a_night_with_nothing_new_ends_with_its_reason_and_trains_nothing(runs: Runs) -> None:
    run = runs["a night with nothing new"]
    assert run["state"] == "success"
    assert {state for state, _ in run["tasks"].values()} == {"skipped"}
    assert "Nothing new: 12 min saved. as before" in run["output"]
    assert run["tries"] == {"plan": 1}


def test_a_manual_run_and_a_night_with_new_titles_run_everything(runs: Runs) -> None:
    for title in ("nothing new, by hand", "a night with new titles", "a date again"):
        assert runs[title]["state"] == "success"
        assert states(runs[title], "train_mlp[0]", "promote") == ["success", "success"], title
    assert [runs[title]["backfill"] for title in ("nothing new, by hand", "a date again")] == [False, True]


def test_a_run_that_leaves_nothing_to_a_person_does_not_wait(runs: Runs) -> None:
    run = runs["all succeed"]
    assert states(run, "decide", "approve", "promote") == ["success"] * 3
    assert (run["asked"], run["approval"]) == ({}, None)


def test_an_approval_reaches_promote_with_who_and_why_and_a_second_one_is_refused(runs: Runs) -> None:
    run = runs["approved"]
    assert run["state"] == "success"
    assert run["asked"] == {"subject": "Promote mlp?", "body": "**evidence**", "fields": ["reason"], "refused": 409}
    answer = run["approval"]
    assert (answer["by"], answer["approved"], answer["timed_out"]) == ("ana", True, False)
    assert answer["reason"] == "recall of PHONES is fine"


def test_a_rejection_is_recorded_by_promote_and_fails_and_skips_nothing(runs: Runs) -> None:
    run = runs["rejected"]  # with fields that the form does not have
    assert run["state"] == "success"
    assert states(run, "approve", "promote") == ["success", "success"]
    answer = run["approval"]
    assert (answer["by"], answer["approved"], answer["reason"], answer["timed_out"]) == ("ana", False, "", False)


def test_if_nobody_answers_in_time_promote_runs_and_knows_it(runs: Runs) -> None:
    run = runs["nobody answers"]
    assert run["state"] == "success"
    assert states(run, "approve", "promote") == ["success", "success"]
    answer = run["approval"]
    assert (answer["by"], answer["approved"], answer["timed_out"]) == ("", False, True)


def test_nothing_is_promoted_after_a_failed_decide(runs: Runs) -> None:
    run = runs["decide fails"]
    assert run["state"] == "failed"
    assert states(run, "decide", "approve", "promote") == ["failed", "upstream_failed", "upstream_failed"]


def test_a_night_waits_for_its_files_without_a_worker(runs: Runs) -> None:
    run = runs["files come late"]
    assert (run["state"], run["looks"]) == ("success", 3)
    assert states(run, "plan", "promote") == ["success", "success"]
    assert "There are no files. Waiting for them until" in run["output"]


def test_a_day_without_files_can_be_skipped_in_a_backfill(runs: Runs) -> None:
    run = runs["an empty day, skipped"]
    assert run["state"] == "success"
    assert states(run, "plan", "ingest", "promote") == ["skipped", "skipped", "skipped"]
