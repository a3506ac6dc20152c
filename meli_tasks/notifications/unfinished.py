"""The content of a notification about a run that has not ended: it is late, or it waits for a person."""

from __future__ import annotations

from meli_tasks.artifacts.manifest import find
from meli_tasks.artifacts.reading import LenientReader
from meli_tasks.ledger import Ledger
from meli_tasks.notifications.message import (
    DagRun,
    Notification,
    failures_of,
    links_of,
    models_of,
    note_of,
    plan_of,
    run_page,
    titles_of,
    verdict_of,
)
from meli_tasks.planning.history import evaluated
from meli_tasks.planning.plan import Plan
from meli_tasks.planning.verdict import Verdict
from meli_tasks.settings import Settings
from meli_tasks.store import Store
from meli_tasks.wording import count, duration


def of_a_late_run(settings: Settings, store: Store, dag_run: DagRun, minutes: float) -> Notification:
    """The notification of a run that has not ended `minutes` after it was queued. Raises what `of_end` raises."""
    plan = plan_of(store, dag_run.run_id)
    progress = _progress(store, plan) if plan else ["It has no plan yet."]
    since = f"Queued at {dag_run.queued:%Y-%m-%d %H:%M} UTC" if dag_run.queued else "Queued"
    state = f"{since}, due {duration(minutes * 60)} later, {dag_run.state or 'not ended'} now."
    late = f"not finished {duration(minutes * 60)} after it was queued"
    asked = _open_question(store, plan)
    return Notification(
        "late",
        dag_run,
        f"The run is waiting for approval, and is {late}" if asked else f"The run is late: {late}",
        (*((asked.question, asked.reason) if asked else ()), state, *progress),
        failures=failures_of(store, dag_run, plan, None),
        links=(*_approval(settings, dag_run, asked is not None), *links_of(settings, store, dag_run, None)),
    )


def of_a_waiting_run(settings: Settings, store: Store, dag_run: DagRun) -> Notification:
    """The notification of a run that waits for a person to approve a model. Raises what `of_end` raises."""
    plan = plan_of(store, dag_run.run_id)
    report, decided = evaluated(store, plan) if plan else None, verdict_of(store, plan)
    question = decided.question if decided else "Promote a model?"
    waits = f"Without an answer within {duration(settings.approval_hours * 3_600)} the champion stays."
    last = Ledger(store).last()
    return Notification(
        "waiting",
        dag_run,
        f"Approval required: {question}",
        (*((decided.reason,) if decided else ()), waits, *titles_of(plan)),
        models_of(report, last) if report else (),
        links=(*_approval(settings, dag_run, True), *links_of(settings, store, dag_run, plan)),
    )


def approval_page(settings: Settings, dag_run: DagRun) -> str:
    """The page in Airflow on which a person answers; an empty string without MELI_AIRFLOW_URL."""
    page = run_page(settings, dag_run)
    return f"{page}/tasks/approve/required_actions" if page else ""


def _approval(settings: Settings, dag_run: DagRun, asked: bool) -> tuple[tuple[str, str], ...]:
    page = approval_page(settings, dag_run)
    return (("Approve or reject it", page),) if asked and page else ()


def _open_question(store: Store, plan: Plan | None) -> Verdict | None:
    """What a person is asked, if the run waits for the answer."""
    decided = verdict_of(store, plan)
    if plan is None or decided is None or not decided.asks:
        return None
    reader = LenientReader(store)
    is_open = decided.is_open(plan.name, Ledger(store).readable(reader))
    reader.warn()
    return decided if is_open else None


def _progress(store: Store, plan: Plan) -> list[str]:
    """How many steps are done, and how far the others are."""
    steps = list({step.key: step for step in plan.steps()}.values())
    waiting = [step for step in steps if find(store, step.stage, step.key) is None]
    lines = [f"{len(steps) - len(waiting)} of {count(len(steps), 'step')} done."]
    for step in waiting:
        note = note_of(store, step)
        if note.running:
            epoch = "" if note.epoch is None else f", epoch {note.epoch}"
            left = "" if note.seconds_left is None else f", about {duration(note.seconds_left)} left"
            lines.append(f"{step.stage} {step.name}: running{epoch}{left}; last report at {note.at[11:16]} UTC")
        else:
            lines.append(f"{step.stage} {step.name}: {note.state}")
    return lines
