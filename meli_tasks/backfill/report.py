"""How a backfill ended: of each date what was computed and found, the scores of its models, and what failed and why.

Read from the store alone, so it says the same wherever the dates were run.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from meli_tasks.artifacts import paths
from meli_tasks.artifacts.manifest import Manifest, find
from meli_tasks.backfill.preview import LOOKS_AT_ONCE, BackfillPreview, DateRun
from meli_tasks.core.errors import NotFound
from meli_tasks.execution.runner import Step
from meli_tasks.ledger import Ledger
from meli_tasks.planning.history import evaluated
from meli_tasks.planning.plan import ENSEMBLE, Plan, ensemble_step, evaluate_step, made_ensemble, measured_models
from meli_tasks.store import Store
from meli_tasks.wording import count, duration

State = Literal["computed", "found", "failed", "not run"]
SCORES = ("balanced_accuracy", "interval")


@dataclass(frozen=True)
class DateReport:
    """One date: `computed` when its run computed something, `found` when everything stood; seconds it computed for.

    `scores` by set, the ensemble's under its own name: balanced_accuracy and its interval. `failed`: reason by the same
    names, or one under "" for the whole run.
    """

    date: str
    run_id: str
    plan: str
    state: State
    computed: int = 0
    found: int = 0
    seconds: float = 0.0
    scores: dict[str, dict[str, Any]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class BackfillReport:
    """All dates of a backfill; `rejected_by` names who turned the preview down, then nothing ran."""

    id: str
    at: str
    state: Literal["success", "failed", "rejected"]
    dates: tuple[DateReport, ...]
    computed: int
    found: int
    seconds: float
    rejected_by: str = ""

    @property
    def failures(self) -> list[str]:
        """A sentence for each date that has not got what was asked for."""
        failed = [day for day in self.dates if day.failed]
        return [f"{day.date}{f' ({day.run_id})' if day.run_id else ''}: {_reasons(day)}" for day in failed]

    def summary(self) -> str:
        """One sentence."""
        if self.state == "rejected":
            return f"Rejected by {self.rejected_by or 'somebody'}: nothing was run"
        ended = [day for day in self.dates if day.state in ("computed", "found") and not day.failed]
        said = f"{len(ended)} of {count(len(self.dates), 'date')} done; "
        said += f"{count(self.computed, 'step')} computed in {duration(self.seconds)}"
        return f"{said}, {self.found} found"

    def lines(self) -> list[str]:
        """For the log: a line a date with its sets, the best first, and the sum."""
        told = []
        for day in self.dates:
            ranked = sorted(day.scores.items(), key=lambda item: -item[1]["balanced_accuracy"])
            scores = "  ".join(f"{name} {values['balanced_accuracy']:.4f}" for name, values in ranked)
            told.append(f"{day.date}  {day.state:<8}  {scores}{f'  failed: {_reasons(day)}' if day.failed else ''}")
        return [*told, self.summary()]

    def save(self, store: Store) -> None:
        """Keep it in the store."""
        store.write(paths.backfill_report(self.id), json.dumps(asdict(self), ensure_ascii=False).encode())

    @classmethod
    def load(cls, store: Store, backfill_id: str) -> BackfillReport | None:
        """Read what was kept; None for a backfill that has not ended, or was cancelled."""
        blob = store.read(paths.backfill_report(backfill_id))
        if blob is None:
            return None
        fields = json.loads(blob.data)
        return cls(**{**fields, "dates": tuple(DateReport(**day) for day in fields["dates"])})


def report(
    seen: BackfillPreview, store: Store, ended_well: Collection[str], rejected_by: str | None = None
) -> BackfillReport:
    """Look at what came of every date. `ended_well`: ids of the runs that did, as whoever ran them says."""
    rejected = rejected_by is not None
    with ThreadPoolExecutor(LOOKS_AT_ONCE) as readers:
        dates = tuple(readers.map(lambda day: _date_report(day, store, day.run_id in ended_well, rejected), seen.dates))
    return BackfillReport(
        id=seen.id,
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        state="rejected" if rejected else "failed" if any(day.failed for day in dates) else "success",
        dates=dates,
        computed=sum(day.computed for day in dates),
        found=sum(day.found for day in dates),
        seconds=round(sum(day.seconds for day in dates), 1),
        rejected_by=rejected_by or "",
    )


def _date_report(day: DateRun, store: Store, ended_well: bool, rejected: bool) -> DateReport:
    if day.problem:
        return DateReport(day.date, "", "", "failed", failed={"": day.problem})
    try:
        plan = Plan.load(store, day.plan)
    except NotFound:  # done by another run, or its own did not get to make its plan
        plan = None
    if plan is None:
        if rejected:
            return DateReport(day.date, day.run_id, day.plan, "not run")
        if not (ended_well or day.done):
            reason = {"": "its run made no plan; its log in Airflow says why"}
            return DateReport(day.date, day.run_id, day.plan, "failed", failed=reason)
        return DateReport(day.date, day.run_id, day.plan, "found", found=day.cached)
    standing = {step.key: find(store, step.stage, step.key) for step in plan.steps()}
    own = [manifest for manifest in standing.values() if manifest and manifest.about.get("run_id") == plan.run_id]
    scores, failed = _measured(store, plan)
    if not (ended_well or day.done or rejected) and not failed:
        failed = _why(store, plan, standing) or {"": "its run failed or was stopped; its log in Airflow says where"}
    return DateReport(
        date=day.date,
        run_id=plan.run_id,
        plan=plan.name,
        state="failed" if failed and not scores else "found" if day.done or not own else "computed",
        computed=0 if day.done else len(own),
        found=sum(manifest is not None for manifest in standing.values()) - (0 if day.done else len(own)),
        seconds=0.0 if day.done else round(sum(manifest.seconds for manifest in own), 1),
        scores=scores,
        failed=failed,
    )


def _measured(store: Store, plan: Plan) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """Scores by set and of the ensemble; and why those that failed did, by the same names."""
    told = evaluated(store, plan)
    if told is None:  # a run that found the same measured before writes no report of its own
        names = list(plan.sets)
        models, _ = measured_models(plan, names, made_ensemble(plan, names, store), Ledger(store).champion())
        manifest = find(store, "evaluate", evaluate_step(plan, models).key)
        blob = store.read(manifest.file_name("scores.json")) if manifest else None
        told = {"scores": json.loads(blob.data) if blob else {}, "failed": []}
    scores = {
        name: {key: value for key, value in told["scores"][name].items() if key in SCORES}
        for name in [*plan.sets, ENSEMBLE]  # the champion, which is measured besides, is not the date's
        if name in told["scores"]
    }
    failed = {name: _why_set(store, plan, plan.sets[name]) for name in told["failed"]}
    if told.get("ensemble_failed"):
        step = ensemble_step(plan, told["trained"])
        failed[ENSEMBLE] = (_said(store, step, plan.run_id) if step else "") or "it could not be made"
    return scores, failed


def _why_set(store: Store, plan: Plan, training: Step) -> str:
    """What the training said when it failed, or what it would have stood on."""
    behind = [step for step in plan.steps() if step.key in training.inputs.values()]
    said = (_said(store, step, plan.run_id) for step in [training, *behind])
    return next(filter(None, said), "its training failed")


def _why(store: Store, plan: Plan, standing: dict[str, Manifest | None]) -> dict[str, str]:
    """What the steps without a result said when they failed: by set, or "" for what all sets stand on."""
    sets = {step.key: name for name, step in plan.sets.items()}
    missing = [step for step in plan.steps() if standing[step.key] is None]
    said = {sets.get(step.key, ""): _said(store, step, plan.run_id) for step in reversed(missing)}
    return {name: reason for name, reason in said.items() if reason}


def _said(store: Store, step: Step, run_id: str) -> str:
    """The error in the step's last live note, if this run left it."""
    blob = store.read(paths.progress_log(step.stage, step.key))
    note = json.loads(blob.data) if blob else {}
    return f"{step.stage} {step.name}: {note['error']}" if note.get("error") and note.get("run_id") == run_id else ""


def _reasons(day: DateReport) -> str:
    return "; ".join(f"{name}: {reason}" if name else reason for name, reason in day.failed.items())
