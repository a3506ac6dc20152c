"""Train and evaluate title classifiers, and promote the best one.

`plan` checks the request and works out every step with its content key; what is already in the store is not computed
again. `preprocess` and `embed` run once for each recipe, the words and vectors that several sets may share. `train_mlp`
and `train_cnn` run once for each set of their family, and with `folds` once more for each fold; `search` runs only if
the request sets `search_minutes`. If one set fails to train, the others continue and are evaluated, and the report
names the failed one.

`decide` compares the best model with the champion. If a person is to decide, `approve` displays the evidence and waits,
without a worker; otherwise it ends at once. `promote` records the decision, and the answer if there is one.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import DAG, CronTriggerTimetable, TaskGroup, TriggerRule, get_current_context, task, task_group
from airflow.sdk.exceptions import AirflowSkipException, DownstreamTasksSkipped
from meli_airflow.assets import CHAMPION, TITLES, send
from meli_airflow.failures import need, plain_failures
from meli_airflow.metrics import send_decision, send_evaluation
from meli_airflow.notifiers import question_notifiers, run_callbacks, task_callbacks
from meli_airflow.operators import ANSWER, ApprovePromotion
from meli_airflow.priority import BACKFILLS_LAST
from meli_airflow.retries import retry_arguments
from meli_airflow.run_dates import FIRST_POSSIBLE, run_date
from meli_airflow.training_tasks import check_mapped, computed, opened, plan_name, run_kind, trained_sets
from meli_airflow.trigger_form import add_form
from meli_airflow.waiting import ResumablePython, await_files
from meli_airflow.xcom import (
    EnsembleResult,
    PlanName,
    PlannedRecipe,
    PlannedSet,
    SearchResult,
    StepOutcome,
    TrainResult,
)

from meli_tasks.planning.form import form_fields
from meli_tasks.settings import Settings

if TYPE_CHECKING:
    from airflow.sdk import XComArg

logger = logging.getLogger("meli_tasks")

settings = Settings.from_environment().for_tasks()

FAMILIES = ("mlp", "cnn")
TRAINS = ("train_mlp", "train_cnn", "search")
"""The tasks whose results are evaluated."""
SEARCHES = ["search", *(("search_trials", index) for index in range(settings.search_workers - 1))]
"""The tasks that are skipped if the request sets no `search_minutes`."""

# The queue selects a GPU worker under Celery; the pod template does so under Kubernetes, with one pod per task.
GPU_POD = Path(__file__).parents[1] / "kubernetes" / "gpu-pod.yaml"
ON_A_GPU: dict[str, Any] = {"queue": "gpu", "pool": "gpu", "executor_config": {"pod_template_file": str(GPU_POD)}}

# A recipe that failed must not stop the sets of the others: a set without vectors fails by itself, under its own name.
ANY_RECIPE = TriggerRule.ALL_DONE_MIN_ONE_SUCCESS

NOTHING_NEW = "nothing_new"
"""The XCom key of the reason why `plan` ended the run early, for `evaluate`."""


def plan_run() -> PlanName:
    """Check the request, work out every step with its content key, and log what will be computed."""
    from meli_tasks.pipeline import Pipeline

    context = get_current_context()
    dag_run, ti = context["dag_run"], context["ti"]
    url = f"{settings.airflow_url}/dags/{dag_run.dag_id}/runs/{dag_run.run_id}" if settings.airflow_url else ""
    kind = run_kind(dag_run)
    backfill = kind == "backfill"  # of days of the past, whose files will not come
    with plain_failures():
        pipeline = Pipeline(settings, run_id=dag_run.run_id)
        params, day = dict(context["params"]), run_date(dag_run, settings.timezone)
        checks_files = settings.empty_days == "skip" if backfill else settings.wait_hours > 0
        if checks_files and (missing := pipeline.late_files(params, day)):
            if backfill:
                ti.xcom_push(NOTHING_NEW, f"Nothing to train on: {missing}")
                raise AirflowSkipException(missing)
            await_files(missing, dag_run, settings.wait_hours)
        plan, preview = pipeline.plan(params, day, url, backfill=backfill, dag_run_started=dag_run.start_date)
        check_mapped(plan, FAMILIES)
    logger.info("Date of the run: %s. Its logical date is %s in %s.", plan.as_of, day, settings.timezone)
    if kind == "scheduled" and preview.nothing_new:
        reason = f"Nothing new: {preview.summary()}. {preview.nothing_new}"
        ti.xcom_push(NOTHING_NEW, reason)
        logger.info("%s", reason)
        raise AirflowSkipException(reason)
    planned: PlanName = {"plan": plan.name}
    if not plan.request.search_minutes:
        # Skipped from here, they never reach the queue of the GPU workers. Airflow drops what a task that skips
        # others returns, so the plan's name is pushed by hand.
        ti.xcom_push("return_value", planned)
        raise DownstreamTasksSkipped(tasks=SEARCHES)  # type: ignore[no-untyped-call]
    return planned


@task(outlets=[TITLES])
def ingest(planned: PlanName | None) -> list[PlannedRecipe]:
    """Read, check and split the titles; with folds, also make the listings of each."""
    with plain_failures():
        pipeline, plan = opened(need(planned, "plan")["plan"], settings)
        result = pipeline.ingest(plan)
        send(TITLES, pipeline.titles_ingested(plan, result))
        titles = computed(result, pipeline.store.url)
        return [
            {**titles, "plan": plan.name, "index": index, "name": recipe.name}
            for index, recipe in enumerate(plan.all_recipes)
        ]


@task(map_index_template="{{ task.op_kwargs['recipe']['name'] }}", multiple_outputs=False)
def preprocess(recipe: PlannedRecipe) -> StepOutcome:
    """Turn titles into arrays of word ids, and build the vocabulary."""
    with plain_failures():
        pipeline, plan = opened(recipe["plan"], settings)
        return computed(pipeline.preprocess(plan, recipe["index"]), pipeline.store.url)


@task(map_index_template="{{ task.op_kwargs['recipe']['name'] }}", execution_timeout=timedelta(hours=12))
def embed(recipe: PlannedRecipe) -> list[StepOutcome]:
    """Train or load the word vectors of one recipe."""
    with plain_failures():
        pipeline, plan = opened(recipe["plan"], settings)
        return [computed(result, pipeline.store.url) for result in pipeline.embed(plan, recipe["index"])]


@task(trigger_rule=ANY_RECIPE)
def sets_of(architecture: str) -> list[PlannedSet]:
    """List the plan's sets of one family, with each fold: Airflow maps a task only over all that another returned."""
    with plain_failures():
        _, plan = opened(plan_name(), settings)
        return [
            {"plan": plan.name, "set": name, "fold": fold, "name": step.name}
            for name in plan.family(architecture)
            for fold, step in enumerate(plan.training_runs(name))
        ]


