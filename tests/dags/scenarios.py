"""Runs `meli_training` by `dag.test()` with a pipeline whose stages do nothing but succeed or fail as a scenario says.

    python scenarios.py '{"one bad": {"fail": {"train": ["cnn"]}, "conf": {"sets": ["mlp", "cnn"]}}}'

Prints a JSON object of scenarios: the run's state, each task instance's state and name, and what evaluate was given.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import traceback
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from airflow.api_fastapi.core_api.datamodels.hitl import UpdateHITLDetailPayload
from airflow.api_fastapi.core_api.routes.public.hitl import update_hitl_detail
from airflow.jobs.job import Job
from airflow.jobs.scheduler_job_runner import SchedulerJobRunner
from airflow.models.asset import AssetEvent, AssetModel
from airflow.models.dag import DagModel
from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.sdk import timezone
from airflow.utils.session import create_session
from airflow.utils.state import TaskInstanceState
from fastapi import HTTPException
from sqlalchemy import select
from sqlalchemy.orm import joinedload

import meli_tasks.pipeline
from meli_tasks.approval import Approval
from meli_tasks.core.errors import BadHyperparameters, Diverged, NotFound, Unreachable
from meli_tasks.decision import Champion
from meli_tasks.planning.asset_events import ChampionChanged, TitlesIngested
from meli_tasks.planning.evaluation import Evaluated
from meli_tasks.planning.verdict import Verdict
from meli_tasks.promotion import PromotionOutcome
from meli_tasks.stages.summaries import EnsembleSummary, IngestSummary

CHAMPION = Champion(
    train="c" * 32, set_name="mlp", balanced_accuracy=0.9, interval=(0.88, 0.92), selection_bias=0.02, run_id="run",
    as_of="2026-11-28", sha256="d" * 64,
)  # fmt: skip
SCENARIO: dict[str, Any] = {}
SEEN: dict[str, Any] = {}
ARCHITECTURES = {"mlp": "mlp", "mlp_1": "mlp", "cnn": "cnn"}


class FakePipeline:
    """Stands in for `Pipeline`: recipe 0 serves mlp and cnn, recipe 1 serves mlp_1."""

    store = SimpleNamespace(url="file:///store")

    def __init__(self, settings: Any, run_id: str = "") -> None:
        SEEN["run_id"] = run_id

    @classmethod
    def of(cls, plan_name: str, settings: Any = None) -> tuple[FakePipeline, Any]:
        return cls(settings), cls._plan(plan_name)

    @classmethod
    def _plan(cls, plan_name: str) -> SimpleNamespace:
        names, folds = [*SEEN["params"]["sets"], *SEEN.get("searched", [])], SEEN["params"].get("folds", 0)
        sets = {name: SimpleNamespace(key=name, name=name) for name in names}
        parts = ["", *(f", fold {fold} of {folds}" for fold in range(1, folds + 1))]
        runs = {name: [SimpleNamespace(key=f"{name}{part}", name=f"{name}{part}") for part in parts] for name in names}
        family = lambda architecture: [name for name in sets if ARCHITECTURES.get(name) == architecture]  # noqa: E731
        recipes = cls._recipes(SEEN["params"])
        return SimpleNamespace(
            name=plan_name,
            sets=sets,
            family=family,
            all_recipes=[SimpleNamespace(name=f"{recipe.name}{part}") for part in parts for recipe in recipes],
            training_runs=runs.__getitem__,
            request=cls._request(),
        )

    @staticmethod
    def _request() -> SimpleNamespace:
        return SimpleNamespace(search_minutes=SEEN["params"].get("search_minutes", 0))

    @staticmethod
    def _recipes(params: Mapping[str, Any]) -> list[SimpleNamespace]:
        names = ["words, fasttext", "lab words, pretrained"][: 2 if "mlp_1" in params["sets"] else 1]
        return [SimpleNamespace(name=name) for name in names]

    def plan(
        self,
        params: Mapping[str, Any],
        as_of: date | None,
        url: str = "",
        *,
        backfill: bool = False,
        dag_run_started: datetime | None = None,
    ) -> Any:
        started = dag_run_started.isoformat() if dag_run_started else ""
        SEEN.update(params=dict(params), as_of=str(as_of), url=url, backfill=backfill, started=started)
        if "epoch" in params:
            raise BadHyperparameters("There is no parameter 'epoch': did you mean 'train.epochs'?")
        self._maybe_fail("plan", "")
        plan = self._plan("plans/run.json")
        plan.as_of = str(as_of)
        nothing_new = SCENARIO.get("nothing_new", "")
        return plan, SimpleNamespace(nothing_new=nothing_new, summary=lambda: "12 min saved")

    def late_files(self, params: Mapping[str, Any], as_of: date | None) -> str:
        SEEN["looks"] = SEEN.get("looks", 0) + 1
        return "There are no files." if SEEN["looks"] <= SCENARIO.get("late_looks", 0) else ""

    def ingest(self, plan: Any) -> Any:
        return self._result("ingest", "")

    def preprocess(self, plan: Any, recipe: int) -> Any:
        return self._result("preprocess", recipe)

    def embed(self, plan: Any, recipe: int) -> Any:
        result = self._result("embed", recipe)
        SEEN.setdefault("embedded", []).append(recipe)
        return [result]

    def train(self, plan: Any, set_name: str, fold: int = 0) -> Any:
        if (set_name == "mlp_1") and 1 not in SEEN.get("embedded", []):
            raise NotFound("No embed artifact: run the stage embed first.")
        return self._result("train", plan.training_runs(set_name)[fold].key), f"http://mlflow/{set_name}"

    def search(self, plan: Any) -> Any:
        result = self._result("search", "")
        SEEN["searched"] = ["found"]
        manifest = SimpleNamespace(key="found", name="train/found/manifest.json")
        scores = {"accuracy": 0.9, "start": "mlp", "start_accuracy": 0.8}
        return SimpleNamespace(name="found", manifest=manifest, seconds=result.seconds, **scores), "http://mlflow/found"

    def search_trials(self, plan: Any, worker: int) -> int:
        self._result("search_trials", worker)
        return 1

    def ensemble(self, plan: Any, trained: list[str]) -> Any:
        SEEN["members"] = sorted(trained)
        if len(trained) < 2:
            return None
        return self._result("ensemble", ""), EnsembleSummary(offered=True, reason="because")

    def evaluate(self, plan: Any, trained: list[str], failed: list[str]) -> Any:
        SEEN.update(trained=trained, failed=failed)
        if not trained:
            raise NotFound("No training run succeeded.")
        return Evaluated(key="evaluated", trained=tuple(trained), failed=tuple(failed))

    def decide(self, plan: Any, evaluated: Evaluated) -> Any:
        self._maybe_fail("decide", "")
        verdict = SCENARIO.get("verdict", "keep")
        return Verdict(
            verdict=verdict, question="Promote mlp?", evidence="**evidence**", reason="because", evaluated=evaluated
        )

    def promote(self, plan: Any, decided: Verdict, approval: Approval | None = None) -> Any:
        SEEN["promoted_from"] = decided.evaluated.model_dump(mode="json")
        SEEN["approval"] = approval.model_dump(mode="json") if approval else None
        return PromotionOutcome(action=SCENARIO.get("action", "keep"))

    def champion_changed(self, outcome: PromotionOutcome) -> ChampionChanged | None:
        return None if outcome.action == "keep" else ChampionChanged.of(CHAMPION, outcome.action, 3, "7")

    def titles_ingested(self, plan: Any, result: Any) -> TitlesIngested | None:
        if SCENARIO.get("reused_titles"):
            return None
        summary = IngestSummary(rows=1200, categories=39, bad_rows=2, fingerprint="f" * 8)
        return TitlesIngested.of(summary, "titles.csv", "2026-11-28", "run", "ingested")

    def _result(self, stage: str, which: Any) -> Any:
        self._maybe_fail(stage, which)
        manifest = SimpleNamespace(key=str(which), name=f"{stage}/{which}/manifest.json")
        return SimpleNamespace(manifest=manifest, hit=False, seconds=0.1)

    def _maybe_fail(self, stage: str, which: Any) -> None:
        tries = SEEN["tries"]
        tries[f"{stage} {which}".strip()] = tries.get(f"{stage} {which}".strip(), 0) + 1
        if which in SCENARIO.get("down_once", {}).get(stage, []) and tries[f"{stage} {which}"] == 1:
            raise Unreachable("The store did not answer.")
        if tries[f"{stage} {which}".strip()] <= SCENARIO.get("down", {}).get(stage, 0):
            raise Unreachable("The store did not answer.")
        if which in SCENARIO.get("faulty", {}).get(stage, []):
            raise KeyError("a fault of the code")
        if which in SCENARIO.get("fail", {}).get(stage, []):
            raise Diverged("The loss is not finite at step 12.")


meli_tasks.pipeline.Pipeline = FakePipeline  # type: ignore[assignment, misc]

import meli_training  # noqa: E402 - after the replacement
from meli_airflow import waiting  # noqa: E402
from meli_training import dag  # noqa: E402

kind_by_airflow = meli_training.run_kind


def kind_by_scenario(dag_run: Any) -> str:
    """`dag.test()` makes manual runs only."""
    SEEN["kind"] = kind_by_airflow(dag_run)
    return SCENARIO.get("kind", SEEN["kind"])


meli_training.run_kind = kind_by_scenario

waiting.BETWEEN_CHECKS = timedelta(0)
SETTINGS = meli_training.settings

for task in dag.tasks:  # nobody waits for a second try here
    changes = getattr(task, "partial_kwargs", None)
    if changes is None:
        task.retry_delay = timedelta(0)
    else:
        changes["retry_delay"] = timedelta(0)


class Person(threading.Thread):
    """Answers the question of `approve` as Airflow's REST API does, once the task waits for it; twice if told to.

    `dag.test()` waits as long as nobody answers. "late" instead lets the scheduler's own check find that time is up.
    """

    def __init__(self, answer: dict[str, Any]) -> None:
        super().__init__(daemon=True)
        self.answer = answer
        self.ended = threading.Event()
        self.seen: dict[str, Any] = {}

    def run(self) -> None:
        try:
            self._wait()
        except BaseException:  # noqa: BLE001
            traceback.print_exc()
            os._exit(1)  # else dag.test() would wait for ever

    def _wait(self) -> None:
        while not self.ended.wait(0.1):
            with create_session() as session:
                question = joinedload(TaskInstance.hitl_detail)
                waiting = select(TaskInstance).where(TaskInstance.state == TaskInstanceState.AWAITING_INPUT)
                instance = session.scalar(waiting.options(question))
                if instance is None:
                    continue
                detail = instance.hitl_detail
                self.seen = {"subject": detail.subject, "body": detail.body, "fields": list(detail.params)}
                place = {"dag_id": instance.dag_id, "dag_run_id": instance.run_id, "task_id": instance.task_id}
                if self.answer.get("late"):
                    instance.trigger_timeout = timezone.utcnow() - timedelta(seconds=1)
                    session.flush()
                    SchedulerJobRunner.check_awaiting_input_timeouts(SCHEDULER, session=session)
                    continue  # dag.test() may write the task's state at the same moment, over the scheduler's
            for _ in range(self.answer.get("times", 1)):
                self._respond(place)
            return

    def _respond(self, place: dict[str, str]) -> None:
        given = {"chosen_options": [self.answer["chosen"]], "params_input": self.answer.get("params", {})}
        payload = UpdateHITLDetailPayload.model_validate(given)
        try:
            with create_session() as session:
                update_hitl_detail(**place, update_hitl_detail_payload=payload, user=ANA, session=session)
        except HTTPException as refused:
            self.seen["refused"] = refused.status_code


def events_of(run: Any) -> list[list[Any]]:
    """The asset events that the run sent: the asset's name and the figures."""
    with create_session() as session:
        sent = select(AssetEvent).where(AssetEvent.source_run_id == run.run_id).order_by(AssetEvent.id)
        found = session.scalars(sent.options(joinedload(AssetEvent.asset)))
        return [[event.asset.name, event.extra] for event in found]


