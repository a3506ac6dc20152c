"""Tracking is a projection: MLflow is told what the store already holds, and an outage loses nothing but time.

What could not be told leaves a note in the store, `tracking/pending/...`; the next run's evaluation, or `replay`, tells
it.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any

from meli_tasks.artifacts import paths
from meli_tasks.artifacts.manifest import Manifest, canonical_json, need
from meli_tasks.core.errors import TRACKING_ERRORS, BadSettings, NotFound, TrackingUnavailable
from meli_tasks.planning.plan import Plan
from meli_tasks.store import Store
from meli_tasks.tracking.client import MlflowServer
from meli_tasks.tracking.runs import EXPERIMENT, Projection

logger = logging.getLogger("meli_tasks")


class Tracking:
    """The tracking server of a run. With an empty `uri` nothing is told and nothing is noted."""

    def __init__(self, uri: str, store: Store, pages: str = "") -> None:
        """Touches no network. `pages`: where a browser finds the server, if not at `uri`.

        Errors: BadSettings for a URI that is no server, before anything is trained.
        """
        self.uri = uri
        self.store = store
        self._server = MlflowServer(uri, pages) if uri else None
        self._projection: Projection | None = None

    def projection(self) -> Projection:
        """The opened projection.

        Raises:
            BadSettings: tracking is off.
            TrackingUnavailable: the server does not answer.
        """
        if self._server is None:
            raise BadSettings("MLFLOW_TRACKING_URI is not set: there is no MLflow server to tell anything.")
        if self._projection is None:
            self._projection = Projection(self._server, self.store, self._server.experiment(EXPERIMENT))
        return self._projection

    def training(self, plan: Plan, set_name: str, manifest: Manifest) -> str | None:
        """Tell of a training. The URL of its MLflow run; None while the server is away (then it is told later)."""
        note = {"kind": "training", "plan": plan.name, "set": set_name, "key": manifest.key}
        return self._tell(note, lambda: self.projection().training(plan, set_name, manifest))

    def evaluation(self, plan: Plan, measured: Mapping[str, Any]) -> str | None:
        """Tell of an evaluation, after whatever is still untold. The URL of the MLflow run of the DAG run, or None.

        `measured` holds `key` (evaluate's), `models` (label -> training key), `champion` (label or None), `failed`
        (names).
        """
        note = {"kind": "evaluation", "plan": plan.name, "measured": dict(measured)}
        url = self._tell(note, lambda: self.projection().evaluation(plan, measured))
        if url:
            self.replay()
        return url

    def pending(self) -> list[str]:
        """Names of the notes on what is still untold."""
        return list(self.store.names(paths.PENDING))

    def replay(self) -> int:
        """Tell what an outage kept from being told; how many were. Stops when nobody answers: the rest would fail."""
        told = 0
        for name in self.pending() if self.uri else []:
            blob = self.store.read(name)
            if blob is None:  # another task told it
                continue
            try:
                self._again(json.loads(blob.data))
                told += 1
            except TRACKING_ERRORS as error:
                logger.warning("%s is still untold: %s", name, error)
                if isinstance(error, TrackingUnavailable):
                    break
                continue  # it was refused, which says nothing of the notes behind it
            except NotFound as error:
                logger.warning("%s cannot be told to MLflow any more: %s", name, error)
            self.store.delete(name)
        if told:
            logger.info("%d notes from an outage were told to MLflow", told)
        return told

    def _again(self, note: Mapping[str, Any]) -> None:
        plan = Plan.load(self.store, note["plan"])
        if note["kind"] == "training":
            self.projection().training(plan, note["set"], need(self.store, "train", note["key"]))
        else:
            self.projection().evaluation(plan, note["measured"])

    def _tell(self, note: Mapping[str, Any], tell: Callable[[], str]) -> str | None:
        if not self.uri:
            return None
        name = paths.pending(note["kind"], sha256(canonical_json(note).encode()).hexdigest()[:24])
        try:
            url = tell()
        except TRACKING_ERRORS as error:
            logger.warning("%s It is told later; nothing is lost.", error)
            self.store.write(name, canonical_json(note).encode())
            return None
        self.store.delete(name)
        return url
