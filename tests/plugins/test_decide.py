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
from tests.pages.published import add_file, evaluate, promote
from tests.past_run import PastRun

pytestmark = pytest.mark.airflow

SIMPLE = "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager"


@dataclass(frozen=True)
class Decided:
    """By what was requested: the status, the answer, the number of the last decision afterwards."""

    requests: dict[str, tuple[int, dict[str, Any], int]]
    rights: dict[str, dict[str, Any]]
    champion: dict[str, Any]
    files: dict[str, tuple[int, dict[str, str], str]]
    ledger: Ledger
    run: PastRun


@pytest.fixture(scope="module")
def decided(in_airflow: InAirflow, airflow_database: None, tmp_path_factory: pytest.TempPathFactory) -> Decided:
    store = FileStore(tmp_path_factory.mktemp("decide") / "store")
    run = PastRun(store, accuracies={"mlp": 0.90, "cnn": 0.94, "small": 0.88})
    run.with_real_models(tmp_path_factory.mktemp("models"))
    evaluated = evaluate(run)
    store.write(paths.report(run.plan.name), b"<!doctype html><title>Report</title>")
    add_file(run, "evaluate", evaluated.key, "suspect_labels.csv", b"row,title\n3,perfume\n")
    promote(run, "mlp")
    promote(run, "cnn", expected_last=1)
    more = {
        "AIRFLOW__CORE__AUTH_MANAGER": SIMPLE,
        "AIRFLOW__API_AUTH__JWT_SECRET": "only-for-this-test-" * 4,
        "AIRFLOW__API__SECRET_KEY": "another-one-for-this-test",
        "MELI_STORE": store.url,
        "MLFLOW_TRACKING_URI": "",
        "MELI_CACHE": str(tmp_path_factory.mktemp("cache")),
        "RUN_ID": run.run_id,
        "MODEL": paths.model_id(run.plan.name, "small"),
    }
    done = in_airflow(str(ROOT / "tests" / "plugins" / "decide.py"), **more)
    lines = [line for line in done.stdout.splitlines() if line.startswith("DECIDED ")]
    assert lines, done.stderr[-3000:]
    requests, rights, champion, files = json.loads(lines[-1].removeprefix("DECIDED "))
    found = {what: tuple(rest) for what, *rest in requests}
    return Decided(found, rights, champion, {path: tuple(one) for path, one in files.items()}, Ledger(store), run)


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


@pytest.mark.parametrize(
    ("what", "status", "sentence"),
    [
        ("foreign note", 403, "does not come from a page of this Airflow"),
        ("viewer's note", 403, "so nothing was changed"),
        ("long note", 422, "but it must be a text of at most 2,000 characters."),
        ("second note", 409, "its number is 1, not 0. Nothing was written"),
    ],
)
def test_a_note_that_is_refused_says_why(what: str, status: int, sentence: str, decided: Decided) -> None:
    found, answer, _ = decided.requests[what]
    assert found == status, answer
    assert sentence in answer["detail"]


def test_a_note_is_stored_as_text_with_its_author(decided: Decided) -> None:
    status, answer, _ = decided.requests["user's note"]
    assert (status, answer["number"], answer["by"]) == (200, 1, "the user")
    assert answer["text"] == "<b>diverged</b>\nat 0.01"


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


def test_whoever_may_read_may_predict(decided: Decided) -> None:
    status, answer, _ = decided.requests["viewer predicts"]
    assert status == 200, answer
    [title] = answer["titles"]
    assert (title["known"], title["categories"][0]["category"]) == (True, "PERFUMES")
    assert [word["known"] for word in title["words"]] == ["word", "nothing"]
    assert answer["train"] == decided.run.models["small"]


@pytest.mark.parametrize(
    ("what", "status", "sentence"),
    [
        ("no title", 422, "but it must be a list of 1 to 100 titles, each of 1 to 500 characters."),
        ("101 titles", 422, "but it must be a list of 1 to 100 titles"),
        ("a long title", 422, "The parameter titles is 'xxxxx"),
        ("no list", 422, "The parameter titles is 'perfume', but it must be a list of 1 to 100 titles"),
        ("21 categories", 422, "The parameter top is '21', but it must be a whole number from 1 to 20."),
        ("an unknown model", 404, "There is no run 'a/b/c'"),
        ("a short key", 422, "'ab' is too short for a model's key"),
    ],
)
def test_what_cannot_be_predicted_is_refused_in_a_sentence(
    what: str, status: int, sentence: str, decided: Decided
) -> None:
    found, answer, _ = decided.requests[what]
    assert found == status, answer
    assert sentence in answer["detail"]


def test_whoever_may_read_may_score_a_file_and_gets_lines(decided: Decided) -> None:
    status, answer, _ = decided.requests["a file"]
    assert status == 200, answer
    assert answer["headers"]["content-type"] == "application/x-ndjson"
    assert answer["headers"]["content-encoding"] == "identity"  # compressed, the lines would be held back
    *progress, last = answer["lines"]
    assert [line["result"] for line in progress] == [None] * len(progress)
    assert [(row["category"], row["known"]) for row in last["result"]["first"]] == [("PERFUMES", True), ("", False)]


@pytest.mark.parametrize(
    ("what", "status", "sentence"),
    [
        ("a file of another kind", 422, "t.csv: this is a zip archive or a spreadsheet"),
        ("a file that is too large", 422, "t.csv has 1,040,006 bytes, but the page scores at most 1,000,000."),
        ("a body that is too large", 413, "but it must have at most 1,400,000."),
        ("no base64", 422, "but it must be a file of at most 1,000,000 bytes, in base64."),
        ("a file for a model that is gone", 404, "f" * 32),
    ],
)
def test_a_file_that_cannot_be_scored_is_refused_in_a_sentence(
    what: str, status: int, sentence: str, decided: Decided
) -> None:
    found, answer, _ = decided.requests[what]
    assert found == status, answer
    [refused] = answer["lines"]
    assert sentence in refused["detail"]
    assert len(refused["detail"]) < 400


def test_a_report_can_run_and_load_nothing(decided: Decided) -> None:
    status, headers, text = decided.files[f"report/{decided.run.run_id}"]
    assert (status, text) == (200, "<!doctype html><title>Report</title>")
    assert headers["content-type"] == "text/html; charset=utf-8"
    policy = headers["content-security-policy"].split("; ")
    assert "default-src 'none'" in policy
    assert not any(word in headers["content-security-policy"] for word in ("allow-scripts", "script-src", "http"))
    assert policy[0].startswith("sandbox")
    assert "frame-ancestors 'self'" in policy and headers["x-frame-options"] == "SAMEORIGIN"  # Airflow may frame it
    assert (headers["cache-control"], headers["x-content-type-options"]) == ("no-store", "nosniff")
    status, _, text = decided.files["report/no-such-run"]
    assert status == 404
    assert "There is no run 'no-such-run'" in json.loads(text)["detail"]


def test_suspect_labels_are_a_download(decided: Decided) -> None:
    [found] = [one for path, one in decided.files.items() if path.endswith("/suspects.csv")]
    status, headers, text = found
    assert (status, text) == (200, "row,title\n3,perfume\n")
    assert headers["content-type"] == "text/csv; charset=utf-8"
    assert headers["content-disposition"] == 'attachment; filename="suspect_labels.csv"'