def known_assets() -> list[str]:
    """The active assets, which another task can send an event of at the same time."""
    with create_session() as session:
        return sorted(session.scalars(select(AssetModel.name).where(AssetModel.active.has())))


def triggered_by_assets() -> list[dict[str, Any]]:
    """The runs that Airflow's scheduler makes of the DAGs whose assets have new events, and these events."""
    with create_session() as session:
        scheduler = SchedulerJobRunner(job=Job())
        waiting, _ = DagModel.dags_needing_dagruns(session)
        models = [model for model in waiting if model.dag_id == "announce_champion"]
        scheduler._create_dag_runs_asset_triggered(dag_models=models, session=session)
        runs = session.scalars(select(DagRun).where(DagRun.dag_id == "announce_champion"))
        return [
            {"type": str(run.run_type), "events": [event.extra["set"] for event in run.consumed_asset_events]}
            for run in runs
        ]


ANA = SimpleNamespace(get_id=lambda: "7", get_name=lambda: "ana")
SCHEDULER: Any = SimpleNamespace(log=logging.getLogger("scheduler"))

answers = {}
for title, scenario in json.loads(sys.argv[1]).items():
    SCENARIO.clear()
    SCENARIO.update(scenario)
    SEEN.clear()
    SEEN["tries"] = {}
    meli_training.settings = SETTINGS.model_copy(update=scenario.get("settings", {}))
    # dag.test() keeps the params of one run for the next.
    person = Person(scenario.get("answer", {}))
    if person.answer:
        person.start()
    run = dag.test(run_conf={"search_minutes": 0, "folds": 0, **scenario["conf"]})
    person.ended.set()
    SEEN["asked"] = person.seen
    tasks = {}
    for instance in run.get_task_instances():
        name = f"{instance.task_id}[{instance.map_index}]" if instance.map_index >= 0 else instance.task_id
        tasks[name] = [str(instance.state), instance.rendered_map_index]
    answers[title] = {**SEEN, "run": run.run_id, "state": str(run.state), "tasks": tasks}
    answers[title]["events"] = events_of(run)
    answers[title]["assets"] = known_assets()
    if "announce_champion" in os.environ.get("TESTED_CONSUMER", ""):
        answers[title]["triggered"] = triggered_by_assets()
sys.stdout.write(json.dumps(answers) + "\n")
