"""The command and the configuration that plan the same again."""

from __future__ import annotations

import shlex
from datetime import date
from typing import Any

import pytest

from meli_tasks.cli import run as run_module
from meli_tasks.planning.command import lacks_secrets, run_command, trigger_conf
from meli_tasks.planning.plan import Plan
from meli_tasks.planning.request import Request
from meli_tasks.settings import Settings
from tests.cli.program import here
from tests.planning.test_preview import plan_of

SETTINGS = Settings(store="file:///nowhere", source="another.csv", sets="cnn")
MANY: dict[str, Any] = {
    "window_days": 3,
    "date_column": "created at",
    "language": "spanish",
    "reliable_only": True,
    "max_bad_fraction": 0.2,
    "min_category_rows": 5,
    "overrides": {"train.epochs": 5, "train.hidden": [256, 128], "embed.method": "word2vec"},
    "ensemble": True,
    "ensemble_members": 3,
    "folds": 5,
    "promotion": "approval",
    "min_gain": 0.002,
    "approval_band": 0.02,
    "golden": "none",
    "force": True,
}


def planned(**params: Any) -> Plan:
    """A plan with such a request; its source is not looked for."""
    plan = plan_of()
    fields = {"source": "sample:rows=50,seed=1", "sets": ["quick_mlp", "quick_cnn"], "ensemble": False, **params}
    request = Request.check(fields, SETTINGS)
    return plan.model_copy(update={"request": request, "as_of": "2026-11-20"})


def from_command(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> Request:
    """The request of the command, in an environment with other settings."""
    given: list[Any] = []
    monkeypatch.setattr(run_module, "_run", lambda params, as_of, *_: given.append({**params, "as_of": as_of}))
    result = here(*shlex.split(run_command(plan))[1:])
    assert result.exit_code == 0, result.output
    return Request.check(given[0], SETTINGS)


@pytest.mark.parametrize("fields", [{}, MANY, {"promotion": "never"}, {"promotion": "always", "ensemble": True}])
def test_the_command_and_the_configuration_request_the_same(
    fields: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = planned(**fields)
    wanted = plan.request.model_copy(update={"as_of": date(2026, 11, 20)})
    assert Request.check(trigger_conf(plan), SETTINGS) == wanted
    assert from_command(plan, monkeypatch) == wanted
    assert not lacks_secrets(plan)


def test_a_set_that_was_found_is_trained_and_not_searched_again(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = planned(search_minutes=30, stored_sets="mine")
    plan = plan.model_copy(update={"sets": {**plan.sets, "search_mlp": plan.sets["quick_mlp"]}})
    for request in (from_command(plan, monkeypatch), Request.check(trigger_conf(plan), SETTINGS)):
        assert (request.sets, request.search_minutes) == (("quick_mlp", "quick_cnn", "search_mlp"), 0)


def test_secrets_are_left_out_and_that_is_known() -> None:
    secret = "https://user:secret@host/{}.csv?X-Amz-Signature=secret"
    for fields in (
        {"source": secret.format("titles")},
        {"golden": secret.format("golden")},
        {"overrides": {"embed.method": "pretrained", "embed.path": secret.format("vectors")}},
    ):
        plan = planned(**fields)
        assert lacks_secrets(plan)
        for written in (run_command(plan), str(trigger_conf(plan))):
            assert "secret" not in written and "https://" in written