@task(
    map_index_template="{{ task.op_kwargs['choice']['name'] }}",
    multiple_outputs=False,
    execution_timeout=timedelta(hours=20),
    **ON_A_GPU,
)
def train(choice: PlannedSet) -> TrainResult:
    """Train one set, and track it in MLflow; or train it without one fold, for its figures only."""
    with plain_failures():
        pipeline, plan = opened(choice["plan"], settings)
        result, url = pipeline.train(plan, choice["set"], choice.get("fold", 0))  # earlier versions named no folds
        return {"set": choice["set"], **computed(result, pipeline.store.url), "mlflow": url}


# A search may be requested to last 20 hours, and its last trial ends a little later.
@task(multiple_outputs=False, trigger_rule=ANY_RECIPE, execution_timeout=timedelta(hours=21), **ON_A_GPU)
def search() -> SearchResult:
    """Search for better hyperparameters around the best set trained on these titles."""
    with plain_failures():
        pipeline, plan = opened(plan_name(), settings)
        if not plan.request.search_minutes:  # a user cleared the task that plan had skipped
            raise AirflowSkipException("This run requested no search.")
        found, url = pipeline.search(plan)
        return {
            "set": found.name, "key": found.manifest.key, "manifest": f"{pipeline.store.url}/{found.manifest.name}",
            "seconds": round(found.seconds, 2), "mlflow": url, "accuracy": found.accuracy,
            "start": found.start, "start_accuracy": found.start_accuracy,
        }  # fmt: skip


# Beside `search`, on the slots that training runs leave free. Whichever starts first begins the search, and `search`
# ends it, so a task that has to wait for a slot costs nothing.
@task(
    map_index_template="{{ task.op_kwargs['worker'] }}",
    trigger_rule=ANY_RECIPE,
    execution_timeout=timedelta(hours=21),
    **ON_A_GPU,
)
def search_trials(worker: int) -> int:
    """Run trials of the search beside the task that leads it."""
    with plain_failures():
        pipeline, plan = opened(plan_name(), settings)
        if not plan.request.search_minutes:
            raise AirflowSkipException("This run requested no search.")
        return pipeline.search_trials(plan, worker)


# ALL_DONE, because a family without sets is skipped and the rest of the run goes on; no narrower rule allows that.
@task(trigger_rule=TriggerRule.ALL_DONE, multiple_outputs=False)
def ensemble() -> EnsembleResult:
    """Combine the trained models into a weighted ensemble."""
    name = plan_name()
    if not name:
        raise AirflowSkipException("There is no plan, so there are no models to combine.")
    with plain_failures():
        pipeline, plan = opened(name, settings)
        combined = pipeline.ensemble(plan, trained_sets(plan, TRAINS))
        if combined is None:
            raise AirflowSkipException("There is no ensemble; the log line above has the reason.")
        result, summary = combined
        return {**computed(result, pipeline.store.url), "reason": summary.reason}


