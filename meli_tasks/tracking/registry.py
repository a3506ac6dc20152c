"""The registry: decisions go into the ledger, and MLflow's registered model follows.

The ledger alone says who is champion. `sync` makes the alias in MLflow agree with it, however far behind it is, so a
tracking outage delays the alias and nothing else.
"""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from meli_tasks.artifacts.manifest import Manifest, find, need_model
from meli_tasks.core.errors import TRACKING_ERRORS, NotFound, TrackingRejected
from meli_tasks.ledger import Champion, Decision, Ledger
from meli_tasks.planning.plan import ENSEMBLE, Plan
from meli_tasks.store import Store
from meli_tasks.tracking.client import ABSENT, quoted
from meli_tasks.tracking.fields import members_text
from meli_tasks.tracking.outbox import Tracking
from meli_tasks.tracking.registered_model import MODEL, register
from meli_tasks.tracking.runs import ARTIFACT_KEY, read_file

logger = logging.getLogger("meli_tasks")

ALIAS = "champion"
MODEL_FILES = ("model.safetensors", "model.json")
# A decision made while the alias moves sends it round again; more than this many in a row is a fault, not chance.
ROUNDS = 5


@dataclass(frozen=True)
class Synced:
    """What `sync` found: the champion's version in MLflow and its page, or why MLflow does not follow at the moment."""

    version: str | None = None
    url: str | None = None
    changed: bool = False
    warning: str | None = None


