"""From an evaluation to a decision in the ledger: the verdict, a person's answer if one is needed, the entry.

A run that waits for a person may wait for hours, and the champion may change meanwhile. The answer is about the
comparison that the person saw, so it counts only as long as the same two models are compared.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from pydantic import Field

from meli_tasks.approval import Approval, Settlement
from meli_tasks.artifacts.manifest import Manifest, ModelRef, need
from meli_tasks.artifacts.outputs import parse_file
from meli_tasks.artifacts.timed import read_scores
from meli_tasks.core.errors import Conflict
from meli_tasks.decision import Action, Champion, Decision
from meli_tasks.execution.runner import Runner
from meli_tasks.planning.compared import promote_step
from meli_tasks.planning.evaluation import Evaluated
from meli_tasks.planning.evidence_summary import EvidenceSummary, Link, report_page
from meli_tasks.planning.plan import Plan
from meli_tasks.planning.verdict import Verdict
from meli_tasks.settings import Settings
from meli_tasks.stages.evaluation import PromotionDecision
from meli_tasks.stages.stored import Stored
from meli_tasks.tracking.registry import Registry

logger = logging.getLogger("meli_tasks")

PROMOTION_TRIES = 8
CHANGED = "The champion changed while this run waited for an answer."
ASK_AGAIN = "Clear the task decide of this run to compare the models again and request a new approval."


class PromotionOutcome(Stored):
    """What the task promote returns: the entry that it wrote into the ledger, without the evidence.

    A run that only evaluates writes none: then `number` is None and the champion is the current one.
    """

    number: int | None = None
    at: datetime | None = None
    action: Action
    champion: Champion | None = None
    promotion: int | None = None
    previous: int | None = None
    reason: str = ""
    by: str = ""
    approval: Approval | None = None
    id: str = ""
    report: str = Field("", description="name of the run's report in the store, or why there is none")


@dataclass(frozen=True)
class Promoter:
    """Decides on the models of a run.

    Attributes:
        settings: Where the pages are.
        runner: Runs the stage promote.
        registry: The ledger with the MLflow registry behind it.
        evaluate: Evaluates a run's models again, against the current champion.
    """

    settings: Settings
    runner: Runner
    registry: Registry
    evaluate: Callable[[Plan, Evaluated], Evaluated]

    def decide(self, plan: Plan, evaluated: Evaluated) -> Verdict:
        """Compare the run's models with the champion, and write nothing into the ledger.

        If the ledger has changed since the evaluation, the models are evaluated again: a person is asked about the
        current champion, and a run that is cleared asks again.
        """
        last = self.registry.ledger.last()
        if (last.number if last else 0) != evaluated.ledger and plan.request.promotion != "never":
            logger.info("The promotion ledger has changed since the evaluation: evaluating again.")
            evaluated = self.evaluate(plan, evaluated)
        manifest, decided = self._judge(plan, evaluated)
        evaluation = need(self.runner.store, "evaluate", evaluated.key)
        scores = read_scores(self.runner.store, evaluation)
        evidence = EvidenceSummary(decided, scores.models, links(self.settings, plan, evaluated))
        verdict = Verdict(
            verdict=decided.verdict,
            nominated=nominated(decided),
            question=evidence.question() if decided.verdict == "ask" else "",
            reason=decided.reason,
            evidence=evidence.markdown(),
            evaluated=evaluated,
            promote=manifest.key,
        )
        verdict.save(self.runner.store, plan.name)
        return verdict

    def promote(self, plan: Plan, decided: Verdict, approval: Approval | None = None) -> PromotionOutcome:
        """Write the decision into the ledger; the MLflow alias follows.

        If another decision was made in the meantime, the models are evaluated against the current champion, and the
        decision is made again; see `settle`.

        Raises:
            Conflict: the ledger changed during every attempt.
        """
        evaluated = decided.evaluated
        for _ in range(PROMOTION_TRIES):
            manifest, judged = self._judge(plan, evaluated)
            if plan.request.promotion == "never":
                # The run only evaluates: it writes no decision, so it cannot conflict with another one.
                return PromotionOutcome(action="keep", champion=self.registry.champion(), reason=judged.reason)
            same = _compares(decided.evaluated, decided.nominated) == _compares(evaluated, nominated(judged))
            settlement = settle(judged, approval, same_comparison=same)
            try:
                decision = self.registry.apply(plan, evaluated, manifest, settlement)
            except Conflict as conflict:
                logger.warning("%s Evaluating against the current champion.", conflict)
                evaluated = self.evaluate(plan, evaluated)
                continue
            _report(decision, settlement)
            return PromotionOutcome.model_validate(decision.model_dump(exclude={"evidence"}))
        raise Conflict(
            f"The promotion ledger changed {PROMOTION_TRIES} times during this run's decision. Clear the task promote "
            "to try again."
        )

    def _judge(self, plan: Plan, evaluated: Evaluated) -> tuple[Manifest, PromotionDecision]:
        manifest = self.runner.run(promote_step(plan, evaluated, self.registry.ledger)).manifest
        decided = parse_file(self.runner.store, manifest, "decision.json", PromotionDecision.model_validate_json)
        return manifest, decided


def links(settings: Settings, plan: Plan, evaluated: Evaluated) -> tuple[Link, ...]:
    """The pages about a run that has been evaluated."""
    report = report_page(settings, plan.run_id)
    found = (Link("Report", report), Link("DAG run", plan.dag_run_url), Link("MLflow", evaluated.mlflow or ""))
    return tuple(link for link in found if link.url)


def nominated(decided: PromotionDecision) -> str | None:
    """Label of the model that was compared with the champion."""
    return decided.nominated or decided.challenger


def settle(decided: PromotionDecision, approval: Approval | None, *, same_comparison: bool) -> Settlement:
    """Return how a decision ends.

    Args:
        decided: What the stage promote decided, against the current champion.
        approval: The answer to the question that the run asked; None if it asked none, or could ask nobody.
        same_comparison: Whether the answer is about these two models. If the champion changed while the run waited, a
            clear case is decided without a person, unless the person rejected the model; otherwise the champion stays.

    What a person answered is in the ledger whatever follows from it. The same comparison may end otherwise than when
    the person was asked, since each decision tells more of the champion's luck: an approval does not promote past a
    gate, and what nobody approved in time stays out.
    """
    stays = f"{decided.champion} stays champion" if decided.champion else "No model becomes champion"
    if approval is None:
        unasked = f"{stays}, because no approval could be requested." if decided.verdict == "ask" else ""
        return Settlement(decided.promoted, _sentences(unasked, decided.reason))
    changed, answered = "" if same_comparison else CHANGED, approval.sentence()
    if decided.verdict == "keep":
        return Settlement(None, _sentences(decided.reason, changed, answered), approval)
    if approval.rejected:
        return Settlement(None, _sentences(f"{stays}.", answered, decided.reason), approval)
    if changed and decided.verdict == "promote":
        said = approval if approval.approved else None  # that nobody answered stopped nothing
        return Settlement(decided.promoted, _sentences(decided.reason, changed, answered if said else ""), said)
    if changed or not approval.approved:
        return Settlement(None, _sentences(f"{stays}.", answered, changed, ASK_AGAIN, decided.reason), approval)
    label = nominated(decided)
    return Settlement(label, _sentences(f"{label} becomes champion.", answered, decided.reason), approval)


def _sentences(*sentences: str) -> str:
    return " ".join(filter(None, sentences))


def _compares(evaluated: Evaluated, label: str | None) -> tuple[ModelRef | None, ModelRef | None]:
    """The champion and the nominated model of an evaluation."""
    champion = evaluated.ref(evaluated.champion) if evaluated.champion in evaluated.models else None
    return champion, evaluated.ref(label) if label in evaluated.models else None


def _report(decision: Decision, settlement: Settlement) -> None:
    logger.info("%s: %s", decision.action, decision.reason)
    if settlement.approval and decision.approval != settlement.approval:
        logger.warning(
            "%s This had no effect: the run had already made its decision (decision %d: %s). %s",
            settlement.approval.sentence(),
            decision.number,
            decision.action,
            ASK_AGAIN,
        )
