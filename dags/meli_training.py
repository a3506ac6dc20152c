"""Train, measure and promote title classifiers.

`plan` checks what was asked and works out every step with its content key; what is already in the store is not
computed again. Sets that share words or vectors share `preprocess` and `embed`. One failed training does not sink the
others: they are evaluated, and the failure is named in the report.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any

import pendulum
from airflow.sdk import DAG, Param, TriggerRule, get_current_context, task, task_group
from airflow.sdk.exceptions import AirflowFailException

from meli_tasks.core.errors import MeliError
from meli_tasks.form import form_fields
from meli_tasks.settings import Settings

logger = logging.getLogger("meli_tasks")

settings = Settings.from_environment()


@contextmanager
def plain_failures() -> Iterator[None]:
    """Show a failure of ours as its message; what a retry cannot mend fails at once."""
    try:
        yield
    except MeliError as error:
        logger.error("%s", error)
        if error.permanent:
            raise AirflowFailException(str(error)) from None
        raise


def run_date(dag_run: Any) -> date:
    """The day a run is for, in the schedule's time zone: a run at 03:00 there is that day's, whatever UTC says."""
    moment = dag_run.logical_date or dag_run.run_after
    return pendulum.instance(moment).in_timezone(settings.timezone).date()


def facts(result: Any, store_url: str) -> dict[str, Any]:
    """What the next tasks, the links and the terminal need of a result: small, and no data."""
    manifest = result.manifest
    return {"manifest": f"{store_url}/{manifest.name}", "hit": result.hit, "seconds": round(result.seconds, 2)}


@task(task_id="plan")
def plan_run() -> list[dict[str, Any]]:
    from meli_tasks.pipeline import Pipeline

    context = get_current_context()
    dag_run = context["dag_run"]
    url = f"{settings.airflow_url}/dags/{dag_run.dag_id}/runs/{dag_run.run_id}" if settings.airflow_url else ""
    with plain_failures():
        pipeline = Pipeline(settings, run_id=dag_run.run_id)
        plan = pipeline.plan(dict(context["params"]), run_date(dag_run), url)
    return [{"plan": plan.name, "index": index, "name": recipe.name} for index, recipe in enumerate(plan.recipes)]


@task
def ingest(recipes: list[dict[str, Any]]) -> dict[str, Any]:
    from meli_tasks.pipeline import Pipeline

    with plain_failures():
        pipeline, plan = Pipeline.of(recipes[0]["plan"], settings)
        return facts(pipeline.ingest(plan), pipeline.store.url)


@task(map_index_template="{{ task.op_kwargs['recipe']['name'] }}")
def preprocess(recipe: dict[str, Any]) -> dict[str, Any]:
    from meli_tasks.pipeline import Pipeline

    with plain_failures():
        pipeline, plan = Pipeline.of(recipe["plan"], settings)
        return facts(pipeline.preprocess(plan, recipe["index"]), pipeline.store.url)


@task(map_index_template="{{ task.op_kwargs['recipe']['name'] }}")
def embed(recipe: dict[str, Any]) -> list[dict[str, Any]]:
    from meli_tasks.pipeline import Pipeline

    with plain_failures():
        pipeline, plan = Pipeline.of(recipe["plan"], settings)
        return [facts(result, pipeline.store.url) for result in pipeline.embed(plan, recipe["index"])]


@task
def sets_of(recipes: list[dict[str, Any]], architecture: str) -> list[dict[str, str]]:
    from meli_tasks.pipeline import Pipeline

    with plain_failures():
        _, plan = Pipeline.of(recipes[0]["plan"], settings)
        return [{"plan": plan.name, "set": name} for name in plan.family(architecture)]


@task(
    queue="gpu",
    pool="gpu",
    map_index_template="{{ task.op_kwargs['choice']['set'] }}",
    # A set whose vectors could not be made fails by name; the sets beside it train.
    trigger_rule=TriggerRule.ALL_DONE_MIN_ONE_SUCCESS,
)
def train(choice: dict[str, str]) -> dict[str, Any]:
    from meli_tasks.pipeline import Pipeline

    with plain_failures():
        pipeline, plan = Pipeline.of(choice["plan"], settings)
        result, url = pipeline.train(plan, choice["set"])
        return {"set": choice["set"], **facts(result, pipeline.store.url), "mlflow": url}


# A family that was not chosen is skipped, and evaluate must run all the same: no narrower rule allows that.
@task(trigger_rule=TriggerRule.ALL_DONE)
def evaluate(
    recipes: list[dict[str, Any]] | None, mlps: Iterable[dict[str, Any]] | None, cnns: Iterable[dict[str, Any]] | None
) -> dict[str, Any]:
    if not recipes:
        raise AirflowFailException("There is no plan, so there is nothing to evaluate: see the task plan.")
    from meli_tasks.pipeline import Pipeline

    with plain_failures():
        pipeline, plan = Pipeline.of(recipes[0]["plan"], settings)
        trained = [result["set"] for result in [*(mlps or ()), *(cnns or ())]]
        failed = [name for name in plan.sets if name not in trained]
        return pipeline.evaluate(plan, trained, failed)


@task
def promote(recipes: list[dict[str, Any]], measured: dict[str, Any]) -> dict[str, Any]:
    from meli_tasks.pipeline import Pipeline

    with plain_failures():
        pipeline, plan = Pipeline.of(recipes[0]["plan"], settings)
        return pipeline.promote(plan, measured)


with DAG(
    dag_id="meli_training",
    description="From listing titles to a promoted title classifier",
    doc_md=__doc__,
    schedule=None if settings.schedule == "none" else settings.schedule,
    start_date=pendulum.datetime(2026, 1, 1, tz=settings.timezone),
    catchup=False,
    max_active_runs=4,
    dagrun_timeout=timedelta(hours=23),
    tags=["meli", "training"],
    params={name: Param(**field) for name, field in form_fields(settings).items()},
    default_args={
        "retries": 2,
        # Longer than an api-server's restart: retries must not be burned inside one outage.
        "retry_delay": timedelta(seconds=45),
        "retry_exponential_backoff": True,
        "max_retry_delay": timedelta(minutes=10),
    },
) as dag:

    @task_group(prefix_group_id=False)
    def recipe(recipe: dict[str, Any]) -> None:
        """One way from listings to vectors: a recipe that fails takes no other with it."""
        preprocess(recipe=recipe) >> embed(recipe=recipe)

    recipes = plan_run()
    listings = ingest(recipes)
    vectors = recipe.expand(recipe=recipes)
    mlp_sets = sets_of.override(task_id="mlp_sets")(recipes, "mlp")
    cnn_sets = sets_of.override(task_id="cnn_sets")(recipes, "cnn")
    mlps = train.override(task_id="train_mlp").expand(choice=mlp_sets)
    cnns = train.override(task_id="train_cnn").expand(choice=cnn_sets)
    # The sets wait for ingest although they do not read it: if it fails, no training is tried.
    listings >> [vectors, mlp_sets, cnn_sets]
    vectors >> [mlps, cnns]
    measured = evaluate(recipes, mlps, cnns)
    promote(recipes, measured)
