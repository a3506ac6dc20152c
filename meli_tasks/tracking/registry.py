"""The registry: decisions go into the ledger, and MLflow's registered model follows.

The ledger alone says who is champion. `sync` makes the alias in MLflow agree with it, however far behind it is, so a
tracking outage delays the alias and nothing else.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import takewhile
from pathlib import Path
from tempfile import TemporaryDirectory

from meli_tasks.approval import Settlement
from meli_tasks.artifacts.manifest import Manifest, find, need_model
from meli_tasks.artifacts.outputs import parse_file
from meli_tasks.champion import champion_model, check_answers, check_files, need_champion_model, restorable
from meli_tasks.core.errors import BadData, MeliError, NotFound, TrackingUnavailable
from meli_tasks.decision import Champion, Decision, Evidence
from meli_tasks.execution.reuse import need_used
from meli_tasks.ledger import Ledger
from meli_tasks.planning.compared import judged_with
from meli_tasks.planning.evaluation import Evaluated
from meli_tasks.planning.plan import Plan
from meli_tasks.planning.preview import covers
from meli_tasks.report import keep_champion_card
from meli_tasks.settings import Settings
from meli_tasks.stages.evaluation import PromotionDecision
from meli_tasks.stages.summaries import IngestSummary
from meli_tasks.store import Store
from meli_tasks.tracking.alias import ALIAS, ChampionAlias, SyncResult
from meli_tasks.tracking.outbox import Tracking
from meli_tasks.tracking.patience import QUICK
from meli_tasks.wording import count

logger = logging.getLogger("meli_tasks")

# A decision made while the alias moves requires another round. Racing promotions come in bursts as large as the number
# of workers, so that more rounds than this indicate a fault, not chance.
MAX_SYNC_ROUNDS = 100
OFFERED = 3  # earlier champions that a message names


@dataclass(frozen=True)
class Repair:
    """What was done to bring MLflow up to date: the champion's version, and what MLflow had missed and now has."""

    synced: SyncResult
    sent: int = 0

    @property
    def notes(self) -> list[str]:
        """A sentence on each thing that was repaired or could not be; empty if all was well."""
        notes = [self.synced.repaired, self.synced.warning]
        if self.sent:
            notes.append(f"MLflow: sent {count(self.sent, 'record')} that it had missed.")
        return [note for note in notes if note]


