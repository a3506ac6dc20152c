"""What the tasks of `meli_training` share: their pipeline, what they return, and what earlier ones returned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from airflow.sdk import get_current_context

from meli_airflow.metrics import send_step
from meli_airflow.xcom import PlanName, SearchResult, StepOutcome, StepResult, TrainResult
from meli_tasks.concealed import conceal_all
from meli_tasks.core.errors import BadHyperparameters

if TYPE_CHECKING:
    from airflow.sdk.types import DagRunProtocol

    from meli_tasks.pipeline import Pipeline
    from meli_tasks.planning.plan import Plan
    from meli_tasks.settings import Settings

MAX_MAP_LENGTH = 1_024
"""Airflow's default."""


def run_kind(dag_run: DagRunProtocol) -> str:
    """What started a run: scheduled, manual or backfill."""
    return str(dag_run.run_type.value)


def opened(name: str, settings: Settings) -> tuple[Pipeline, Plan]:
    """The pipeline of a plan, and the plan. What is imported here is heavy, so only a running task imports it."""
    from meli_tasks.pipeline import Pipeline

    conceal_all(dict(get_current_context()["params"]))  # the plan has no secrets: they are known from here
    return Pipeline.of(name, settings)


def check_mapped(plan: Plan, families: Sequence[str]) -> None:
    """Check that Airflow maps a task over all training runs of each family, before anything is computed for them.

    Raises:
        BadHyperparameters: There are more of them.
    """
    from airflow.sdk.configuration import conf

    most = conf.getint("core", "max_map_length", fallback=MAX_MAP_LENGTH)
    for family in families:
        sets = plan.family(family)
        tasks = sum(len(plan.training_runs(name)) for name in sets)
        if tasks > most:
            raise BadHyperparameters(
                f"{len(sets):,} {family} sets with {tasks // len(sets):,} training runs each are {tasks:,} tasks, and "
                f"Airflow maps a task over at most {most:,}. Request fewer sets or fewer folds in a run, or raise "
                "AIRFLOW__CORE__MAX_MAP_LENGTH in all services of Airflow."
            )


def computed(result: StepResult, store_url: str) -> StepOutcome:
    """The part of a result that later tasks, links and the terminal need; also sends its metrics."""
    send_step(result)
    manifest = result.manifest
    return {
        "key": manifest.key,
        "manifest": f"{store_url}/{manifest.name}",
        "hit": result.hit,
        "seconds": round(result.seconds, 2),
    }


def plan_name() -> str:
    """The run's plan; an empty string if `plan` failed or was skipped.

    It is pulled, not passed: an argument would draw an edge from `plan` to every task of the graph.
    """
    planned: PlanName | None = get_current_context()["ti"].xcom_pull(task_ids="plan")
    return planned["plan"] if planned else ""


def trained_sets(plan: Plan, tasks: Sequence[str]) -> list[str]:
    """The sets whose training run succeeded, also without each fold, according to the results of `tasks`."""
    pulled = get_current_context()["ti"].xcom_pull(task_ids=tasks)
    returned = [cast(TrainResult | SearchResult, result) for result in pulled if result]
    # A run that is reprocessed with other sets still has the results of its removed task instances, so keys count. The
    # search adds its set to the plan, so a family that is cleared afterwards trains it too: each set counts once.
    trained = {(result["set"], result["key"]) for result in returned}
    names = dict.fromkeys(result["set"] for result in returned if result["set"] in plan.sets)
    return [name for name in names if {(name, step.key) for step in plan.training_runs(name)} <= trained]
