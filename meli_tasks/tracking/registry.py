"""The registry: decisions go into the ledger, and MLflow's registered model follows.

The ledger alone says who is champion. `sync` makes the alias in MLflow agree with it, however far behind it is, so a
tracking outage delays the alias and nothing else.
"""

from __future__ import annotations

import logging
import tempfile
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from meli_tasks.artifacts.cache import download
from meli_tasks.artifacts.manifest import Manifest, find
from meli_tasks.champion import champion_model, need_champion_model
from meli_tasks.core.errors import TRACKING_ERRORS, BadData, NotFound
from meli_tasks.ledger import Champion, Decision, Evidence, Ledger
from meli_tasks.planning.compared import judged_with
from meli_tasks.planning.evaluation import Evaluated
from meli_tasks.planning.plan import ENSEMBLE, Plan
from meli_tasks.planning.preview import covers
from meli_tasks.stages.evaluation import Figures, PromotionDecision
from meli_tasks.stages.files.digest import MODEL_FILES
from meli_tasks.stages.summaries import IngestSummary
from meli_tasks.store import Store
from meli_tasks.tracking.fields import members_text, weights_of
from meli_tasks.tracking.outbox import Tracking
from meli_tasks.tracking.registered_model import MODEL, register
from meli_tasks.tracking.runs import ARTIFACT_KEY, DAG_RUN, SHA256, read_file

logger = logging.getLogger("meli_tasks")

ALIAS = "champion"
# A decision made while the alias moves requires another round; more rounds than this indicate a fault, not chance.
MAX_SYNC_ROUNDS = 5


