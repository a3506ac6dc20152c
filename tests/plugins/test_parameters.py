"""Every parameter of the pages' API: a value that cannot be used is refused in a sentence that says what can."""

from __future__ import annotations

import json

import pytest

from tests.airflow_process import ROOT, InAirflow

pytestmark = pytest.mark.airflow

SIMPLE = "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager"


@pytest.fixture(scope="module")
def printed(in_airflow: InAirflow, airflow_database: None) -> dict[str, str]:
    more = {
        "AIRFLOW__CORE__AUTH_MANAGER": SIMPLE,
        "AIRFLOW__API_AUTH__JWT_SECRET": "only-for-this-test-" * 4,
        "AIRFLOW__API__SECRET_KEY": "another-one-for-this-test",
    }
    done = in_airflow(str(ROOT / "tests" / "plugins" / "wrong_parameters.py"), **more)
    lines = dict(
        line.split(" ", 1) for line in done.stdout.splitlines() if line.startswith(("REFUSED ", "UNKNOWN ", "FUZZED "))
    )
    assert len(lines) == 3, done.stderr[-3000:]
    return lines


@pytest.fixture
def answers(printed: dict[str, str]) -> dict[str, tuple[int, str]]:
    found: dict[str, tuple[int, str]] = json.loads(printed["REFUSED"])
    return found


def test_a_value_that_cannot_be_used_is_refused_in_a_sentence(answers: dict[str, tuple[int, str]]) -> None:
    assert len(answers) > 25
    for path, (status, body) in answers.items():
        assert status == 422, (path, body)
        detail = json.loads(body)["detail"]
        assert isinstance(detail, str), path
        assert detail.startswith("The parameter ") and detail.endswith("."), path
        assert "must be" in detail and len(detail) < 400, path


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("/api/models?limit=abc", "The parameter limit is 'abc', but it must be a whole number from 1 to 1,000."),
        (
            "/api/models?limit=abc&since=x",
            "The parameter limit is 'abc', but it must be a whole number from 1 to 1,000. "
            "The parameter since is 'x', but it must be a date such as 2026-11-28.",
        ),
        (
            "/api/comparison?left=a",
            "The parameter right is missing: it must be the id of a model, as the leaderboard has it.",
        ),
        (
            "/api/comparison?compare=a",
            "The parameter compare is '1 model', but it must be the ids of 2 to 8 different models, as the leaderboard "
            "has them.",
        ),
        (
            "/api/comparison?compare=a&compare=a",
            "The parameter compare is 'the same model twice', but it must be the ids of 2 to 8 different models, as "
            "the leaderboard has them.",
        ),
        (
            "/api/comparison?compare=a&compare=b&baseline=c",
            "The parameter baseline is 'c', but it must be the id of one of the compared models.",
        ),
        ("/api/runs/a%00b", r"The parameter run_id is 'a\x00b', but it must be the id of a run."),
    ],
)
def test_the_sentence_names_the_parameter_its_value_and_what_it_must_be(
    path: str, sentence: str, answers: dict[str, tuple[int, str]]
) -> None:
    assert json.loads(answers[path][1])["detail"] == sentence


def test_what_is_refused_without_a_reason_is_answered_in_a_sentence(printed: dict[str, str]) -> None:
    nothing = "There is nothing at {} in this version of meli-tasks. If a page sent you here, reload it."
    assert json.loads(printed["UNKNOWN"]) == [
        [404, nothing.format("/meli/api/nothing")],
        [405, "The address /meli/api/models does not accept POST."],
        [404, nothing.format("/meli/static/nothing.js")],
        [403, "You may not see this: your role lacks the right to read the DAG that it is about."],
    ]


def test_requests_made_from_the_openapi_document_are_answered_or_refused_in_a_sentence(printed: dict[str, str]) -> None:
    found = json.loads(printed["FUZZED"])
    assert found["wrong"] == []
    assert found["operations"] > 20
    assert {"200", "404", "422"} <= found["statuses"].keys()
