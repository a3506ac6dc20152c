"""MLflow's runs of training runs, ensembles and evaluations, made from the store's artifacts alone.

Every operation is idempotent: runs are found by the content key or the DAG run that they represent, and metrics carry
the times of the artifact, so logging them again writes the same rows.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from meli_tasks.artifacts import paths, reading
from meli_tasks.artifacts.manifest import Manifest, find, find_model, need, need_model
from meli_tasks.artifacts.outputs import read_file
from meli_tasks.artifacts.reading import PARSE_ERRORS, reason_of
from meli_tasks.artifacts.seals import unsealed
from meli_tasks.artifacts.timed import read_history, read_scores
from meli_tasks.core.errors import Conflict, NotFound
from meli_tasks.planning.evaluation import Evaluated
from meli_tasks.planning.plan import Plan
from meli_tasks.stages.evaluation import Evaluation
from meli_tasks.stages.stored import Stored
from meli_tasks.stages.summaries import ENSEMBLE, EnsembleSummary, IngestSummary
from meli_tasks.store import Blob, Store
from meli_tasks.tracking import fields as mlflow_fields
from meli_tasks.tracking.client import MlflowServer
from meli_tasks.tracking.entities import MlflowRun

logger = logging.getLogger("meli_tasks")

EXPERIMENT = "meli_training"
ARTIFACT_KEY = "meli.artifact_key"
SHA256 = "meli.sha256"
DAG_RUN = "meli.dag_run"
PLAN = "meli.plan"
PROCESS = "meli.process"
"""Machine, id and start of the process of a run outside Airflow, by which others notice that it was killed."""
EVALUATED = "meli.evaluate_key"
OWN_FIGURE = "test_balanced_accuracy"
DIGEST_LENGTH = 12  # in names
COMPLETE = "meli.complete"
REPORT = "report.html"
"""The name of a run's report among the artifacts of its MLflow run."""


class Claim(Stored):
    """Which MLflow run represents an attempt of a model, or a plan of a DAG run."""

    version: int = 2
    run_id: str


