"""`meli doctor` on the service at MELI_SERVING_URL: whether it answers, and with which champion."""

from __future__ import annotations

from typing import Any

import pytest

from meli_tasks.cli.check_result import CheckResult
from meli_tasks.cli.serving_checks import service
from meli_tasks.ledger import Ledger
from meli_tasks.settings import Settings
from meli_tasks.store import Store
from tests.cli.test_doctor import server
from tests.decided import promote
from tests.servers import NOWHERE

KEY = "a-key-of-sixteen-letters"


@pytest.fixture
def champion(file_store: Store) -> dict[str, Any]:
    """The champion of the ledger, as the service names it."""
    last = promote(Ledger(file_store), "mlp")
    assert last.champion is not None
    return {"set": "mlp", "key": last.champion.train, "sha256": last.champion.sha256, "decision": last.number}


def checked(store: Store, url: str, key: str = "") -> CheckResult:
    values = {"MELI_SERVING_URL": url, "MELI_SERVING_KEY": key, "MELI_STORE": store.url, "MELI_HOME": "/nowhere"}
    (line,) = service(Settings.from_environment(values))
    return line


def version(**changed: Any) -> dict[str, Any]:
    return {"version": "1.2.3", "follows": "champion", "problem": "", "warning": "", "shadow": None, **changed}


def test_no_service_is_not_called_fine(file_store: Store) -> None:
    assert checked(file_store, "").state == "skipped"


def test_a_service_with_the_champion_is_fine(file_store: Store, champion: dict[str, Any]) -> None:
    with server({"GET /version": (200, version(model=champion))}, f"Bearer {KEY}") as url:
        line = checked(file_store, url, KEY)
        assert (line.state, line.advice) == ("ok", "")
        assert f"{url}, version 1.2.3, answers with mlp ({champion['key'][:8]}" in line.observed
        refused = checked(file_store, url, "another-key-of-letters")
    assert refused.state == "failed"
    assert "401" in refused.observed and "MELI_SERVING_KEY" in refused.advice


@pytest.mark.parametrize(
    ("answer", "state", "says"),
    [
        (
            {"model": None, "problem": "there is no champion yet"},
            "failed",
            "no model to answer with: there is no champ",
        ),
        ({"model": {"set": "cnn", "key": "0" * 64, "sha256": "1" * 64}}, "failed", "but the champion is mlp ("),
        ({"model": {"set": "cnn", "key": "0" * 64}, "follows": "cnn"}, "ok", "as its MELI_SERVING_MODEL=cnn requests"),
        ({"model": {}}, "failed", "does not answer as `meli serve` does"),
    ],
)
def test_what_is_wrong_with_a_service_is_named(
    file_store: Store, champion: dict[str, Any], answer: dict[str, Any], state: str, says: str
) -> None:
    with server({"GET /version": (200, version(**answer))}) as url:
        line = checked(file_store, url)
    assert (line.state, says in line.observed) == (state, True), line
    assert bool(line.advice) == (state == "failed")


def test_a_service_that_keeps_an_older_model_says_why(file_store: Store, champion: dict[str, Any]) -> None:
    with server({"GET /version": (200, version(model=champion, problem="the new one is damaged"))}) as url:
        line = checked(file_store, url)
    assert (line.state, "because the new one is damaged" in line.observed) == ("failed", True)


def test_a_service_that_is_down_is_a_failure(file_store: Store) -> None:
    line = checked(file_store, NOWHERE)
    assert line.state == "failed" and "`meli serve`" in line.advice


def test_another_program_is_noticed(file_store: Store) -> None:
    with server({"GET /version": (200, "<html>hello</html>")}) as url:
        line = checked(file_store, url)
    assert (line.state, line.advice) == ("failed", "Is it another program? Correct MELI_SERVING_URL.")
