"""Past runs, as the store keeps them."""

from __future__ import annotations

from pathlib import Path

import pytest

from meli_tasks.planning import history
from meli_tasks.planning.evaluation import EvaluationReport
from meli_tasks.planning.plan import Plan, make_plan
from meli_tasks.planning.request import Request
from meli_tasks.settings import Settings
from meli_tasks.store import Store


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    settings = Settings(store=f"file://{tmp_path}/store")
    request = Request.check({"source": "sample:rows=50,seed=1", "sets": ["quick_mlp"]}, settings)
    return make_plan(request, settings, "run", None)


def test_past_plans_come_newest_first(plan: Plan, file_store: Store) -> None:
    assert history.plans(file_store) == []
    for day in (2, 3, 1):
        planned = Plan.model_validate({**dict(plan), "run_id": f"run-{day}", "name": "", "at": f"2026-11-0{day}"})
        planned.save(file_store)
        EvaluationReport(key="k").save(file_store, planned.name)  # beside it, and no plan
    assert [plan.run_id for plan in history.plans(file_store)] == ["run-3", "run-2", "run-1"]


def test_a_run_that_evaluated_something_has_a_report(plan: Plan, file_store: Store) -> None:
    assert history.evaluated(file_store, plan) is None
    report = EvaluationReport(key="k", models={"quick_mlp": "m"})
    report.save(file_store, plan.name)
    assert history.evaluated(file_store, plan) == report