@dataclass(frozen=True)
class SyncResult:
    """The champion's model version in MLflow and its page, or a warning if MLflow could not be updated."""

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

    def apply(self, plan: Plan, evaluated: Evaluated, promotion: Manifest) -> Decision:
        """Write what the stage promote decided into the ledger, and update MLflow.

        A retried task gets the decision that it has already written, and so does a run that was cleared and finds the
        same: to keep the champion that it decided on before is no news.

        Raises:
            Conflict: the ledger moved since the models were evaluated; evaluate against the new champion and decide
                again.
        """
        decision = self._existing_decision(plan, evaluated)
        if decision is None:
            decided = PromotionDecision.model_validate_json(read_file(self.store, promotion, "decision.json"))
            label = decided.promoted
            decision = None if label else self._repeated_decision(plan, evaluated)
        if decision is None:
            last = self.ledger.last()
            current = champion_model(self.ledger, last)
            decision = self.ledger.append(
                evaluated.ledger,
                action="promote" if label else "keep",
                champion=self._champion(plan, evaluated, label, decided.scores[label]) if label else None,
                reason=decided.reason,
                by=plan.run_id or "meli run",
                evidence=Evidence(
                    **dict(decided),
                    run_id=plan.run_id,
                    dag_run_url=plan.dag_run_url,
                    plan=plan.name,
                    evaluate=evaluated.key,
                    promote=promotion.key,
                    models=evaluated.models,
                    attempts=evaluated.attempts,
                    judged_with=judged_with(plan),
                ),
                sha256=current.champion.sha256 if current else "",
            )
        self.sync()
        return decision

    def champion(self) -> Champion | None:
        """The current champion."""
        return self.ledger.champion()

    def champion_on(self, moment: date) -> Champion | None:
        """The champion at the end of a date (UTC)."""
        return self.ledger.champion_on(moment)

    def rollback(self, by: str, to: int | None = None, reason: str = "", expected_last: int | None = None) -> Decision:
        """Make an earlier champion the current one, in the ledger and then in MLflow; see `Ledger.rollback`.

        Raises:
            NotFound: there is no such champion, or its model is no longer in the store.
        """
        decision = self.ledger.rollback(by, to, reason, prepare=self._loadable, expected_last=expected_last)
        self.sync()
        return decision

    def sync(self) -> SyncResult:
        """Make MLflow follow the ledger: register the champion if no version holds it, and point the alias at it.

        May be called at any time, also concurrently. An outage causes a warning, never an error.
        """
        if not self.tracking.uri:
            return SyncResult()
        try:
            synced = SyncResult()
            for _ in range(MAX_SYNC_ROUNDS):
                decision = self.ledger.last()
                synced = self._follow(decision, synced.changed)
                # Two tasks may move the alias at the same time; the last one wins, so check that it was the right one.
                last = self.ledger.last()
                if last is None or (decision and last.number == decision.number):
                    break
            return synced
        except (*TRACKING_ERRORS, NotFound, BadData) as error:
            warning = f"The alias {ALIAS!r} of {MODEL} in MLflow does not follow the ledger yet: {error}"
            logger.warning("%s", warning)
            return SyncResult(warning=warning)

    def _follow(self, decision: Decision | None, changed: bool) -> SyncResult:
        projection = self.tracking.projection()
        server, champion = projection.server, decision.champion if decision else None
        current = server.version_number_by_alias(MODEL, ALIAS)
        if decision is None or champion is None:
            if current is not None:
                server.delete("registered-models/alias", name=MODEL, alias=ALIAS)
            return SyncResult(changed=changed or current is not None)
        found = champion_model(self.ledger, decision)
        version = self._version_of(found.champion if found else champion) or self._register(decision)
        if current != version:
            server.post("registered-models/alias", name=MODEL, alias=ALIAS, version=version)
            server.post(
                "model-versions/set-tag", name=MODEL, version=version, key="meli.decision", value=str(decision.number)
            )
            logger.info("MLflow: %s version %s is now %s", MODEL, version, ALIAS)
        return SyncResult(version, server.version_url(MODEL, version), changed or current != version)

    def _version_of(self, champion: Champion) -> str | None:
        """The version that holds this champion's model; the first, if two tasks have made one at the same time.

        An earlier version of this project did not tag the digest. Its version of the model belongs to the champion if
        the same run promoted both, and then gets the tag.
        """
        server = self.tracking.projection().server
        ready = [version for version in server.versions(MODEL, ARTIFACT_KEY, champion.train) if version.ready]
        exact = [version.number for version in ready if champion.sha256 and version.tags.get(SHA256) == champion.sha256]
        if exact:
            return min(exact, key=int)
        untagged = [
            version.number
            for version in ready
            if SHA256 not in version.tags and version.tags.get(DAG_RUN) == champion.run_id
        ]
        found = min(untagged, key=int, default=None)
        if found and champion.sha256:
            server.post("model-versions/set-tag", name=MODEL, version=found, key=SHA256, value=champion.sha256)
        return found

    def _register(self, decision: Decision) -> str:
        champion, model = need_champion_model(self.ledger, decision)
        promotion = self.ledger.decision(decision.promotion or decision.number)
        tags = {
            ARTIFACT_KEY: champion.train,
            SHA256: model.model_sha256,
            "meli.set": champion.set_name,
            DAG_RUN: champion.run_id,
            "meli.fingerprint": champion.fingerprint,
            "meli.test_balanced_accuracy": f"{champion.balanced_accuracy:.6f}",
        }
        if members := members_text(weights_of(model)):
            tags["meli.members"] = members
        run = self._training_run(model, promotion)
        experiment = self.tracking.projection().experiment
        with tempfile.TemporaryDirectory(prefix="meli-model-") as work:
            folder = Path(work, "model")
            folder.mkdir()
            for file in MODEL_FILES:
                download(self.store, model, file, folder / file)
            return register(
                folder, uri=self.tracking.uri, experiment=experiment, run_id=run, tags=tags, note=promotion.reason
            )

    def _loadable(self, promotion: Decision) -> Champion:
        """The champion that a decision promoted, after making sure that its files are in the store."""
        champion, model = need_champion_model(self.ledger, promotion)
        sizes = {file: output.bytes for file, output in model.outputs.items()}
        missing = [file for file in MODEL_FILES if self.store.size(model.file_name(file)) != sizes.get(file, -1)]
        if missing:
            raise NotFound(
                f"{champion.set_name} ({champion.train[:8]}) cannot become champion again: {self.store.url}/"
                f"{model.file_name(missing[0])} is missing or damaged. Nothing was changed. `meli runs` lists the "
                "decisions; `meli rollback --to NUMBER` restores another one."
            )
        return champion

    def _training_run(self, manifest: Manifest, promotion: Decision) -> str | None:
        """The id of the MLflow run of a promoted model, which is sent if it was not, as long as its plan exists."""
        projection = self.tracking.projection()
        if found := projection.training_run(manifest):
            return found.id
        try:
            plan = Plan.load(self.store, promotion.evidence.plan)
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
        sent = projection.training_run(manifest)
        return sent.id if sent else None

    def _existing_decision(self, plan: Plan, evaluated: Evaluated) -> Decision | None:
        """The decision that an earlier attempt of this task wrote for this plan before it died, if there is one.

        It is found by plan, not by evaluation: a conflict makes a run evaluate again, and its retried task knows only
        the first evaluation.
        """
        last = self.ledger.last()
        if last is None or last.number <= evaluated.ledger:
            return None
        since = [decision for decision in self.ledger.decisions() if decision.number > evaluated.ledger]
        return next((decision for decision in since if decision.is_of_run(plan.name)), None)

    def _repeated_decision(self, plan: Plan, evaluated: Evaluated) -> Decision | None:
        """The decision by which this run judged the same models before, if the champion is still the one it left."""
        models = {evaluated.ref(label) for label in evaluated.models}
        last = self.ledger.last()
        for number in range(last.number if last else 0, 0, -1):  # back to what made the champion, and no further
            decision = self.ledger.decision(number)
            if decision.is_of_run(plan.name) and covers(decision, models, plan):
                return decision
            if decision.action != "keep":
                break
        return None

    def _champion(self, plan: Plan, evaluated: Evaluated, label: str, figures: Figures) -> Champion:
        ingest = find(self.store, "ingest", plan.ingest.key)
        return Champion(
            train=evaluated.models[label],
            set_name=label,
            balanced_accuracy=figures.balanced_accuracy,
            interval=figures.interval,
            run_id=plan.run_id,
            as_of=plan.as_of or None,
            fingerprint=ingest.read_summary(IngestSummary).fingerprint if ingest else "",
            sha256=evaluated.attempts.get(label, ""),
            folds=evaluated.folds,
            fold_models=evaluated.fold_models.get(label, ()),
        )