@dataclass(frozen=True)
class Projection:
    """A server, the experiment on it, the store whose artifacts are sent, and the process of a run, if it has one."""

    server: MlflowServer
    store: Store
    experiment: str
    process: str = ""

    def training(self, plan: Plan, set_name: str, manifest: Manifest) -> str:
        """Send one training run, or link a complete one to this DAG run. Returns the URL of its MLflow run."""
        return self._model(plan, set_name, manifest, self._fill)

    def ensemble(self, plan: Plan, manifest: Manifest) -> str:
        """Send an ensemble, whose MLflow run is listed beside those of its members."""
        return self._model(plan, ENSEMBLE, manifest, self._fill_ensemble)

    def _model(
        self, plan: Plan, label: str, manifest: Manifest, fill: Callable[[MlflowRun, Plan, str, Manifest], None]
    ) -> str:
        parent, sha256 = self.parent(plan), manifest.model_sha256
        run = self._run(
            f"{manifest.stage}-{manifest.key}{f'-{sha256[:DIGEST_LENGTH]}' if sha256 else ''}",
            lambda: self.training_run(manifest),
            name=label,
            start=_started_at(manifest),
            tags={**_identity(manifest), "mlflow.parentRunId": parent.id, DAG_RUN: plan.run_id},
        )
        if run.tags.get(COMPLETE) != "yes":
            fill(run, plan, label, manifest)
        if sha256 and SHA256 not in run.tags:
            self.server.log(run.id, tags={SHA256: sha256})
        url = self.url(run)
        self.server.log(parent.id, tags={f"meli.training.{label}": url})
        return url

    def evaluation(self, plan: Plan, evaluated: Evaluated) -> str:
        """Send an evaluation. Returns the URL of the MLflow run of the plan, which gets its figures and tables.

        A model's own MLflow run gets its figures once, on the titles that it was made from.
        """
        manifest = need(self.store, "evaluate", evaluated.key)
        scores = read_scores(self.store, manifest).models
        urls: dict[str, str] = {}
        for label in evaluated.models:
            ref = evaluated.ref(label)
            model = find_model(self.store, ref.key, ref.sha256)
            if label in plan.sets or label == ENSEMBLE:
                model = model or need_model(self.store, ref.key, ref.sha256)
                send = self._fill_ensemble if label == ENSEMBLE else self._fill
                urls[label] = self._model(plan, label, model, send)
                if label in scores:  # else it was fitted on too many of the test titles
                    self._log_own_figures(model, scores[label], manifest)
            elif model and (run := self.training_run(model)):
                urls[label] = self.url(run)
        parent = self.parent(plan)
        self._report(parent, plan, evaluated, scores, urls)
        own = [scores[label] for label in scores if label in plan.sets or label == ENSEMBLE]
        best = max(own, key=lambda evaluation: evaluation.balanced_accuracy, default=None)
        metrics = mlflow_fields.test_metrics(best, manifest) if best else []
        if evaluated.champion in scores:
            metrics += mlflow_fields.champion_metrics(scores[evaluated.champion], manifest)
        self._log_listings(parent.id, plan, "testing")
        self.server.log(parent.id, metrics=metrics)
        for file in ("scores.json", "leaderboard.png"):
            self.server.upload(parent, file, read_file(self.store, manifest, file))
        self._finish(parent, manifest)
        return self.url(parent)

    def report(self, plan: Plan) -> str:
        """Put the report of a plan's run, as it is in the store, among the artifacts of its MLflow run; return its URL.

        Raises:
            NotFound: the store holds no report of this run.
        """
        name = paths.report(plan.name)
        stored = reading.read_again(self.store, name)
        if stored is None:
            raise NotFound(f"There is no report {name} in {self.store.url}: `meli report {plan.run_id}` writes it.")
        parent = self.parent(plan)
        self.server.upload(parent, REPORT, stored)
        return self.url(parent)

    def parent(self, plan: Plan) -> MlflowRun:
        """The MLflow run that represents a plan of a DAG run; a run that is reprocessed with other sets has several."""
        start = round(datetime.fromisoformat(plan.at).timestamp() * 1e3)
        return self._run(
            _claim_of(plan),
            lambda: self._find_parent(plan, start),
            name=plan.run_id or plan.at,
            start=start,
            tags={
                DAG_RUN: plan.run_id,
                PLAN: plan.name,
                "meli.kind": "dag_run",
                **({PROCESS: self.process} if self.process else {}),
                **mlflow_fields.run_links(plan),
                "mlflow.source.name": "meli_training",
                "mlflow.source.type": "JOB",
            },
        )

    def sent_parent(self, plan: Plan) -> MlflowRun | None:
        """The MLflow run that represents a plan, if there is one already."""
        name = paths.tracking_claim(_claim_of(plan))
        claim = self.store.read(name)
        return self._claimed(name, claim) if claim else None

    def _find_parent(self, plan: Plan, start: int) -> MlflowRun | None:
        """0.1.0 had one for all plans of a DAG run: it is that of the plan from which it was created."""
        found = self.server.runs(self.experiment, {DAG_RUN: plan.run_id, "meli.kind": "dag_run"})
        own = [run for run in found if run.tags.get(PLAN) == plan.name]
        former = [run for run in found if PLAN not in run.tags and run.started == start]
        return next(iter(own + former), None)

    def training_run(self, model: Manifest) -> MlflowRun | None:
        """The MLflow run of a model, if it was sent: that of this attempt, not of another one with its key.

        0.1.0 did not record the attempt; its run is this attempt's if both began at the same moment.
        """
        found = self.server.runs(self.experiment, {ARTIFACT_KEY: model.key})
        own = [run for run in found if run.tags.get(SHA256, "") == model.model_sha256]
        former = [run for run in found if SHA256 not in run.tags and run.started == _started_at(model)]
        return next(iter(own + former), None)

    def url(self, run: MlflowRun) -> str:
        """A run's page."""
        return self.server.run_url(self.experiment, run.id)

    def _log_own_figures(self, model: Manifest, evaluation: Evaluation, manifest: Manifest) -> None:
        """Log a model's figures on its own titles to its own run, unless another evaluation has done so."""
        run = self.training_run(model)
        if run is None or run.tags.get(EVALUATED, manifest.key) != manifest.key:
            return
        if EVALUATED not in run.tags and OWN_FIGURE in run.metrics:  # by 0.1.0
            return
        self.server.log(run.id, tags={EVALUATED: manifest.key})
        self.server.log(run.id, metrics=mlflow_fields.test_metrics(evaluation, manifest))

    def _run(
        self, claim: str, find_sent: Callable[[], MlflowRun | None], *, name: str, start: int, tags: Mapping[str, str]
    ) -> MlflowRun:
        """Find the MLflow run that represents something, or create it.

        Two tasks may try to create the same run. MLflow cannot prevent that, but a conditional write to the store can.
        """
        claim = paths.tracking_claim(claim)
        claimed = self.store.read(claim)
        if claimed and (run := self._claimed(claim, claimed)):
            return run
        found = find_sent()
        run = found or self.server.create_run(self.experiment, name, start, tags)
        data = Claim(run_id=run.id).model_dump_json().encode()
        try:
            if claimed:  # by a run that has been deleted, or on another server; or the claim cannot be read
                reading.write(self.store, claim, data, if_version=claimed.version)
            else:
                reading.write(self.store, claim, data, if_absent=True)
        except Conflict:
            first = self.store.read(claim)
            assert first is not None, claim
            winner = self._claimed(claim, first)
            if winner and winner.id != run.id:
                if not found:
                    self.server.post("runs/delete", run_id=run.id)
                return winner
        return run

    def _claimed(self, name: str, claim: Blob) -> MlflowRun | None:
        """The run that a claim names, if it is still there."""
        try:
            run_id = Claim.model_validate_json(unsealed(name, claim.data)).run_id
        except PARSE_ERRORS as error:  # a projection never fails a run: the claim is made again
            logger.warning("%s cannot be read and is written again: %s", name, reason_of(error, claim.data))
            return None
        return self._existing(run_id)

    def _existing(self, run_id: str) -> MlflowRun | None:
        run = self.server.run(run_id)
        return run if run and run.active and run.experiment == self.experiment else None

    def _fill(self, run: MlflowRun, plan: Plan, set_name: str, manifest: Manifest) -> None:
        run_id = run.id
        history = read_history(self.store, manifest)
        self.server.log(
            run_id,
            params=mlflow_fields.training_params(plan, set_name),
            metrics=mlflow_fields.epoch_metrics(history, manifest),
        )
        for file in ("curves.png", "history.json"):
            self.server.upload(run, file, read_file(self.store, manifest, file))
        self._complete(run, plan, set_name, manifest)

    def _fill_ensemble(self, run: MlflowRun, plan: Plan, label: str, manifest: Manifest) -> None:
        summary = manifest.read_summary(EnsembleSummary)
        self.server.log(
            run.id,
            params=mlflow_fields.ensemble_params(plan, summary),
            metrics=mlflow_fields.ensemble_metrics(summary, mlflow_fields.finished_at(manifest)),
        )
        self.server.upload(run, "choice.json", read_file(self.store, manifest, "choice.json"))
        self._complete(run, plan, label, manifest)

    def _complete(self, run: MlflowRun, plan: Plan, label: str, manifest: Manifest) -> None:
        """Log the listings, the end and the tags of a complete run."""
        run_id = run.id
        fingerprint = self._log_listings(run_id, plan, "training")
        self._finish(run, manifest)
        # Last: without this tag the run counts as incomplete, and is sent again from the start.
        self.server.log(run_id, tags={**mlflow_fields.model_tags(plan, label, manifest, fingerprint), COMPLETE: "yes"})

    def _log_listings(self, run_id: str, plan: Plan, context: str) -> str:
        """Log a plan's listings as the dataset of an MLflow run; return their fingerprint, empty if it is unknown."""
        ingest = find(self.store, "ingest", plan.ingest.key)
        fingerprint = ingest.read_summary(IngestSummary).fingerprint if ingest else ""
        if fingerprint:
            datasets = [mlflow_fields.dataset_input(plan, fingerprint, context)]
            self.server.add("runs/log-inputs", run_id=run_id, datasets=datasets)
        return fingerprint

    def _finish(self, run: MlflowRun, manifest: Manifest) -> None:
        end = max(mlflow_fields.finished_at(manifest), run.started)
        self.server.post("runs/update", run_id=run.id, status="FINISHED", end_time=end)

    def _report(
        self,
        parent: MlflowRun,
        plan: Plan,
        evaluated: Evaluated,
        scores: Mapping[str, Evaluation],
        urls: Mapping[str, str],
    ) -> None:
        """Log one table of models and one of categories: hundreds of metrics would freeze MLflow's pages."""
        ranked = sorted(scores, key=lambda label: (-scores[label].balanced_accuracy, label))
        tables = {
            "leaderboard.json": mlflow_fields.leaderboard_table(ranked, scores, urls, evaluated),
            "categories.json": mlflow_fields.categories_table(ranked, scores),
        }
        for name, table in tables.items():
            self.server.upload(parent, name, json.dumps(table._asdict(), ensure_ascii=False).encode())
        self.server.log(
            parent.id,
            tags={
                "mlflow.loggedArtifacts": json.dumps([{"path": name, "type": "table"} for name in tables]),
                "mlflow.note.content": mlflow_fields.run_note(plan, ranked, scores, urls, evaluated),
                **({"meli.failed": ", ".join(evaluated.failed)} if evaluated.failed else {}),
            },
        )


def _claim_of(plan: Plan) -> str:
    return f"plan-{sha256(plan.name.encode()).hexdigest()[:32]}"


def _identity(model: Manifest) -> dict[str, str]:
    """The tags that tell a model's MLflow run from all others."""
    return {ARTIFACT_KEY: model.key} | ({SHA256: model.model_sha256} if model.model_sha256 else {})


def _started_at(manifest: Manifest) -> int:
    """When the step of an artifact began, in ms since 1970."""
    return mlflow_fields.finished_at(manifest) - round(manifest.seconds * 1e3)
