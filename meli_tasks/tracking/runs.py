"""What MLflow is told of a training and of an evaluation, made from the store's artifacts alone.

Everything here may be done twice: runs are found by the content key or the DAG run they stand for, and metrics carry
the times of the artifact, so logging them again writes the same rows.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from meli_tasks.artifacts import paths
from meli_tasks.artifacts.manifest import Manifest, find, need
from meli_tasks.core.errors import Conflict, NotFound, TrackingRejected
from meli_tasks.planning.plan import ENSEMBLE, Plan
from meli_tasks.store import Store
from meli_tasks.tracking import fields as mlflow_fields
from meli_tasks.tracking.client import ABSENT, MlflowServer

EXPERIMENT = "meli_training"
ARTIFACT_KEY = "meli.artifact_key"
DAG_RUN = "meli.dag_run"
COMPLETE = "meli.complete"

Run = dict[str, Any]


@dataclass(frozen=True)
class Projection:
    """A server, the experiment on it, and the store whose artifacts are told."""

    server: MlflowServer
    store: Store
    experiment: str

    def training(self, plan: Plan, set_name: str, manifest: Manifest) -> str:
        """Tell of one training; the URL of its run. A training that is already told is only linked to this DAG run."""
        return self._model(plan, set_name, manifest, self._fill)

    def ensemble(self, plan: Plan, manifest: Manifest) -> str:
        """The same of an ensemble, whose run stands beside those of its members."""
        return self._model(plan, ENSEMBLE, manifest, self._fill_ensemble)

    def _model(
        self, plan: Plan, label: str, manifest: Manifest, fill: Callable[[Run, Plan, str, Manifest], None]
    ) -> str:
        parent = self.parent(plan)
        run = self._run(
            f"{manifest.stage}-{manifest.key}",
            {ARTIFACT_KEY: manifest.key},
            name=label,
            start=mlflow_fields.finished_at(manifest) - round(manifest.seconds * 1e3),
            tags={"mlflow.parentRunId": parent["info"]["run_id"], DAG_RUN: plan.run_id},
        )
        if _tags(run).get(COMPLETE) != "yes":
            fill(run, plan, label, manifest)
        url = self.url(run)
        self.server.log(parent["info"]["run_id"], tags={f"meli.training.{label}": url})
        return url

    def evaluation(self, plan: Plan, measured: Mapping[str, Any]) -> str:
        """Tell of an evaluation: figures on each training's run, tables on the DAG run's. The URL of the latter."""
        manifest = need(self.store, "evaluate", measured["key"])
        scores: dict[str, Any] = json.loads(read_file(self.store, manifest, "scores.json"))
        urls: dict[str, str] = {}
        for label, key in measured["models"].items():
            if label in plan.sets:
                urls[label] = self.training(plan, label, need(self.store, "train", key))
            elif label == ENSEMBLE:
                urls[label] = self.ensemble(plan, need(self.store, ENSEMBLE, key))
            if runs := self.server.runs(self.experiment, {ARTIFACT_KEY: key}):
                urls[label] = self.url(runs[0])
                self.server.log(runs[0]["info"]["run_id"], metrics=mlflow_fields.test_metrics(scores[label], manifest))
        parent = self.parent(plan)
        self._report(parent, plan, measured, scores, urls)
        own = [scores[label] for label in scores if label in plan.sets or label == ENSEMBLE]
        best = max(own, key=lambda s: s["balanced_accuracy"])
        self.server.log(parent["info"]["run_id"], metrics=mlflow_fields.test_metrics(best, manifest))
        for file in ("scores.json", "leaderboard.png"):
            self.server.upload(parent, file, read_file(self.store, manifest, file))
        self._finish(parent, manifest)
        return self.url(parent)

    def parent(self, plan: Plan) -> Run:
        """The MLflow run that stands for a DAG run."""
        return self._run(
            f"dag-run-{sha256(plan.run_id.encode()).hexdigest()[:32]}",
            {DAG_RUN: plan.run_id, "meli.kind": "dag_run"},
            name=plan.run_id or plan.at,
            start=round(datetime.fromisoformat(plan.at).timestamp() * 1e3),
            tags={**mlflow_fields.run_links(plan), "mlflow.source.name": "meli_training", "mlflow.source.type": "JOB"},
        )

    def training_run(self, key: str) -> Run | None:
        """The run of a training artifact, if it was told."""
        found = self.server.runs(self.experiment, {ARTIFACT_KEY: key})
        return found[0] if found else None

    def url(self, run: Run) -> str:
        """A run's page."""
        return self.server.run_url(self.experiment, run["info"]["run_id"])

    def _run(self, claim: str, identity: Mapping[str, str], *, name: str, start: int, tags: Mapping[str, str]) -> Run:
        """Find the run that stands for something, or create it.

        Two tasks may be about to create the same one, and MLflow cannot refuse the second: the store can.
        """
        claim = paths.tracking_claim(claim)
        claimed = self.store.read(claim)
        if claimed and (run := self._existing(json.loads(claimed.data)["run_id"])):
            return run
        found = self.server.runs(self.experiment, identity)
        run = found[0] if found else self._create(name, start, {**identity, **tags})
        data = json.dumps({"run_id": run["info"]["run_id"]}).encode()
        try:
            if claimed:  # by a run that has been deleted, or on another server
                self.store.write(claim, data, if_version=claimed.version)
            else:
                self.store.write(claim, data, if_absent=True)
        except Conflict:
            first = self.store.read(claim)
            assert first is not None, claim
            winner = self._existing(json.loads(first.data)["run_id"])
            if winner and winner["info"]["run_id"] != run["info"]["run_id"]:
                if not found:
                    self.server.post("runs/delete", run_id=run["info"]["run_id"])
                return winner
        return run

    def _existing(self, run_id: str) -> Run | None:
        try:
            run: Run = self.server.get("runs/get", run_id=run_id)["run"]
        except TrackingRejected as error:
            if error.code != ABSENT:
                raise
            return None
        here = run["info"]["experiment_id"] == self.experiment and run["info"]["lifecycle_stage"] == "active"
        return run if here else None

    def _create(self, name: str, start: int, tags: Mapping[str, str]) -> Run:
        pairs = [{"key": key, "value": value} for key, value in tags.items()]
        run: Run = self.server.post(
            "runs/create", experiment_id=self.experiment, run_name=name, start_time=start, tags=pairs
        )["run"]
        return run

    def _fill(self, run: Run, plan: Plan, set_name: str, manifest: Manifest) -> None:
        run_id = run["info"]["run_id"]
        history = json.loads(read_file(self.store, manifest, "history.json"))
        self.server.log(
            run_id,
            params=mlflow_fields.training_params(plan, set_name),
            metrics=mlflow_fields.epoch_metrics(history, manifest),
        )
        for file in ("curves.png", "history.json"):
            self.server.upload(run, file, read_file(self.store, manifest, file))
        self._complete(run, plan, set_name, manifest)

    def _fill_ensemble(self, run: Run, plan: Plan, label: str, manifest: Manifest) -> None:
        self.server.log(
            run["info"]["run_id"],
            params=mlflow_fields.ensemble_params(plan, manifest),
            metrics=mlflow_fields.ensemble_metrics(manifest),
        )
        self.server.upload(run, "choice.json", read_file(self.store, manifest, "choice.json"))
        self._complete(run, plan, label, manifest)

    def _complete(self, run: Run, plan: Plan, label: str, manifest: Manifest) -> None:
        """The listings, the end and the tags that a whole run has."""
        run_id = run["info"]["run_id"]
        ingest = find(self.store, "ingest", plan.ingest.key)
        fingerprint = str(ingest.summary.get("fingerprint", "")) if ingest else ""
        if fingerprint:
            self.server.add("runs/log-inputs", run_id=run_id, datasets=[mlflow_fields.dataset_input(plan, fingerprint)])
        self._finish(run, manifest)
        # Last: without this tag the run counts as half-told, and is told again from the start.
        self.server.log(run_id, tags={**mlflow_fields.model_tags(plan, label, manifest, fingerprint), COMPLETE: "yes"})

    def _finish(self, run: Run, manifest: Manifest) -> None:
        end = max(mlflow_fields.finished_at(manifest), int(run["info"].get("start_time", 0)))
        self.server.post("runs/update", run_id=run["info"]["run_id"], status="FINISHED", end_time=end)

    def _report(
        self, parent: Run, plan: Plan, measured: Mapping[str, Any], scores: Mapping[str, Any], urls: Mapping[str, str]
    ) -> None:
        """One table for the models and one for their categories: hundreds of metrics would freeze MLflow's pages."""
        ranked = sorted(scores, key=lambda label: (-scores[label]["balanced_accuracy"], label))
        tables = {
            "leaderboard.json": mlflow_fields.leaderboard_table(ranked, scores, urls, measured),
            "categories.json": mlflow_fields.categories_table(ranked, scores),
        }
        for name, table in tables.items():
            self.server.upload(parent, name, json.dumps(table, ensure_ascii=False).encode())
        self.server.log(
            parent["info"]["run_id"],
            tags={
                "mlflow.loggedArtifacts": json.dumps([{"path": name, "type": "table"} for name in tables]),
                "mlflow.note.content": mlflow_fields.run_note(plan, ranked, scores, urls, measured),
                **({"meli.failed": ", ".join(measured["failed"])} if measured.get("failed") else {}),
            },
        )


def read_file(store: Store, manifest: Manifest, file: str) -> bytes:
    """One small file of an artifact.

    Raises:
        NotFound: the manifest stands, the file is gone.
    """
    blob = store.read(manifest.file_name(file))
    if blob is None:
        raise NotFound(f"{store.url}/{manifest.file_name(file)} is gone, though its manifest stands.")
    return blob.data


def _tags(run: Run) -> dict[str, str]:
    return {tag["key"]: tag["value"] for tag in run["data"].get("tags", [])}
