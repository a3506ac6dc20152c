"""The leaderboard: who is ranked with whom, what is one row, which rows are sent."""

from __future__ import annotations

from typing import Any

import pytest

from meli_tasks.pages import RunFilter, Wanted
from meli_tasks.pages.ranking import OPEN
from meli_tasks.store import Store
from tests.pages.published import Counting, evaluate, promote
from tests.pages.served import ServedPages
from tests.past_run import PastRun


def night(store: Store, name: str, day: int, accuracies: dict[str, float], seed: int = 1) -> PastRun:
    """An evaluated run with titles of a day; the same seed makes the same titles."""
    run = PastRun(store, run_id=name, accuracies=accuracies, seed=seed)
    run.plan = run.plan.model_copy(update={"as_of": f"2026-11-{day:02}"})
    run.plan.save(store)
    evaluate(run)
    return run


def board(store: Store, **wanted: Any) -> Any:
    return ServedPages(store).models(RunFilter(wanted=Wanted(**wanted)))


def test_a_model_that_several_runs_evaluated_is_one_row_with_its_rank(store: Counting) -> None:
    night(store, "a", 1, {"mlp": 0.9, "cnn": 0.8})
    night(store, "b", 2, {"mlp": 0.9, "cnn": 0.8})
    night(store, "c", 3, {"bow": 0.95})
    page = board(store)
    assert [(row["rank"], row["set"], row["run_id"], row["runs"]) for row in page["rows"]] == [
        (1, "bow", "c", 1),
        (2, "mlp", "b", 2),
        (3, "cnn", "b", 2),
    ]
    [titles] = page["test_sets"]
    assert (titles["models"], titles["best"], titles["best_set"], titles["shown"]) == (3, 0.95, "bow", 3)


def test_equal_scores_share_a_rank(store: Counting) -> None:
    night(store, "a", 1, {"mlp": 0.9, "cnn": 0.9, "bow": 0.8})
    assert [(row["rank"], row["set"]) for row in board(store)["rows"]] == [(1, "cnn"), (1, "mlp"), (3, "bow")]


def test_a_model_whose_interval_reaches_the_best_score_is_not_called_worse(store: Counting) -> None:
    night(store, "a", 1, {"mlp": 0.9, "cnn": 0.895, "bow": 0.2})
    page = board(store)
    best = page["rows"][0]["balanced_accuracy"]
    for row in page["rows"]:
        assert row["reaches_best"] == (row["interval"][1] >= best)
    assert [row["reaches_best"] for row in page["rows"]] == [True, True, False]


def test_one_bad_model_does_not_stretch_the_scale_of_the_best_twenty(store: Counting) -> None:
    many = {f"set_{number:02}": 0.9 + number / 1000 for number in range(20)}
    night(store, "a", 1, {**many, "broken": 0.008})
    page = board(store)
    [titles] = page["test_sets"]
    best = [row["interval"] for row in page["rows"][:20]]
    assert titles["scale"] == [min(low for low, _ in best), max(high for _, high in best)]
    assert titles["scale"][0] > 0.5
    assert page["rows"][-1]["set"] == "broken"


def test_older_titles_are_folded_until_they_are_opened(store: Counting) -> None:
    for day in range(1, OPEN + 3):
        night(store, f"night_{day}", day, {"mlp": 0.9}, seed=day)
    page = board(store)
    assert [titles["open"] for titles in page["test_sets"]] == [True] * OPEN + [False] * 2
    assert len(page["rows"]) == OPEN
    oldest = page["test_sets"][-1]
    assert (oldest["models"], oldest["shown"]) == (1, 0)
    opened = board(store, opened=(oldest["id"],))
    assert [row["run_id"] for row in opened["rows"]][-1] == "night_1"


def test_only_the_best_rows_are_sent_and_the_champions_row_in_any_case(store: Counting) -> None:
    run = night(store, "a", 1, {"mlp": 0.5, **{f"set_{number}": 0.9 for number in range(8)}})
    promote(run, "mlp")
    page = board(store, rows=3)
    assert [row["set"] for row in page["rows"]] == ["set_0", "set_1", "set_2", "mlp"]
    [titles] = page["test_sets"]
    assert (titles["matching"], titles["shown"], page["rows"][-1]["rank"]) == (9, 4, 9)
    assert [row["set"] for row in page["rows"] if row["champion"]] == ["mlp"]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"set_name": "cnn"}, ["cnn"]),
        ({"kind": "mlp"}, ["mlp"]),
        ({"kind": "champion"}, ["mlp"]),
        ({"kind": "ensemble"}, []),
        ({"kind": "cnn", "set_name": "mlp"}, []),
    ],
)
def test_filtered_rows_keep_their_rank_among_all(store: Counting, wanted: dict[str, Any], found: list[str]) -> None:
    run = night(store, "a", 1, {"mlp": 0.8, "cnn": 0.9})
    promote(run, "mlp")
    page = board(store, **wanted)
    assert [row["set"] for row in page["rows"]] == found
    assert [row["rank"] for row in page["rows"]] == [{"cnn": 1, "mlp": 2}[name] for name in found]


def test_pinned_rows_come_whether_or_not_their_titles_are_open(store: Counting) -> None:
    for day in range(1, OPEN + 2):
        night(store, f"night_{day}", day, {"mlp": 0.9, "cnn": 0.8}, seed=day)
    oldest = next(row for row in board(store, opened=tuple(ids(store)))["rows"] if row["run_id"] == "night_1")
    page = board(store, pins=(oldest["id"], "unknown/000000000000/mlp", oldest["id"]))
    assert [(row["run_id"], row["set"], row["rank"]) for row in page["pinned"]] == [("night_1", "mlp", 1)]
    assert "night_1" not in {row["run_id"] for row in page["rows"]}


def ids(store: Store) -> list[str]:
    return [titles["id"] for titles in board(store)["test_sets"]]


def test_models_without_a_score_come_last_and_are_counted(store: Counting) -> None:
    for number in range(3):
        PastRun(store, run_id=f"waiting_{number}", accuracies={"mlp": 0.9, "cnn": 0.8})
    page = board(store, rows=4)
    assert page["without_score"] == 6
    assert len(page["rows"]) == 4
    assert {row["state"] for row in page["rows"]} == {"not evaluated"}
