"""How a run ended and why, in one sentence: from the ledger, what lies beside its plan, and its state in Airflow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from meli_tasks.artifacts import paths
from meli_tasks.core.errors import MeliError
from meli_tasks.decision import Decision
from meli_tasks.decision_rows import Decisions
from meli_tasks.notifications import failures
from meli_tasks.notifications.failures import Failure
from meli_tasks.pages.evaluated import EvaluatedRun, Run
from meli_tasks.pages.models import Interval, PageModel
from meli_tasks.pages.read_cache import ReadCache
from meli_tasks.pages.runs import Runs
from meli_tasks.planning.verdict import Verdict

Outcome = Literal["promoted", "kept", "waiting", "nothing new", "evaluated", "failed", "running", "unknown"]

GATES = {
    "category_loss": "the recall of a category",
    "category_drop": "the recall of a category",
    "unseen_titles": "the number of new test titles",
    "milliseconds": "the time to classify a title",
    "megabytes": "the size of the model",
    "golden_titles": "the golden titles",
}
"""What a challenger failed on besides its gain, as part of a sentence."""


@dataclass(frozen=True)
class AirflowRun:
    """What Airflow knows of a run of meli_training.

    `state` is Airflow's. `task` is the first task that failed. `asked_seconds` is how long the run waited for a person.
    """

    run_id: str
    state: str
    started: str = ""
    ended: str = ""
    task: str = ""
    map_index: int = -1
    seconds: float | None = None
    asked_seconds: float = 0.0


class RunOutcome(PageModel):
    """How a run ended, and why."""

    run_id: str
    outcome: Outcome
    sentence: str = Field(description="what happened and why")
    detail: str = Field("", description="the whole reason, if the sentence is shorter")
    task: str = Field("", description="the task that failed")
    map_index: int = Field(-1, description="of that task; -1 if it is not mapped")
    at: str = Field("", description="when it ended, or asked; empty if unknown")


@dataclass(frozen=True)
class Outcomes:
    """Says how runs ended.

    Attributes:
        cache: Reads what lies beside the plans.
        runs: Knows which runs found nothing new.
        decisions: What can be read of the ledger, oldest first.
        with_messages: Whether to look up why a task failed, which lists the store for each failed run.
    """

    cache: ReadCache
    runs: Runs
    decisions: Decisions
    with_messages: bool = True

    def decision(self, run: Run) -> Decision | None:
        """The newest decision that a run made."""
        return self.decisions.of_run(run.plan)

    def of(self, run: Run | None, evaluated: EvaluatedRun | None, airflow: AirflowRun | None) -> RunOutcome:
        """How a run ended.

        Args:
            run: The run, if it has a plan.
            evaluated: What its evaluation found, if it has one.
            airflow: What Airflow knows of it; None for a run that Airflow did not start, or has forgotten.
        """
        if airflow and airflow.state == "failed":
            return self._failed(airflow)
        found = self._in_store(run, evaluated) if run else None
        if found is None or (airflow and airflow.state != "success" and found.outcome != "waiting"):
            return _unfinished(run, airflow)
        return found.model_copy(update={"at": airflow.ended}) if airflow and airflow.ended else found

    def _in_store(self, run: Run, evaluated: EvaluatedRun | None) -> RunOutcome | None:
        """What the store says of a run; None if it says nothing of its end."""
        if decision := self.decision(run):
            return _decided(run.run_id, decision)
        if evaluated is None:
            night = self.runs.nothing_new([run.plan]).get(run.plan)
            if night is None:
                return None
            why = night.reason.partition(";")[0]
            sentence = f"It found nothing new: {why[:1].lower()}{why[1:]}."
            return RunOutcome(
                run_id=run.run_id, outcome="nothing new", sentence=sentence, detail=night.reason, at=run.at
            )
        if run.promotion == "never":
            sentence = "It only evaluated its models, as requested, and decided nothing."
            return RunOutcome(run_id=run.run_id, outcome="evaluated", sentence=sentence, at=run.at)
        asks = self.runs.asks(run.plan)
        verdict = self.cache.read(paths.verdict(run.plan), Verdict.model_validate_json) if asks else None
        if verdict is None or not verdict.is_open(run.plan, self.decisions):
            return None
        sentence = f"It waits for approval: {verdict.question}"
        return RunOutcome(run_id=run.run_id, outcome="waiting", sentence=sentence, detail=verdict.reason, at=run.at)

    def _failed(self, airflow: AirflowRun) -> RunOutcome:
        failure = self._failure(airflow) if self.with_messages else None
        where = failure.label if failure else airflow.task
        why = f", because {_clause(failure.message)}" if failure else ""
        return RunOutcome(
            run_id=airflow.run_id,
            outcome="failed",
            sentence=f"It failed in the task {where}{why}." if where else "It failed before any of its tasks did.",
            task=airflow.task,
            map_index=airflow.map_index,
            at=airflow.ended,
        )

    def _failure(self, airflow: AirflowRun) -> Failure | None:
        """Why the first failed task failed, if that was kept."""
        try:
            kept = failures.of_run(self.cache.store, airflow.run_id)
        except MeliError:  # the sentence then names the task only
            return None
        of_task = [failure for failure in kept if airflow.task in ("", failure.task)]
        return min(of_task, key=lambda failure: failure.at, default=None)


def signed(value: float) -> str:
    """A difference with its sign, as the pages write it."""
    return f"{value:+.4f}".replace("-", "−")


def difference(gain: float, interval: Interval | None) -> str:
    """A gain with its 95 % interval: +0.0123 (+0.0040 to +0.0200)."""
    return signed(gain) + (f" ({signed(interval[0])} to {signed(interval[1])})" if interval else "")


def _decided(run_id: str, decision: Decision) -> RunOutcome:
    promoted = decision.action == "promote"
    return RunOutcome(
        run_id=run_id,
        outcome="promoted" if promoted else "kept",
        sentence=_promoted(decision) if promoted else _kept(decision),
        detail=decision.reason,
        at=decision.at.isoformat(),
    )


def _promoted(decision: Decision) -> str:
    evidence = decision.evidence
    name = decision.champion.set_name if decision.champion else "a model"
    approved = f" {decision.approval.sentence()}" if decision.approval else ""
    if decision.previous is None:
        return f"It made {name} the first champion.{approved}"
    if evidence.gain is None:
        return f"It made {name} the champion.{approved}"
    before = (evidence.champion or "the previous one").removesuffix(" (champion)")
    better = difference(evidence.gain, evidence.gain_interval)
    return f"It made {name} the champion: better than {before} by {better}.{approved}"


def _kept(decision: Decision) -> str:
    """Why the champion was kept; the reason in the ledger if no challenger was compared with it."""
    evidence, approval = decision.evidence, decision.approval
    name = decision.champion.set_name if decision.champion else ""
    challenger = evidence.nominated or evidence.challenger
    if not name or not challenger or evidence.gain is None:
        return decision.reason
    kept = f"It kept {name}"
    by = difference(evidence.gain, evidence.gain_interval)
    if approval is not None and not approval.approved:
        return f"{kept} instead of {challenger} ({by}). {approval.sentence()}"
    low, high = evidence.gain_interval or (evidence.gain, evidence.gain)
    others = [GATES[gate.name] for gate in evidence.gates if gate.passed is False and gate.name in GATES]
    failed = f"{challenger} failed on {' and '.join(others)}" if others else ""
    if low > 0:
        return f"{kept}, although {challenger} is better by {by}. {f'{failed}.' if failed else decision.reason}"
    worse = f"is worse by {-evidence.gain:.4f} ({-high:.4f} to {-low:.4f})"
    found = f"{kept}, because {challenger} {worse if high < 0 else f'may be no better: {by}'}."
    return f"{found} Also, {failed}." if failed else found


def _unfinished(run: Run | None, airflow: AirflowRun | None) -> RunOutcome:
    run_id = airflow.run_id if airflow else run.run_id if run else ""
    at = airflow.ended if airflow else run.at if run else ""
    if airflow and airflow.state not in ("success", ""):
        return RunOutcome(run_id=run_id, outcome="running", sentence=f"It is {airflow.state}.", at=airflow.started)
    return RunOutcome(run_id=run_id, outcome="unknown", sentence="The store has no decision of it.", at=at)


def _clause(message: str) -> str:
    """An error message as the end of a sentence."""
    return message.strip().rstrip(".") or "its process ended without a message"
