"""What people do about runs through the pages' API: who may, with what; and that nothing else is changed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from meli_tasks.execution.progress_log import ProgressLog
from meli_tasks.store.file import FileStore
from tests.airflow_process import ROOT, InAirflow
from tests.past_run import PastRun

pytestmark = pytest.mark.airflow

SIMPLE = "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager"
ACTIONS = ("stop-training", "cancel-backfill", "answer")
WHY = "<b>wrong</b> dates"
UNTOUCHED = {"answer": [None, {}], "backfill": "running", "stop": None, "logs": []}


@dataclass(frozen=True)
class Acted:
    """By what was requested: the status, the answer, what there was afterwards."""

    requests: dict[str, tuple[int, dict[str, Any], dict[str, Any]]]
    rights: dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def acted(in_airflow: InAirflow, airflow_database: None, tmp_path_factory: pytest.TempPathFactory) -> Acted:
    store = FileStore(tmp_path_factory.mktemp("act") / "store")
    run = PastRun(store)
    key = run.models["mlp"]
    ProgressLog(store, "train", "mlp", key, run.run_id).progress(step=1)
    more = {
        "AIRFLOW__CORE__AUTH_MANAGER": SIMPLE,
        "AIRFLOW__API_AUTH__JWT_SECRET": "only-for-this-test-" * 4,
        "AIRFLOW__API__SECRET_KEY": "another-one-for-this-test",
        "MELI_STORE": store.url,
        "MLFLOW_TRACKING_URI": "",
        "RUN": run.run_id,
        "KEY": key,
    }
    done = in_airflow(str(ROOT / "tests" / "plugins" / "act.py"), **more)
    lines = [line for line in done.stdout.splitlines() if line.startswith("ACTED ")]
    assert lines, done.stderr[-3000:]
    requests, rights = json.loads(lines[-1].removeprefix("ACTED "))
    return Acted({what: tuple(rest) for what, *rest in requests}, rights)


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize(
    ("who", "status", "sentence"),
    [
        ("nobody", 401, "Not authenticated"),
        ("viewer", 403, "so nothing was changed. It needs the right to edit a "),
        ("long reason", 422, "…', but it must be a text of 1 to 1,000 characters."),
        ("no reason", 422, "but it must be a text of 1 to 1,000 characters."),
        ("misspelled", 422, "There is no parameter 'ruin'."),
        ("foreign page", 403, "does not come from a page of this Airflow"),
        ("no such run", 404, "no such run"),
    ],
)
def test_what_is_refused_says_why_and_changes_nothing(
    action: str, who: str, status: int, sentence: str, acted: Acted
) -> None:
    found, answer, after = acted.requests[f"{who}: {action}"]
    assert (found, after) == (status, UNTOUCHED), answer
    assert sentence in answer["detail"]


@pytest.mark.parametrize(
    ("what", "status", "sentence"),
    [
        ("viewer: repair-alias", 403, "You may not decide on the champion, so nothing was changed."),
        ("repair without MLflow", 404, "No MLflow server is set"),
        ("not a training task", 422, "The parameter task_id is 'ingest', but it must be the id of a task."),
        ("no number", 422, "The parameter map_index is '0', but it must be a whole number"),
        ("not yes or no", 422, "The parameter approve is 'yes', but it must be true or false."),
        ("just asked", 409, "for only a few seconds, and Airflow would lose the answer. Answer again in "),
    ],
)
def test_other_mistakes_are_sentences_too(what: str, status: int, sentence: str, acted: Acted) -> None:
    found, answer, after = acted.requests[what]
    assert (found, after) == (status, UNTOUCHED), answer
    assert sentence in answer["detail"]


def test_an_answer_reaches_airflow_with_its_reason_and_a_second_one_changes_nothing(acted: Acted) -> None:
    status, answer, after = acted.requests["op answers"]
    assert (status, answer["done"]) == (200, "You approved the model. The run continues and promotes it.")
    assert after["answer"] == [["Approve"], {"reason": WHY}]
    status, answer, again = acted.requests["twice: answer"]
    assert (status, again) == (409, after)
    assert "does not wait for an answer" in answer["detail"]


def test_a_training_run_is_stopped_by_whom_and_why_and_the_first_request_counts(acted: Acted) -> None:
    status, answer, after = acted.requests["user stops"]
    assert (status, answer["done"]) == (200, "The training of mlp stops within seconds and keeps its best epoch.")
    assert after["stop"].startswith("the user at ") and after["stop"].endswith(f"({WHY})")
    status, _, again = acted.requests["twice: stop"]
    assert (status, again["stop"]) == (200, after["stop"])


def test_a_backfill_is_cancelled_once(acted: Acted) -> None:
    status, answer, after = acted.requests["user cancels"]
    assert (status, after["backfill"]) == (200, "failed"), answer
    status, answer, again = acted.requests["twice: cancel"]
    assert (status, again) == (409, after)
    assert "has already ended (state: failed). Nothing was changed." in answer["detail"]


def test_each_action_is_in_airflows_audit_log_with_who_and_why(acted: Acted) -> None:
    logs = acted.requests["twice: cancel"][2]["logs"]
    assert [(event, owner, json.loads(extra)["reason"]) for event, owner, extra in logs] == [
        ("meli.approved", "the op", WHY),
        ("meli.stop_training", "the user", WHY),
        ("meli.stop_training", "the admin", "again"),
        ("meli.cancel_backfill", "the user", WHY),
    ]


def test_everybody_learns_what_they_may_do(acted: Acted) -> None:
    for action in (*ACTIONS, "decide"):
        may = {role: found[action] for role, found in acted.rights.items()}
        assert may == {"viewer": False, "user": True, "op": True, "admin": True}, action


LOCKED = """
import json
from contextlib import contextmanager
from unittest.mock import Mock
import airflow.utils.session
from airflow.models.log import Log
from meli_airflow import audit
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

create_session, tried = airflow.utils.session.create_session, []

@contextmanager
def locked_at_first():
    with create_session() as session:
        yield session
        tried.append(1)
        if len(tried) == 1:
            raise OperationalError("insert", {}, Exception("database is locked"))

airflow.utils.session.create_session = locked_at_first
audit.record("meli.test_locked", Mock(get_name=lambda: "ana"), "why", "meli_training")
with create_session() as session:
    print(json.dumps(session.scalars(select(Log.owner).where(Log.event == "meli.test_locked")).all()))
"""


def test_a_locked_database_does_not_lose_the_entry_in_the_audit_log(
    in_airflow: InAirflow, airflow_database: None
) -> None:
    done = in_airflow("-c", LOCKED)
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout.splitlines()[-1]) == ["ana"]
