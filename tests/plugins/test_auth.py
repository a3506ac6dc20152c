"""Who may see the pages: every address of the application is walked, as nobody, as users, as admin."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from tests.airflow_process import ROOT, InAirflow

pytestmark = pytest.mark.airflow

READ_BY_POST = {"POST /api/predict", "POST /api/predict/file"}
DECIDING = (
    "training", "training, always", "training, null", "training, a list", "training, padded", "training, a line break",
    "dates, always", "backfill", "asset", "asset, always", "answer", "what a task returned",
    "what a task returned, changed", "what a task returned, removed",
)  # fmt: skip
"""As in walk.py, which can be imported only inside an Airflow."""
Seen = dict[str, dict[str, int]]
FAB = "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager"
SIMPLE = "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager"


def walked(in_airflow: InAirflow, folder: Path, manager: str) -> Seen:
    more = {
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{folder / 'airflow.db'}",
        "AIRFLOW__CORE__AUTH_MANAGER": manager,
        "AIRFLOW__API_AUTH__JWT_SECRET": "only-for-this-test-" * 4,
        "AIRFLOW__API__SECRET_KEY": "another-one-for-this-test",
    }
    made = in_airflow("-m", "airflow", "db", "migrate", **more)
    assert made.returncode == 0, made.stderr[-2000:]
    done = in_airflow(str(ROOT / "tests" / "plugins" / "walk.py"), **more)
    lines = [line for line in done.stdout.splitlines() if line.startswith("WALKED ")]
    assert lines, done.stderr[-3000:]
    seen: Seen = json.loads(lines[-1].removeprefix("WALKED "))
    [lacking] = [line for line in done.stdout.splitlines() if line.startswith("LACKING ")]
    assert json.loads(lacking.removeprefix("LACKING ")) == {}
    return seen


@pytest.fixture(scope="module")
def with_fab(in_airflow: InAirflow, tmp_path_factory: pytest.TempPathFactory) -> Seen:
    folder = tmp_path_factory.mktemp("fab")
    seen = walked(in_airflow, folder, FAB)
    with sqlite3.connect(folder / "airflow.db") as database:
        assert database.execute("select count(*) from ab_user").fetchone() == (6,)
    return seen


@pytest.fixture(scope="module")
def with_simple(in_airflow: InAirflow, tmp_path_factory: pytest.TempPathFactory) -> Seen:
    return walked(in_airflow, tmp_path_factory.mktemp("simple"), SIMPLE)


@pytest.mark.parametrize("manager", ["with_fab", "with_simple"])
def test_without_signing_in_nobody_sees_anything(manager: str, request: pytest.FixtureRequest) -> None:
    seen: Seen = request.getfixturevalue(manager)
    assert set(seen["nobody"].values()) == {401}
    assert set(seen["nobody by cookie"].values()) == {401}
    assert "GET /openapi.json" in seen["nobody"]
    assert "GET /static/pages.js" in seen["nobody"]
    assert len(seen["nobody"]) > 200


@pytest.mark.parametrize("manager", ["with_fab", "with_simple"])
def test_a_forged_token_opens_nothing(manager: str, request: pytest.FixtureRequest) -> None:
    seen: Seen = request.getfixturevalue(manager)
    found = {who: set(statuses.values()) for who, statuses in seen.items() if who.startswith("forged")}
    assert len(found) == 8 + 8  # each also by cookie
    assert [who for who, statuses in found.items() if not statuses <= {401, 403}] == []


def changing(seen: Seen, who: str) -> dict[str, int]:
    """The statuses of whatever may change something, apart from requests for files."""
    unsafe = ("POST ", "PUT ", "PATCH ", "DELETE ")
    found = {address: status for address, status in seen[who].items() if address.startswith(unsafe)}
    return {address: status for address, status in found.items() if " /static/" not in address}


@pytest.mark.parametrize(
    ("manager", "who"),
    [("with_simple", "viewer"), ("with_fab", "viewer"), ("with_fab", "op"), ("with_fab", "promoting viewer")],
)
def test_who_may_only_read_reads_everything_and_changes_nothing(
    manager: str, who: str, request: pytest.FixtureRequest
) -> None:
    seen: Seen = request.getfixturevalue(manager)
    refused = changing(seen, who)
    assert {"POST /api/promote", "POST /api/rollback", "DELETE /api/models", "POST /api/nothing"} <= refused.keys()
    # The role Op of FAB may change runs, and so stop them, but it may not decide on the champion.
    runs = {"POST /api/stop-training", "POST /api/cancel-backfill"}
    assert {refused[address] for address in runs} == ({422} if who == "op" else {403})
    assert {status for address, status in refused.items() if address not in READ_BY_POST | runs} == {403}
    read = {address: status for address, status in seen[who].items() if address.startswith("GET ")}
    assert {address for address, status in read.items() if status == 403} <= {"GET /api/backfills/a/b"}
    assert read == {address: status for address, status in seen["admin"].items() if address.startswith("GET ")}


@pytest.mark.parametrize(
    ("manager", "who"),
    [("with_simple", "user"), ("with_simple", "op"), ("with_simple", "admin"),
     ("with_fab", "promoter"), ("with_fab", "admin")],
)  # fmt: skip
def test_who_may_decide_is_told_what_the_request_lacks(manager: str, who: str, request: pytest.FixtureRequest) -> None:
    seen: Seen = request.getfixturevalue(manager)
    allowed = changing(seen, who)
    assert (allowed["POST /api/promote"], allowed["POST /api/rollback"]) == (422, 422)
    assert 403 not in allowed.values()


@pytest.mark.parametrize(
    ("manager", "who", "may"),
    [("with_fab", "op", False), ("with_fab", "promoting viewer", False), ("with_fab", "promoter", True),
     ("with_fab", "admin", True), ("with_simple", "viewer", False), ("with_simple", "user", True),
     ("with_simple", "op", True), ("with_simple", "admin", True)],
)  # fmt: skip
def test_a_request_of_airflows_own_that_decides_needs_the_right(
    manager: str, who: str, may: bool, request: pytest.FixtureRequest
) -> None:
    seen: Seen = request.getfixturevalue(manager)
    assert seen[f"{who} decides"] == ({} if may else dict.fromkeys(DECIDING, 1))
    assert seen[f"{who} triggers"] == {}


def test_a_user_without_the_right_gets_the_program_and_no_data(with_fab: Seen) -> None:
    for address, status in with_fab["user"].items():
        method, path = address.split(" ")
        if path.startswith("/static/") and path.endswith((".js", ".svg")) and path != "/static/nothing.js":
            assert status == (200 if method in ("GET", "HEAD") else 405), address
        else:
            assert status in (403, 404, 405), address
            assert status == 403 or path.startswith("/static/"), address
    assert with_fab["user by cookie"] == {"GET /api/models": 403}


@pytest.mark.parametrize("manager", ["with_fab", "with_simple"])
def test_whoever_may_read_the_dag_sees_the_pages(manager: str, request: pytest.FixtureRequest) -> None:
    seen: Seen = request.getfixturevalue(manager)
    admin = seen["admin"]
    for path in ("/api/models", "/api/decisions", "/api/mlflow", "/openapi.json", "/static/pages.js"):
        assert admin[f"GET {path}"] == 200, path
    assert admin["GET /api/runs/a/b"] == 404  # no such run, as it says
    assert (admin["GET /docs"], admin["GET /nothing"], admin["POST /api/models"]) == (404, 404, 405)
    assert not {401, 403, 500, 503} & set(admin.values())
    assert seen["admin by cookie"] == {"GET /api/models": 200}
