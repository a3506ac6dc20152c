"""Train, measure and promote title classifiers.

`plan` checks what was asked and works out every step with its content key; what is already in the store is not
computed again. Sets that share words or vectors share `preprocess` and `embed`. One failed training does not sink the
others: they are evaluated, and the failure is named in the report.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pendulum
from airflow.sdk import DAG, CronTriggerTimetable, Param, TriggerRule, get_current_context, task, task_group
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from meli_airflow.failures import plain_failures
from meli_airflow.notifiers import run_callbacks, task_callbacks

from meli_tasks.planning.form import form_fields
from meli_tasks.settings import Settings

logger = logging.getLogger("meli_tasks")

settings = Settings.from_environment()

# The queue chooses a worker with a card; where each task gets a pod of its own, this does.
GPU_POD = Path(__file__).parents[1] / "kubernetes" / "gpu-pod.yaml"

ON_A_CARD: dict[str, Any] = {
    "queue": "gpu",
    "pool": "gpu",
    "executor_config": {"pod_template_file": str(GPU_POD)},
    # Not each recipe has to have gone well: a set whose vectors could not be made fails by name, those beside it train,
    # and a search chooses its own set to start from.
    "trigger_rule": TriggerRule.ALL_DONE_MIN_ONE_SUCCESS,
}

NOTHING_NEW = "nothing_new"
"""What plan leaves for evaluate when it ends a night early: the reason."""


def run_date(dag_run: Any) -> date:
    """The day a run is for, in the schedule's time zone: a run at 03:00 there is that day's, whatever UTC says."""
    moment = dag_run.logical_date or dag_run.run_after
    return pendulum.instance(moment).in_timezone(settings.timezone).date()


def run_kind(dag_run: Any) -> str:
    """Who asked for a run: scheduled, manual, backfill."""
    return str(dag_run.run_type.value)


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
    kind = run_kind(dag_run)
    with plain_failures():
        pipeline = Pipeline(settings, run_id=dag_run.run_id)
        params, day = dict(context["params"]), run_date(dag_run)
        plan, preview = pipeline.plan(params, day, url, backfill=kind == "backfill")
    if kind == "scheduled" and preview.nothing_new:
        reason = f"Nothing new: {preview.summary()}. {preview.nothing_new}"
        context["ti"].xcom_push(NOTHING_NEW, reason)
        logger.info("%s", reason)
        raise AirflowSkipException(reason)
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


@task(map_index_template="{{ task.op_kwargs['choice']['set'] }}", **ON_A_CARD)
def train(choice: dict[str, str]) -> dict[str, Any]:
    from meli_tasks.pipeline import Pipeline

    with plain_failures():
        pipeline, plan = Pipeline.of(choice["plan"], settings)
        result, url = pipeline.train(plan, choice["set"])
        return {"set": choice["set"], **facts(result, pipeline.store.url), "mlflow": url}


@task
def searches(recipes: list[dict[str, Any]]) -> list[dict[str, str]]:
    """The search that was asked for, if any: a list, so that without one no worker with a card is asked for."""
    from meli_tasks.pipeline import Pipeline

    with plain_failures():
        _, plan = Pipeline.of(recipes[0]["plan"], settings)
        if not plan.request.get("search_minutes"):  # nor has a plan of a time when there were no searches
            return []
        return [{"plan": plan.name, "family": plan.request["search_family"]}]


@task(map_index_template="{{ task.op_kwargs['wanted']['family'] }}", **ON_A_CARD)
def search(wanted: dict[str, str]) -> dict[str, Any]:
    from meli_tasks.pipeline import Pipeline

    with plain_failures():
        pipeline, plan = Pipeline.of(wanted["plan"], settings)
        found, url = pipeline.search(plan)
        manifest = f"{pipeline.store.url}/{found.manifest.name}"
        told = {"accuracy": found.accuracy, "start": found.start, "start_accuracy": found.start_accuracy}
        return {"set": found.name, "manifest": manifest, "seconds": round(found.seconds, 2), "mlflow": url, **told}


def trained_of(plan: Any, *families: Iterable[dict[str, Any]] | None) -> list[str]:
    """The sets whose training succeeded, by what the training tasks returned."""
    # A run that is reprocessed with other sets still hands on what its removed trainings returned.
    keys = {(name, step.key) for name, step in plan.sets.items()}
    returned = [result for family in families for result in family or ()]
    found = ((result["set"], result["manifest"].split("/")[-2]) for result in returned)
    # Once the search has added its set, a family that is cleared trains it too.
    return list(dict.fromkeys(name for name, key in found if (name, key) in keys))


# A family that was not chosen is skipped, and what follows must run all the same: no narrower rule allows that.
@task(trigger_rule=TriggerRule.ALL_DONE)
def ensemble(
    recipes: list[dict[str, Any]] | None,
    mlps: Iterable[dict[str, Any]] | None,
    cnns: Iterable[dict[str, Any]] | None,
    found: Iterable[dict[str, Any]] | None,
) -> dict[str, Any]:
    if not recipes:
        raise AirflowSkipException("There is no plan, so there are no models to weigh.")
    from meli_tasks.pipeline import Pipeline

    with plain_failures():
        pipeline, plan = Pipeline.of(recipes[0]["plan"], settings)
        result = pipeline.ensemble(plan, trained_of(plan, mlps, cnns, found))
        if result is None:
            raise AirflowSkipException("There is no ensemble: the line above says why.")
        return {**facts(result, pipeline.store.url), "reason": result.manifest.summary["reason"]}


# Also after an ensemble that failed: the models are measured without it.
@task(trigger_rule=TriggerRule.ALL_DONE)
def evaluate(
    recipes: list[dict[str, Any]] | None,
    mlps: Iterable[dict[str, Any]] | None,
    cnns: Iterable[dict[str, Any]] | None,
    found: Iterable[dict[str, Any]] | None,
) -> dict[str, Any]:
    if not recipes:
        if reason := get_current_context()["ti"].xcom_pull(task_ids="plan", key=NOTHING_NEW):
            raise AirflowSkipException(reason)
        raise AirflowFailException("There is no plan, so there is nothing to evaluate: see the task plan.")
    from meli_tasks.pipeline import Pipeline

    with plain_failures():
        pipeline, plan = Pipeline.of(recipes[0]["plan"], settings)
        trained = trained_of(plan, mlps, cnns, found)
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
    schedule=CronTriggerTimetable(settings.cron, timezone=settings.timezone) if settings.cron else None,
    start_date=pendulum.datetime(2026, 1, 1, tz=settings.timezone),
    catchup=False,
    max_active_runs=4,
    dagrun_timeout=timedelta(hours=23),
    tags=["meli", "training"],
    params={name: Param(**field) for name, field in form_fields(settings).items()},
    default_args={
        "retries": 3,
        # Longer than an api-server's restart: retries must not be burned inside one outage.
        "retry_delay": timedelta(seconds=45),
        "retry_exponential_backoff": True,
        "max_retry_delay": timedelta(minutes=10),
        **task_callbacks(settings),
    },
    **run_callbacks(settings),
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
    wanted = searches(recipes)
    found = search.expand(wanted=wanted)
    listings >> wanted
    vectors >> found
    measured = evaluate(recipes, mlps, cnns, found)
    ensemble(recipes, mlps, cnns, found) >> measured
    promote(recipes, measured)
