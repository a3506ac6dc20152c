"""How a backfill ended: for each date, what was computed and reused, the scores of its models, and its failures.

The report is read from the store alone, so it is the same wherever the dates were run.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import JsonValue, TypeAdapter

from meli_tasks.artifacts import paths, reading
from meli_tasks.artifacts.manifest import Manifest, find
from meli_tasks.artifacts.timed import SCORES, read_scores
from meli_tasks.backfill.preview import READERS, BackfillPreview, DateRun, is_decided, plan_of_run
from meli_tasks.champion import champion_model
from meli_tasks.core.errors import BadData
from meli_tasks.execution.progress_log import read_progress
from meli_tasks.execution.runner import Step
from meli_tasks.ledger import Ledger
from meli_tasks.planning.compared import evaluate_step, evaluated_models
from meli_tasks.planning.evaluation import EvaluationReport
from meli_tasks.planning.history import evaluated
from meli_tasks.planning.plan import Plan, ensemble_step
from meli_tasks.stages.evaluation import Evaluation
from meli_tasks.stages.stored import refuse_later_version
from meli_tasks.stages.summaries import ENSEMBLE
from meli_tasks.store import Store
from meli_tasks.wording import count, duration

State = Literal["computed", "reused", "failed", "not run"]
CHANGED = "its titles changed after the preview, so it was planned again"
# Fields of a stored report that had other names in the first version; the state "found" is now "reused".
RENAMED = {"found": "reused"}


@dataclass(frozen=True)
class Score:
    """The balanced accuracy of a model on the test titles of its date, with its bootstrap interval."""

    balanced_accuracy: float
    interval: tuple[float, float]


@dataclass(frozen=True)
class DateReport:
    """The result of one date."""

    date: str
    run_id: str
    plan: str
    state: State
    """`computed` if its run computed a result, `reused` if all results existed."""
    computed: int = 0
    reused: int = 0
    seconds: float = 0.0
    """Seconds of the steps that it computed."""
    scores: dict[str, Score] = field(default_factory=dict)
    """By set; the ensemble under its own name."""
    failed: dict[str, str] = field(default_factory=dict)
    """Reasons by the same names, or one under "" for the whole run."""
    note: str = ""
    """What else a person should know: why it was not run, or that its titles changed after the preview."""


@dataclass(frozen=True)
class BackfillReport:
    """The results of all dates. `rejected_by` names the person who rejected the preview, in which case nothing ran."""

    id: str
    at: str
    state: Literal["success", "failed", "rejected"]
    dates: tuple[DateReport, ...]
    computed: int
    reused: int
    seconds: float
    rejected_by: str = ""
    version: int = 2

    @property
    def failures(self) -> list[str]:
        """A sentence for each date that failed, wholly or for a set."""
        failed = [day for day in self.dates if day.failed]
        return [f"{day.date}{f' ({day.run_id})' if day.run_id else ''}: {_reasons(day)}" for day in failed]

    def summary(self) -> str:
        """Return the report in one sentence."""
        if self.state == "rejected":
            return f"Rejected by {self.rejected_by or 'an unknown user'}; nothing was run"
        done = [day for day in self.dates if day.state in ("computed", "reused") and not day.failed]
        computed = f"{count(self.computed, 'step')} computed in {duration(self.seconds)}"
        empty = sum(day.state == "not run" for day in self.dates)
        text = f"{len(done)} of {count(len(self.dates), 'date')} done; {computed}, {self.reused} reused"
        return f"{text}; {count(empty, 'date')} without titles" if empty else text

    def lines(self) -> list[str]:
        """Return lines for the log: the dates with their sets, the best first, and the summary."""
        lines = []
        for day in self.dates:
            ranked = sorted(day.scores.items(), key=lambda item: -item[1].balanced_accuracy)
            scores = "  ".join(f"{name} {score.balanced_accuracy:.4f}" for name, score in ranked)
            more = f"  failed: {_reasons(day)}" if day.failed else ""
            lines.append(f"{day.date}  {day.state:<8}  {scores}{more}{f'  {day.note}' if day.note else ''}")
        return [*lines, self.summary()]

    def to_json(self) -> dict[str, JsonValue]:
        """Return plain values, as stored and as `meli backfill --json` prints them."""
        fields: dict[str, JsonValue] = _adapter().dump_python(self, mode="json")
        return fields

    def save(self, store: Store) -> None:
        """Write the report to the store."""
        reading.write(store, paths.backfill_report(self.id), _adapter().dump_json(self))

    @classmethod
    def load(cls, store: Store, backfill_id: str) -> BackfillReport | None:
        """Read the report of a backfill; None if it has not finished, or was cancelled.

        Raises:
            BadData: the object is not a report.
        """
        return cls.find(backfill_id, lambda name: reading.read(store, name, cls.from_bytes))

    @classmethod
    def find(cls, backfill_id: str, read: Callable[[str], BackfillReport | None]) -> BackfillReport | None:
        """Find the report of a backfill under its name, or under that of 0.1.0; None if there is none."""
        names = dict.fromkeys((paths.backfill_report(backfill_id), paths.former_backfill_report(backfill_id)))
        return next((found for name in names if (found := read(name)) and found.id == backfill_id), None)

    @classmethod
    def from_bytes(cls, data: bytes) -> BackfillReport:
        """Parse a stored report."""
        return cls.from_json(json.loads(data))

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> BackfillReport:
        """Parse a stored report, of this version or an earlier one; raises ValueError for a later one."""
        refuse_later_version(stored, cls.version)
        fields = _with_new_names(stored)
        return _adapter().validate_python({**fields, "dates": [_with_new_names(day) for day in fields["dates"]]})


@functools.cache
def _adapter() -> TypeAdapter[BackfillReport]:
    return TypeAdapter(BackfillReport)


def _with_new_names(fields: Mapping[str, Any]) -> dict[str, Any]:
    renamed = {RENAMED.get(name, name): value for name, value in fields.items()}
    return {**renamed, "state": RENAMED.get(renamed["state"], renamed["state"])}


def report(
    preview: BackfillPreview, store: Store, succeeded: Collection[str], rejected_by: str | None = None
) -> BackfillReport:
    """Collect the result of every date. `succeeded` holds the ids of the runs that ended well."""
    rejected = rejected_by is not None
    with ThreadPoolExecutor(READERS) as readers:
        dates = tuple(
            readers.map(lambda day: _date_report(day, store, day.run_id in succeeded, rejected), preview.dates)
        )
    return BackfillReport(
        id=preview.id,
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        state="rejected" if rejected else "failed" if any(day.failed for day in dates) else "success",
        dates=dates,
        computed=sum(day.computed for day in dates),
        reused=sum(day.reused for day in dates),
        seconds=round(sum(day.seconds for day in dates), 1),
        rejected_by=rejected_by or "",
    )


def _date_report(day: DateRun, store: Store, succeeded: bool, rejected: bool) -> DateReport:
    if day.empty:
        return DateReport(day.date, "", "", "not run", note=day.problem)
    if day.problem:
        return DateReport(day.date, "", "", "failed", failed={"": day.problem})
    try:
        plan = plan_of_run(store, day.plan, day.run_id)
    except BadData as error:
        return DateReport(day.date, day.run_id, day.plan, "failed", failed={"": str(error)})
    if plan is None:  # another run did it, or its own ended before it had a plan
        return _date_without_plan(day, succeeded, rejected)
    manifests = {step.key: find(store, step.stage, step.key) for step in plan.steps()}
    existing = [manifest for manifest in manifests.values() if manifest]
    own = [] if day.done else [manifest for manifest in existing if manifest.about.get("run_id") == plan.run_id]
    scores, failed = _scores(store, plan)
    if not (succeeded or day.done or rejected) and not failed:
        failed = _errors(store, plan, manifests) or {"": _where_it_ended(store, plan, scores)}
    return DateReport(
        date=day.date,
        run_id=plan.run_id,
        plan=plan.name,
        state="failed" if failed and not scores else "computed" if own else "reused",
        computed=len(own),
        reused=len(existing) - len(own),
        seconds=round(sum(manifest.seconds for manifest in own), 1),
        scores=scores,
        failed=failed,
        note="" if plan.name == day.plan else CHANGED,
    )


def _where_it_ended(store: Store, plan: Plan, scores: Mapping[str, Score]) -> str:
    if scores and not is_decided(store, plan):
        return "its models were evaluated, but it failed before it decided on the champion"
    return "its run failed or was stopped; its log in Airflow says where"


def _date_without_plan(day: DateRun, succeeded: bool, rejected: bool) -> DateReport:
    if rejected:
        return DateReport(day.date, day.run_id, day.plan, "not run")
    if succeeded or day.done:
        return DateReport(day.date, day.run_id, day.plan, "reused", reused=day.cached)
    reason = {"": "its run made no plan; its log in Airflow says why"}
    return DateReport(day.date, day.run_id, day.plan, "failed", failed=reason)


def _scores(store: Store, plan: Plan) -> tuple[dict[str, Score], dict[str, str]]:
    """Return the scores by set and of the ensemble, and by the same names why the others failed."""
    found = evaluated(store, plan)
    if found is None:  # a run with nothing new to evaluate writes no report of its own
        found = EvaluationReport(key="", scores=_earlier_scores(store, plan))
    scores = {
        name: Score(found.scores[name].balanced_accuracy, found.scores[name].interval)
        for name in [*plan.sets, ENSEMBLE]  # without the champion, which is evaluated too but is no model of the date
        if name in found.scores
    }
    failed = {name: _error_of_set(store, plan, name) for name in found.failed}
    if found.ensemble_failed:
        step = ensemble_step(plan, found.trained)
        failed[ENSEMBLE] = (_error(store, step, plan.run_id) if step else "") or "it could not be made"
    return scores, failed


def _earlier_scores(store: Store, plan: Plan) -> Mapping[str, Evaluation]:
    """Return the scores of an earlier run that evaluated the same models; empty if none did."""
    if not all(find(store, step.stage, step.key) for name in plan.sets for step in plan.training_runs(name)):
        return {}
    ledger = Ledger(store)
    champion = champion_model(ledger, ledger.last())
    models, _ = evaluated_models(plan, list(plan.sets), store, champion)
    manifest = find(store, "evaluate", evaluate_step(plan, models, store, champion).key)
    if manifest is None:
        return {}
    reader = reading.LenientReader(store)
    scores = reader.attempt(manifest.file_name(SCORES), lambda: read_scores(store, manifest))
    reader.warn()
    return scores.models if scores else {}


def _error_of_set(store: Store, plan: Plan, name: str) -> str:
    """Return the error of a set's training, of that of one of its folds, or of a step that they need."""
    trained = plan.training_runs(name)
    inputs = {key for step in trained for key in step.inputs.values()}
    needed = [step for step in plan.steps() if step.key in inputs]
    errors = (_error(store, step, plan.run_id) for step in [*trained, *needed])
    return next(filter(None, errors), "its training failed")


def _errors(store: Store, plan: Plan, manifests: Mapping[str, Manifest | None]) -> dict[str, str]:
    """Return the errors of the steps without a result, by set, or under "" for a step that every set needs."""
    sets = {step.key: name for name in plan.sets for step in plan.training_runs(name)}
    missing = [step for step in plan.steps() if manifests[step.key] is None]
    errors = {sets.get(step.key, ""): _error(store, step, plan.run_id) for step in reversed(missing)}
    return {name: error for name, error in errors.items() if error}


def _error(store: Store, step: Step, run_id: str) -> str:
    """Return the error in the progress log of a step, if this run wrote it."""
    last = read_progress(store, step.stage, step.key)
    return f"{step.stage} {step.name}: {last.error}" if last.error and last.run_id == run_id else ""


def _reasons(day: DateReport) -> str:
    return "; ".join(f"{name}: {reason}" if name else reason for name, reason in day.failed.items())
