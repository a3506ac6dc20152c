"""Promotion and rollback through the pages' API: who may, from where, with what; and that nothing else is changed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from meli_tasks.artifacts import paths
from meli_tasks.ledger import Ledger
from meli_tasks.store.file import FileStore
from tests.airflow_process import ROOT, InAirflow
from tests.pages.published import evaluate, promote
from tests.past_run import PastRun

pytestmark = pytest.mark.airflow

SIMPLE = "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager"


@dataclass(frozen=True)
class Decided:
    """By what was requested: the status, the answer, the number of the last decision afterwards."""

    requests: dict[str, tuple[int, dict[str, Any], int]]
    rights: dict[str, dict[str, Any]]
    champion: dict[str, Any]
    ledger: Ledger


@pytest.fixture(scope="module")
def decided(in_airflow: InAirflow, airflow_database: None, tmp_path_factory: pytest.TempPathFactory) -> Decided:
    store = FileStore(tmp_path_factory.mktemp("decide") / "store")
    run = PastRun(store, accuracies={"mlp": 0.90, "cnn": 0.94, "small": 0.88})
    evaluate(run)
    promote(run, "mlp")
    promote(run, "cnn", expected_last=1)
    more = {
        "AIRFLOW__CORE__AUTH_MANAGER": SIMPLE,
        "AIRFLOW__API_AUTH__JWT_SECRET": "only-for-this-test-" * 4,
        "AIRFLOW__API__SECRET_KEY": "another-one-for-this-test",
        "MELI_STORE": store.url,
        "MLFLOW_TRACKING_URI": "",
        "MODEL": paths.model_id(run.plan.name, "small"),
    }
    done = in_airflow(str(ROOT / "tests" / "plugins" / "decide.py"), **more)
    lines = [line for line in done.stdout.splitlines() if line.startswith("DECIDED ")]
    assert lines, done.stderr[-3000:]
    requests, rights, champion = json.loads(lines[-1].removeprefix("DECIDED "))
    return Decided({what: tuple(rest) for what, *rest in requests}, rights, champion, Ledger(store))


@pytest.mark.parametrize(
    ("what", "status", "sentence"),
    [
        ("nobody", 401, "Not authenticated"),
        ("viewer", 403, "You may not decide on the champion, so nothing was changed."),
        ("form of a foreign page", 415, "The body must be JSON"),
        ("text of a foreign page", 415, "The body must be JSON"),
        ("script of a foreign page", 403, "does not come from a page of this Airflow"),
        ("foreign page over HTTPS", 403, "does not come from a page of this Airflow"),
        ("neighbouring host", 403, "does not come from a page of this Airflow"),
        ("cookie alone", 403, "does not come from a page of this Airflow"),
        ("too large", 413, "bytes, but it must have at most 500,000"),
        ("long reason", 422, "…', but it must be a text of 1 to 1,000 characters."),
        ("blank reason", 422, "but it must be a text of 1 to 1,000 characters."),
        ("no reason", 422, "The parameter reason is missing: it must be a text of 1 to 1,000 characters."),
        ("misspelled", 422, "There is no parameter 'too'."),
        ("no number", 422, "The parameter expected is '2', but it must be the number of the last decision"),
        ("no JSON", 422, "The body is not JSON."),
        ("no object", 422, "The body must be a JSON object."),
        ("no such decision", 404, "There is no decision 99"),
        ("an old page", 409, "its last decision is 2, not 1"),
    ],
)
def test_what_is_refused_says_why_and_changes_nothing(what: str, status: int, sentence: str, decided: Decided) -> None:
    found, answer, last = decided.requests[what]
    assert (found, last) == (status, 2), answer
    assert sentence in answer["detail"]


def test_a_rollback_from_our_page_is_a_decision_of_the_signed_in_user(decided: Decided) -> None:
    status, answer, last = decided.requests["our page"]
    assert (status, last, answer["warning"]) == (200, 3, "")
    decision = decided.ledger.decision(3)
    assert decision.champion is not None
    assert (decision.action, decision.champion.set_name, decision.by) == ("rollback", "mlp", "the admin")
    assert answer["decision"]["number"] == 3


def test_markup_in_a_reason_is_stored_as_text(decided: Decided) -> None:
    assert decided.ledger.decision(3).reason == "<b>recall</b> of PHONES fell"
    assert decided.requests["our page"][1]["decision"]["reason"] == "<b>recall</b> of PHONES fell"


def test_a_promotion_by_hand_names_who_and_its_evidence(decided: Decided) -> None:
    assert decided.requests["no such model"][0] == 404
    assert decided.requests["viewer promotes"][::2] == (403, 3)
    assert decided.requests["user"][::2] == (200, 4)
    decision = decided.ledger.decision(4)
    assert decision.champion is not None
    assert (decision.champion.set_name, decision.champion.balanced_accuracy) == ("small", 0.88)
    assert (decision.action, decision.by, decision.reason) == ("promote", "the user", "it is what we need")
    assert decision.evidence.by_hand
    assert decision.evidence.scores["small"].balanced_accuracy == 0.88


def test_the_champion_cannot_be_promoted_again(decided: Decided) -> None:
    status, answer, last = decided.requests["twice"]
    assert (status, last) == (409, 4)
    assert "is the champion already" in answer["detail"]


def test_the_page_has_the_last_decision_at_once(decided: Decided) -> None:
    assert decided.requests["op"][::2] == (200, 5)
    assert (decided.champion["set"], decided.champion["decision"]["number"]) == ("cnn", 5)


def test_everybody_learns_what_they_may_do(decided: Decided) -> None:
    assert {role: found["decide"] for role, found in decided.rights.items()} == {
        "viewer": False, "user": True, "op": True, "admin": True,
    }  # fmt: skip
    assert decided.rights["op"]["user"] == "the op"