class Registry:
    """The ledger of a store, with the MLflow registry behind it."""

    def __init__(self, store: Store, tracking: Tracking) -> None:
        self.store = store
        self.tracking = tracking
        self.ledger = Ledger(store)

    def apply(self, plan: Plan, measured: Mapping[str, Any], promotion: Manifest) -> Decision:
        """Write what the stage promote decided into the ledger, and let MLflow follow.

        `measured`: `key` of evaluate, `models` (label -> training key), `ledger` (number of the decision it was
        measured against, 0 for none). Called again by a retried task, it returns the decision already written.

        Raises:
            Conflict: the ledger moved since the models were measured; measure against the new champion and decide
            again.
        """
        decision = self._written(plan, measured)
        if decision is None:
            label = promotion.summary["promoted"]
            figures = json.loads(read_file(self.store, promotion, "decision.json"))
            decision = self.ledger.append(
                measured["ledger"],
                action="promote" if label else "keep",
                champion=self._champion(plan, measured, label, figures["scores"][label]) if label else None,
                reason=promotion.summary["reason"],
                by=plan.run_id or "meli run",
                evidence={
                    **figures,
                    "run_id": plan.run_id,
                    "dag_run_url": plan.dag_run_url,
                    "plan": plan.name,
                    "evaluate": measured["key"],
                    "promote": promotion.key,
                    "models": dict(measured["models"]),
                },
            )
        self.sync()
        return decision

    def champion(self) -> Champion | None:
        """The champion in force."""
        return self.ledger.champion()

    def champion_on(self, moment: date) -> Champion | None:
        """The champion in force at the end of a date (UTC)."""
        return self.ledger.champion_on(moment)

    def rollback(self, by: str, to: int | None = None, reason: str = "") -> Decision:
        """Put an earlier champion back in force, in the ledger and then in MLflow; see `Ledger.rollback`."""
        decision = self.ledger.rollback(by, to, reason)
        self.sync()
        return decision

    def sync(self) -> Synced:
        """Make MLflow follow the ledger: register the champion if no version holds it, and point the alias at it.

        May be called at any time and by several at once. An outage is a warning here, never an error.
        """
        if not self.tracking.uri:
            return Synced()
        try:
            synced = Synced()
            for _ in range(ROUNDS):
                decision = self.ledger.last()
                synced = self._follow(decision, synced.changed)
                # Two tasks may move the alias at once, and MLflow keeps the last: look whether that was the right one.
                last = self.ledger.last()
                if last is None or (decision and last.number == decision.number):
                    break
            return synced
        except (*TRACKING_ERRORS, NotFound) as error:
            warning = f"The alias {ALIAS!r} of {MODEL} in MLflow does not follow the ledger yet: {error}"
            logger.warning("%s", warning)
            return Synced(warning=warning)

    def _follow(self, decision: Decision | None, changed: bool) -> Synced:
        projection = self.tracking.projection()
        server, champion = projection.server, decision.champion if decision else None
        current = self._aliased()
        if decision is None or champion is None:
            if current is not None:
                server.delete("registered-models/alias", name=MODEL, alias=ALIAS)
            return Synced(changed=changed or current is not None)
        version = self._version_of(champion) or self._register(champion)
        if current != version:
            server.post("registered-models/alias", name=MODEL, alias=ALIAS, version=version)
            server.post(
                "model-versions/set-tag", name=MODEL, version=version, key="meli.decision", value=str(decision.number)
            )
            logger.info("MLflow: %s version %s is now %s", MODEL, version, ALIAS)
        return Synced(version, server.version_url(MODEL, version), changed or current != version)

    def _aliased(self) -> str | None:
        server = self.tracking.projection().server
        try:
            model = server.get("registered-models/get", name=MODEL)["registered_model"]
        except TrackingRejected as error:
            if error.code != ABSENT:
                raise
            return None
        return next((str(a["version"]) for a in model.get("aliases", []) if a["alias"] == ALIAS), None)

    def _version_of(self, champion: Champion) -> str | None:
        """The version that holds this champion's model; the first, should two tasks have made one at once."""
        server = self.tracking.projection().server
        wanted = f"name = {quoted(MODEL)} and tags.`{ARTIFACT_KEY}` = {quoted(champion.train)}"
        found = server.get("model-versions/search", filter=wanted).get("model_versions", [])
        return min((str(v["version"]) for v in found if v["status"] == "READY"), key=int, default=None)

    def _register(self, champion: Champion) -> str:
        manifest = need_model(self.store, champion.train)
        decisions = reversed(self.ledger.decisions())
        promotion = next(d for d in decisions if d.action == "promote" and d.champion == champion)
        tags = {
            ARTIFACT_KEY: champion.train,
            "meli.set": champion.set_name,
            "meli.dag_run": champion.run_id,
            "meli.fingerprint": champion.fingerprint,
            "meli.test_balanced_accuracy": f"{champion.balanced_accuracy:.6f}",
        }
        if members := members_text(manifest.summary.get("weights", {})):
            tags["meli.members"] = members
        run = self._training_run(manifest, promotion)
        experiment = self.tracking.projection().experiment
        with tempfile.TemporaryDirectory(prefix="meli-model-") as work:
            folder = Path(work, "model")
            folder.mkdir()
            for file in MODEL_FILES:
                self.store.download(manifest.file_name(file), folder / file)
            return register(
                folder, uri=self.tracking.uri, experiment=experiment, run_id=run, tags=tags, note=promotion.reason
            )

    def _training_run(self, manifest: Manifest, promotion: Decision) -> str | None:
        """The id of the MLflow run of a promoted model; told now if it was not, while its plan is still there."""
        projection = self.tracking.projection()
        if found := projection.training_run(manifest.key):
            return str(found["info"]["run_id"])
        try:
            plan = Plan.load(self.store, str(promotion.evidence.get("plan")))
        except NotFound:
            return None
        # By name: the keys of an old plan's steps change with the stages' versions.
        set_name = promotion.champion.set_name if promotion.champion else ""
        if manifest.stage == ENSEMBLE:
            projection.ensemble(plan, manifest)
        elif set_name in plan.sets:
            projection.training(plan, set_name, manifest)
        else:
            return None
        told = projection.training_run(manifest.key)
        return str(told["info"]["run_id"]) if told else None

    def _written(self, plan: Plan, measured: Mapping[str, Any]) -> Decision | None:
        """This plan's decision since the models were measured, if a task that died after writing it left one.

        Not by its evaluation: a conflict makes a run measure again, and its retried task knows the first one only.
        """
        last = self.ledger.last()
        if last is None or last.number <= measured["ledger"]:
            return None
        since = [decision for decision in self.ledger.decisions() if decision.number > measured["ledger"]]
        return next((decision for decision in since if decision.evidence.get("plan") == plan.name), None)

    def _champion(self, plan: Plan, measured: Mapping[str, Any], label: str, figures: Mapping[str, Any]) -> Champion:
        ingest = find(self.store, "ingest", plan.ingest.key)
        low, high = figures["interval"]
        return Champion(
            train=measured["models"][label],
            set_name=label,
            balanced_accuracy=figures["balanced_accuracy"],
            interval=(low, high),
            run_id=plan.run_id,
            as_of=plan.as_of or None,
            fingerprint=str(ingest.summary.get("fingerprint", "")) if ingest else "",
        )