# ALL_DONE, so that the models are evaluated without an ensemble that failed or was skipped.
@task(trigger_rule=TriggerRule.ALL_DONE, multiple_outputs=False)
def evaluate() -> dict[str, Any]:
    """Evaluate the trained models, the ensemble and the champion on the test titles."""
    name = plan_name()
    if not name:
        reason = get_current_context()["ti"].xcom_pull(task_ids="plan", key=NOTHING_NEW)
        raise AirflowSkipException(reason or "There is no plan, so there is nothing to evaluate: see the task plan.")
    if not get_current_context()["ti"].xcom_pull(task_ids="ingest"):
        raise AirflowSkipException("There are no titles, so there is nothing to evaluate: see the task ingest.")
    with plain_failures():
        pipeline, plan = opened(name, settings)
        trained = trained_sets(plan, TRAINS)
        failed = [name for name in plan.sets if name not in trained]
        evaluated = pipeline.evaluate(plan, trained, failed)
        send_evaluation(pipeline, plan)
        return evaluated.model_dump(mode="json")


@task(multiple_outputs=False)
def decide(evaluated: dict[str, Any] | None) -> dict[str, Any]:
    """Compare the best model with the champion: whether it is promoted, or a person is asked."""
    with plain_failures():
        from meli_tasks.planning.evaluation import Evaluated

        found = Evaluated.model_validate(need(evaluated, "evaluate"))
        pipeline, plan = opened(plan_name(), settings)
        return pipeline.decide(plan, found).model_dump(mode="json")


@task(multiple_outputs=False, outlets=[CHAMPION])
def promote() -> dict[str, Any]:
    """Record the decision, and the answer of the person who was asked; the champion follows."""
    with plain_failures():
        from meli_tasks.approval import Approval
        from meli_tasks.planning.verdict import Verdict

        ti = get_current_context()["ti"]
        answered = ti.xcom_pull(task_ids="approve", key=ANSWER)
        approval = Approval.model_validate(answered) if answered else None
        decided = Verdict.model_validate(need(ti.xcom_pull(task_ids="decide"), "decide"))
        pipeline, plan = opened(plan_name(), settings)
        outcome = pipeline.promote(plan, decided, approval)
        send(CHAMPION, pipeline.champion_changed(outcome))
        send_decision(outcome.action, outcome.champion.figure if outcome.champion else None)
        return outcome.model_dump(mode="json")


with DAG(
    dag_id="meli_training",
    description="From listing titles to a promoted title classifier",
    doc_md=__doc__,
    schedule=CronTriggerTimetable(settings.cron, timezone=settings.timezone) if settings.cron else None,
    start_date=FIRST_POSSIBLE,
    catchup=False,
    max_active_runs=4,
    dagrun_timeout=timedelta(hours=23 + settings.wait_hours + settings.approval_hours),
    tags=["meli", "training"],
    default_args={
        **retry_arguments(settings),
        "weight_rule": BACKFILLS_LAST,
        **task_callbacks(),
    },
    **run_callbacks(settings),
) as dag:
    # The graph is one line, so each task depends only on the stage before it: see docs/adr/0004-graph-of-the-dag.md.

    @task_group(prefix_group_id=False, group_display_name="preprocess, embed")
    def recipe(recipe: PlannedRecipe) -> None:
        """One way from titles to vectors, shared by the sets that use it. A failed recipe does not stop the others."""
        preprocess(recipe=recipe) >> embed(recipe=recipe)

    def family(architecture: str) -> XComArg:
        """The training tasks of one family: a task group that expands to its sets and their training runs."""
        tooltip = f"Trains the {architecture.upper()} sets of the plan"
        name = f"train_{architecture}"
        with TaskGroup(architecture, prefix_group_id=False, group_display_name=name, tooltip=tooltip):
            sets = sets_of.override(task_id=f"{architecture}_sets")(architecture)
            vectors >> sets
            return train.override(task_id=name).expand(choice=sets)

    planned: Any = ResumablePython(  # an XComArg, for which Airflow passes what the task returned
        task_id="plan",
        python_callable=plan_run,
        # Airflow counts the time spent waiting.
        execution_timeout=timedelta(hours=1 + settings.wait_hours),
    ).output
    ingested: Any = ingest(planned)
    vectors = recipe.expand(recipe=ingested)
    searched = search()
    vectors >> searched
    combined = ensemble()
    if settings.search_workers > 1:
        # Not a leaf of the graph: a worker that failed must not fail the run.
        vectors >> search_trials.expand(worker=list(range(1, settings.search_workers))) >> combined
    [*(family(architecture) for architecture in FAMILIES), searched] >> combined
    evaluated: Any = evaluate()
    combined >> evaluated
    decided: Any = decide(evaluated)
    approve = ApprovePromotion(
        task_id="approve",
        subject="{{ ti.xcom_pull(task_ids='decide')['question'] }}",
        body="{{ ti.xcom_pull(task_ids='decide')['evidence'] }}",
        response_timeout=timedelta(hours=settings.approval_hours),
        notifiers=question_notifiers(settings),
    )
    recorded = promote()
    decided >> approve >> recorded
    # A run is as green as its last task, which is skipped after an `evaluate` that was. With this edge it is
    # `upstream_failed` if there are no titles because `plan` or `ingest` failed, and so the run fails.
    ingested >> recorded
    add_form(dag, form_fields(settings))
