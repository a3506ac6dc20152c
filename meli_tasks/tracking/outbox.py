"""Tracking is a projection: MLflow's content is derived from the store, so an outage delays it but loses nothing.

If something cannot be sent, a note is left in the store under `tracking/pending/`; the next run's evaluation, or
`replay`, sends it.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Literal

from pydantic import AliasChoices, Field

from meli_tasks.artifacts import paths, reading
from meli_tasks.artifacts.manifest import Manifest, need_model
from meli_tasks.core.errors import TRACKING_ERRORS, BadData, BadSettings, MeliError, NotFound, TrackingUnavailable
from meli_tasks.planning.evaluation import Evaluated
from meli_tasks.planning.plan import Plan
from meli_tasks.settings import DEFAULT_REGISTERED_MODEL, Settings
from meli_tasks.stages.stored import Stored
from meli_tasks.store import Store
from meli_tasks.tracking.client import MlflowServer, sign_in
from meli_tasks.tracking.left_running import RUNNING, end_left_running, end_run
from meli_tasks.tracking.patience import DEFAULT_PATIENCE, IN_VAIN, Patience
from meli_tasks.tracking.runs import EXPERIMENT, Projection
from meli_tasks.tracking.slow_server import has_waited, note_waited
from meli_tasks.wording import count

logger = logging.getLogger("meli_tasks")


class PendingNote(Stored):
    """What still has to be sent to MLflow: a training run, by `set_name` and `key`, an evaluation, or a report."""

    version: int = 2
    kind: Literal["training", "evaluation", "report"]
    plan: str
    set_name: str = Field("", validation_alias=AliasChoices("set_name", "set"))  # `set` in 0.1.0
    key: str = ""
    sha256: str = Field("", description="digest of the trained model: its key may have another attempt when it is sent")
    evaluated: Evaluated | None = Field(
        None,
        validation_alias=AliasChoices("evaluated", "measured"),  # `measured` in 0.1.0
    )

    @property
    def name(self) -> str:
        """Where the note is kept; the same note has the same name."""
        return paths.pending(self.kind, hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:24])


class Tracking:
    """The tracking server of a run. With an empty `uri` nothing is sent and no note is left."""

    def __init__(
        self,
        uri: str,
        store: Store,
        pages: str = "",
        model: str = DEFAULT_REGISTERED_MODEL,
        patience: Patience = DEFAULT_PATIENCE,
        *,
        airflow: str = "",
        plan: str = "",
    ) -> None:
        """Does not connect yet.

        Args:
            uri: The server's address.
            store: Whose artifacts are sent.
            pages: The address at which a browser reaches the server, if it is not `uri`.
            model: The name of the champion's registered model.
            patience: How long to wait for the server.
            airflow: The address at which a browser reaches Airflow, whose pages a registered version links to.
            plan: The plan of the run that this is a task of. If another one has waited in vain, this one waits briefly.

        Raises:
            BadSettings: the URI is not a server address.
        """
        self.uri = uri
        self.store = store
        self.model = model
        self.airflow = airflow
        self.process = ""  # of a run outside Airflow
        self.plan = plan
        self._pages, self._patience = pages, patience
        self._opened: MlflowServer | None = None
        self._noted = False
        self._projection: Projection | None = None
        if uri:
            MlflowServer(uri)  # refuses what is not the address of a server

    @classmethod
    def of(cls, settings: Settings, store: Store, patience: Patience = DEFAULT_PATIENCE, plan: str = "") -> Tracking:
        """The tracking server of the settings, for the artifacts of `store`; `plan` names that of the task's run."""
        sign_in(settings)
        at, model = (settings.mlflow_uri, store, settings.mlflow_pages), settings.registered_model
        return cls(*at, model, patience, airflow=settings.airflow_url, plan=plan)

    @property
    def _server(self) -> MlflowServer | None:
        """The server; None if nothing is sent."""
        if self._opened is None and self.uri:
            in_vain = bool(self.plan) and has_waited(self.store, self.plan)
            patience = IN_VAIN if in_vain else self._patience
            self._opened = MlflowServer(self.uri, self._pages, patience, self._waited_in_vain)
        return self._opened

    def _waited_in_vain(self) -> None:
        if self.plan and not self._noted:
            self._noted = True
            note_waited(self.store, self.plan)

    def expect(self, requests: int) -> None:
        """Make sure that there is patience for so many requests by MLflow's own client.

        Raises:
            TrackingUnavailable: there is not.
        """
        if self._server is not None:
            self._server.expect(requests)

    def projection(self) -> Projection:
        """The opened projection.

        Raises:
            BadSettings: tracking is off.
            TrackingUnavailable: the server does not answer.
        """
        if self._server is None:
            raise BadSettings("MLFLOW_TRACKING_URI is not set, so there is no MLflow server to write to.")
        if self._projection is None:
            self._projection = Projection(self._server, self.store, self._server.experiment(EXPERIMENT), self.process)
        return self._projection

    def training(self, plan: Plan, set_name: str, manifest: Manifest) -> str | None:
        """Send a training run. Return the URL of its MLflow run; None while MLflow is unavailable (sent later)."""
        note = PendingNote(
            kind="training", plan=plan.name, set_name=set_name, key=manifest.key, sha256=manifest.model_sha256
        )
        return self._send(note, lambda: self.projection().training(plan, set_name, manifest))

    def evaluation(self, plan: Plan, evaluated: Evaluated) -> str | None:
        """Send an evaluation, then whatever is still pending. The URL of the DAG run's MLflow run, or None."""
        note = PendingNote(kind="evaluation", plan=plan.name, evaluated=evaluated)
        url = self._send(note, lambda: self.projection().evaluation(plan, evaluated))
        if url:
            self.replay()
        return url

    def report(self, plan: Plan) -> str | None:
        """Send the stored report of a plan's run. The URL of its MLflow run; None while MLflow is unavailable."""
        note = PendingNote(kind="report", plan=plan.name)
        return self._send(note, lambda: self.projection().report(plan))

    def ended(self, plan: Plan, status: Literal["FINISHED", "FAILED", "KILLED"]) -> None:
        """End the MLflow run of a plan whose run is over, unless its evaluation has or will."""
        if not self.uri:
            return
        try:
            if plan.name in self._plans_pending():
                return
            parent = self.projection().sent_parent(plan)
            if parent is not None and parent.status == RUNNING:
                end_run(self.projection().server, parent, status, round(time.time() * 1e3))
        except MeliError as error:  # also of the store: how the run ended is not to be replaced by this
            logger.warning("%s The next run ends the MLflow run of this one.", error)

    def _plans_pending(self) -> set[str]:
        """The plans of which an evaluation is still to be sent."""
        plans = set()
        for name in self.pending():
            with suppress(BadData):
                note = reading.read(self.store, name, PendingNote.model_validate_json)
                if note is not None and note.evaluated:
                    plans.add(note.plan)
        return plans

    def pending(self) -> list[str]:
        """Names of the notes that are still to be sent."""
        return list(self.store.names(paths.PENDING))

    def replay(self) -> int:
        """Send what could not be sent during an outage, and return the number of notes sent.

        It stops as soon as the server does not answer, because the remaining requests would fail too.
        """
        sent = 0
        for name in self.pending() if self.uri else []:
            try:
                note = reading.read(self.store, name, PendingNote.model_validate_json)
                if note is None:  # another task has sent it
                    continue
                self._resend(note)
                sent += 1
            except TRACKING_ERRORS as error:
                logger.warning("%s is still pending: %s", name, error)
                if isinstance(error, TrackingUnavailable):
                    break
                continue  # MLflow rejected this note; the next ones may succeed
            except BadData as error:  # perhaps another version can read it, or the plan that it names
                logger.warning("%s is still pending: %s", name, error)
                continue
            except NotFound as error:
                logger.warning("%s can no longer be sent to MLflow: %s", name, error)
            self.store.delete(name)
        else:  # the server has answered to the last
            self._end_left_running()
        if sent:
            logger.info("%s sent to MLflow after an outage", count(sent, "note"))
        return sent

    def _end_left_running(self) -> None:
        if not self.uri:
            return
        try:
            end_left_running(self.projection(), self._plans_pending())
        except (*TRACKING_ERRORS, BadData) as error:
            logger.warning("MLflow runs that were left running could not be ended: %s", error)

    def _resend(self, note: PendingNote) -> None:
        plan = Plan.load(self.store, note.plan)
        if note.kind == "report":
            self.projection().report(plan)
        elif note.evaluated:
            self.projection().evaluation(plan, note.evaluated)
        else:
            self.projection().training(plan, note.set_name, need_model(self.store, note.key, note.sha256))

    def _send(self, note: PendingNote, send: Callable[[], str]) -> str | None:
        if not self.uri:
            return None
        try:
            url = send()
        except TRACKING_ERRORS as error:
            logger.warning("%s It will be sent later; nothing is lost.", error)
            reading.write(self.store, note.name, note.model_dump_json().encode())
            return None
        self.store.delete(note.name)
        return url