class Registry:
    """The ledger of a store, with the MLflow registry behind it."""

    def __init__(self, store: Store, tracking: Tracking, ledger: Ledger | None = None) -> None:
        self.store = store
        self.tracking = tracking
        self.ledger = ledger or Ledger(store)  # one that has read the decisions already saves reading them again
        self._alias = ChampionAlias(self.ledger, tracking)

    @classmethod
    def quick(cls, settings: Settings, store: Store, ledger: Ledger | None = None, plan: str = "") -> Registry:
        """The registry of a store for what must not wait for MLflow: it gives up within seconds.

        `plan` names that of the run of which this is a task.
        """
        return cls(store, Tracking.of(settings, store, QUICK, plan), ledger)

    def apply(
        self, plan: Plan, evaluated: Evaluated, promotion: Manifest, settled: Settlement | None = None
    ) -> Decision:
        """Write a decision into the ledger, and update MLflow.

        Args:
            plan: The run's plan.
            evaluated: The evaluation that the decision rests on.
            promotion: What the stage promote left.
            settled: How the decision ended after a person was asked; by default as the stage promote decided.

        A retried task gets the decision that it has already written, and so does a run that was cleared and finds the
        same: to keep the champion that it decided on before is no news.

        Raises:
            Conflict: the ledger moved since the models were evaluated; evaluate against the new champion and decide
                again.
            NotFound, BadData: the model that is to be promoted is no longer in the store, or is damaged.
        """
        decision = self._existing_decision(plan, evaluated)
        if decision is None:
            decided = parse_file(self.store, promotion, "decision.json", PromotionDecision.model_validate_json)
            end = settled or Settlement(decided.promoted, decided.reason)
            label = end.promoted
            # A person's answer is news, whatever it is.
            decision = None if label or end.approval else self._repeated_decision(plan, evaluated)
        if decision is None:
            if label:
                self._need_whole(evaluated, label)
            last = self.ledger.last()
            current = champion_model(self.ledger, last)
            decision = self.ledger.append(
                evaluated.ledger,
                action="promote" if label else "keep",
                champion=self._champion(plan, evaluated, label, decided) if label else None,
                reason=end.reason,
                by=plan.run_id or "meli run",
                approval=end.approval,
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
                selection_bias=decided.champion_bias,
            )
        self.sync()
        return decision

    def _need_whole(self, evaluated: Evaluated, label: str) -> None:
        """Make sure that what evaluate loaded is still in the store, to the bit."""
        model = need_model(self.store, evaluated.models[label], evaluated.attempts.get(label, ""))
        need_used(self.store, model)
        with TemporaryDirectory(prefix="meli-champion-") as folder:
            check_files(self.store, model, Path(folder))

    def version_of(self, champion: Champion) -> str:
        """The number of the champion's version in MLflow; empty if MLflow does not say."""
        try:
            return self._alias.version_of(champion) or ""
        except MeliError as error:
            logger.info("The champion's version in MLflow is unknown: %s", error)
            return ""

    def champion(self) -> Champion | None:
        """The current champion."""
        return self.ledger.champion()

    def champion_on(self, moment: date) -> Champion | None:
        """The champion at the end of a date (UTC)."""
        return self.ledger.champion_on(moment)

    def rollback(
        self, by: str, to: int | None = None, reason: str = "", *, expected_last: int | None = None, request: str = ""
    ) -> Decision:
        """Make an earlier champion the current one, in the ledger and then in MLflow; see `Ledger.rollback`.

        Its model is loaded from the store first, and must answer.

        Raises:
            NotFound: there is no such champion, or its model cannot be loaded; the message names others.
        """
        decision = self.ledger.rollback(by, to, reason, self._answering, expected_last=expected_last, request=request)
        self.sync()
        return decision

    def sync(self) -> SyncResult:
        """Make MLflow follow the ledger: register the champion if no version holds it, and point the alias at it.

        May be called at any time, also concurrently. What goes wrong causes a warning, never an error: the decision
        stands, and the next call makes it good.
        """
        synced = self._synced()
        if synced.warning:
            logger.warning("%s", synced.warning)
        try:
            if champion := self.champion():
                keep_champion_card(self.store, champion.ref, self.tracking.model)
        except MeliError as error:  # the store's: the decision that was just written must not look as if it failed
            logger.warning("The champion's model card was not written: %s", error)
        return synced

    def repair(self) -> Repair:
        """Make MLflow follow the ledger, and send it what it missed. What goes wrong becomes a note."""
        synced = self._synced()
        if not self.tracking.uri or not synced.reached:
            return Repair(synced)
        try:
            return Repair(synced, self.tracking.replay())
        except MeliError as error:  # the store's
            return Repair(replace(synced, warning=f"MLflow was not sent what it missed: {error}"))

    def _synced(self) -> SyncResult:
        if not self.tracking.uri:
            return SyncResult()
        try:
            return self._follow_until_stable()
        except MeliError as error:
            return SyncResult(
                warning=f"The alias {ALIAS!r} of {self.tracking.model} in MLflow does not follow the ledger yet: "
                f"{error}",
                reached=not isinstance(error, TrackingUnavailable),
            )

    def _follow_until_stable(self) -> SyncResult:
        """Two tasks may move the alias at the same time, and the last one wins: each checks that it was the right one.

        Whoever moves the alias looks at the ledger afterwards, so the last one to move it has seen the last decision.
        """
        changed = False
        for _ in range(MAX_SYNC_ROUNDS):
            decision = self.ledger.last()
            synced = self._alias.follow(decision)
            changed = changed or synced.changed
            last = self.ledger.last()
            if last is None or (decision and last.number == decision.number):
                return replace(synced, changed=changed)
        return SyncResult(
            warning=f"The ledger changed {MAX_SYNC_ROUNDS} times while the alias {ALIAS!r} of {self.tracking.model} in "
            "MLflow was moved. Run `meli champion` to set it."
        )

    def _answering(self, promotion: Decision) -> Champion:
        """The champion that a decision promoted, after loading its model from the store and having it answer."""
        try:
            champion, model = need_champion_model(self.ledger, promotion)
            check_answers(self.store, model)
        except (NotFound, BadData) as error:
            wanted = promotion.champion
            name = f"{wanted.set_name} ({wanted.train[:8]})" if wanted else f"The champion of {promotion.number}"
            others = [decision for decision in restorable(self.ledger) if decision.number != promotion.number]
            raise NotFound(
                f"{name} cannot become champion again: {error} Nothing was changed. {offered(others)}"
            ) from error
        return champion.model_copy(update={"selection_bias": self._known_bias(champion)})

    def _known_bias(self, champion: Champion) -> float:
        """What the figure of an earlier champion owes to its selection.

        If it was champion until the current one was promoted, the last decision of that time knows it better than the
        one that promoted it. A search for its last decision would read the whole ledger.
        """
        last = self.ledger.last()
        replaced = last.promotion if last and last.action != "rollback" else None
        before = self.ledger.decision(replaced - 1).champion if replaced and replaced > 1 else None
        same = before if before and before.ref == champion.ref and before.run_id == champion.run_id else champion
        return same.selection_bias

    def _existing_decision(self, plan: Plan, evaluated: Evaluated) -> Decision | None:
        """The decision that an earlier attempt of this task wrote for this plan before it died, if there is one.

        It is found by plan, not by evaluation: a conflict makes a run evaluate again, and its retried task knows only
        the first evaluation.
        """
        last = self.ledger.last()
        if last is None or last.number <= evaluated.ledger:
            return None
        since = takewhile(lambda decision: decision.number > evaluated.ledger, self.ledger.backwards())
        made = [decision.number for decision in since if decision.is_of_run(plan.name)]
        return self.ledger.decision(made[-1]) if made else None

    def _repeated_decision(self, plan: Plan, evaluated: Evaluated) -> Decision | None:
        """The decision by which this run judged the same models before, if the champion is still the one it left."""
        models = {evaluated.ref(label) for label in evaluated.models}
        for row in self.ledger.rows_backwards():  # back to what made the champion, and no further
            if row.plan == plan.name and covers(row.decision, models, plan):
                return self.ledger.decision(row.number)
            if row.action != "keep":
                break
        return None

    def _champion(self, plan: Plan, evaluated: Evaluated, label: str, decided: PromotionDecision) -> Champion:
        figures = decided.scores[label]
        ingest = find(self.store, "ingest", plan.ingest.key)
        return Champion(
            train=evaluated.models[label],
            set_name=label,
            balanced_accuracy=figures.balanced_accuracy,
            interval=figures.interval,
            selection_bias=decided.nominated_bias,
            run_id=plan.run_id,
            as_of=plan.as_of or None,
            fingerprint=ingest.read_summary(IngestSummary).fingerprint if ingest else "",
            sha256=evaluated.attempts.get(label, ""),
            folds=len(evaluated.fold_models.get(label, ())),
            fold_models=evaluated.fold_models.get(label, ()),
        )


def offered(promotions: Sequence[Decision]) -> str:
    """Which earlier champions can be restored, as a sentence."""
    if not promotions:
        return "No other earlier champion is in the store; `meli promote` promotes a model that a run has evaluated."
    named = [
        f"`meli rollback --to {decision.number}` ({decision.champion.set_name}, promoted on {decision.at:%Y-%m-%d})"
        for decision in promotions[:OFFERED]
        if decision.champion
    ]
    return f"These can be restored: {', '.join(named)}."
