"""One run: what it computed and what was there already, its leaderboard, its decision; and one training, live."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from meli_tasks.artifacts import paths
from meli_tasks.core.errors import NotFound
from meli_tasks.ledger import Decision
from meli_tasks.pages.champion import decision_row
from meli_tasks.pages.comparison import history_of
from meli_tasks.pages.read_cache import Shelf
from meli_tasks.pages.runs import Run, measured_in, rows_of
from meli_tasks.planning.plan import ENSEMBLE, Plan, ensemble_step

LIVE_SECONDS = 1.0  # how often a stage notes its progress at most
SHOWN_OF_A_NOTE = (
    "epoch", "epochs", "step", "steps", "loss", "titles_per_second", "seconds_left", "error", "at", "model",
    "titles", "of_titles",
)  # fmt: skip


def run_page(shelf: Shelf, plan: Plan, decisions: Sequence[Decision]) -> dict[str, Any]:
    """What a DAG run's tab shows."""
    report = shelf.read(paths.evaluated(plan.name), LIVE_SECONDS)
    preview = shelf.read(paths.preview(plan.name)) or {}
    decision = next((d for d in reversed(decisions) if d.evidence.get("plan") == plan.name), None)
    champion = decisions[-1].champion if decisions else None
    run = Run.of(plan)
    steps = [_step(shelf, plan, line) for line in _lines(plan, preview, report, decision)]
    return {
        "plan": plan.name,
        "run_id": plan.run_id,
        "at": plan.at,
        "as_of": plan.as_of,
        "source": plan.ingest.name,
        "sets": list(plan.sets),
        "request": plan.request,
        "nothing_new": preview.get("nothing_new", ""),
        "estimate_seconds": preview.get("estimate_seconds"),
        "steps": steps,
        "rows": rows_of(run, measured_in(report) if report else None, champion.train if champion else ""),
        "measured": report is not None,
        "decision": decision_row(decision) if decision else None,
    }


def _lines(
    plan: Plan, preview: Mapping[str, Any], report: Mapping[str, Any] | None, decision: Decision | None
) -> list[dict[str, Any]]:
    """The run's steps as the plan foresaw them, with the estimates of its preview; then evaluate and promote."""
    lines = [dict(line) for line in preview.get("steps", [])]
    if not lines:
        # Two recipes may share a step.
        lines = list(
            {step.key: {"stage": step.stage, "name": step.name, "key": step.key} for step in plan.steps()}.values()
        )
    if report:
        lines = [made for line in lines if (made := _as_made(plan, line, report))]
        lines.append({"stage": "evaluate", "name": ", ".join(report["scores"]), "key": report["key"]})
    if decision and decision.evidence.get("promote"):
        lines.append({"stage": "promote", "name": decision.action, "key": decision.evidence["promote"]})
    return lines


def _as_made(plan: Plan, line: dict[str, Any], report: Mapping[str, Any]) -> dict[str, Any] | None:
    """A foreseen step; the ensemble with the key it got, which depends on the trainings that succeeded.

    None for an ensemble that was no longer wanted, since too few trainings succeeded.
    """
    if line["stage"] != ENSEMBLE:
        return line
    if report.get("ensemble"):
        return {**line, "key": report["ensemble"]["key"]}
    wanted = ensemble_step(plan, report["trained"]) if report.get("ensemble_failed") else None
    return {**line, "name": wanted.name, "key": wanted.key, "failed": True} if wanted else None


def _step(shelf: Shelf, plan: Plan, line: Mapping[str, Any]) -> dict[str, Any]:
    """A step with how it stands now: there already, computed, running, failed or to compute."""
    stage, key = line["stage"], line["key"]
    manifest = shelf.read(paths.manifest(stage, key), LIVE_SECONDS)
    note = shelf.read(paths.progress_log(stage, key), LIVE_SECONDS) if manifest is None else None
    if note and (note.get("run_id") != plan.run_id or note["state"] not in ("running", "failed")):
        note = None  # another run's, or of a result that is gone
    state = "failed" if line.get("failed") else "to compute"
    if manifest is not None:
        state = "computed" if manifest["about"].get("run_id") == plan.run_id else "already there"
    elif note:
        state = note["state"]
    return {
        "stage": stage,
        "name": line["name"],
        "key": key,
        "state": state,
        "seconds": float(manifest["about"].get("seconds", 0.0)) if manifest is not None else None,
        "estimate": line.get("estimate"),
        "at": manifest["about"].get("at", "") if manifest is not None else "",
        "by": manifest["about"].get("run_id", "") if manifest is not None else "",
        "progress": _shown(note) if note else {},
    }


def training_page(shelf: Shelf, plan: Plan, set_name: str) -> dict[str, Any]:
    """A training as it stands: its curves while it trains, and from its artifact once it is done.

    `state` is waiting, running, failed or done. `epochs` holds one object an epoch; `losses` pairs of step and loss.

    Raises:
        NotFound: the plan knows no such set.
    """
    step = plan.sets.get(set_name)
    if step is None:
        raise NotFound(f"The run {plan.run_id} has no set {set_name!r}; it has {', '.join(plan.sets)}.")
    note = shelf.read(paths.progress_log("train", step.key), LIVE_SECONDS) or {}
    live = note.get("state") in ("running", "failed") and note.get("run_id") == plan.run_id
    key, (manifest, history) = step.key, history_of(shelf, step.key, LIVE_SECONDS)
    if manifest is None and not live:
        # A stage's new version gives the plan's steps other keys: the run's report has them as they were then.
        report = shelf.read(paths.evaluated(plan.name), LIVE_SECONDS) or {"models": {}}
        key = report["models"].get(set_name, key)
        manifest, history = history_of(shelf, key, LIVE_SECONDS) if key != step.key else (None, [])
    about = {
        "set": set_name,
        "key": key,
        "run_id": plan.run_id,
        "architecture": step.params.get("architecture", ""),
        "epochs_total": step.params.get("epochs"),
    }
    # With `force` a training is computed again although its artifact stands.
    if manifest is not None and not (live and plan.force):
        return about | _done(manifest, history, note.get("losses", []), plan.run_id)
    if live:
        return about | _under_way(note)
    return about | _training("waiting")


def _done(manifest: Mapping[str, Any], history: list[dict[str, Any]], losses: list[Any], run_id: str) -> dict[str, Any]:
    made = manifest["about"]
    return _training("done") | {
        "epochs": history,
        "losses": losses,
        "kept_epoch": manifest["summary"].get("kept_epoch"),
        "seconds": made.get("seconds"),
        "at": made.get("at", ""),
        "made_by": made.get("run_id", ""),
        "hit": made.get("run_id", "") != run_id,
    }


def _under_way(note: Mapping[str, Any]) -> dict[str, Any]:
    return _training(note["state"]) | {
        "epochs": note.get("history", []),
        "losses": note.get("losses", []),
        "at": note.get("at", ""),
        "progress": _shown(note),
        "error": str(note.get("error", "")),
    }


def _training(state: str) -> dict[str, Any]:
    """A training of which nothing is known but its state."""
    return {
        "state": state, "epochs": [], "losses": [], "kept_epoch": None, "seconds": None, "at": "", "made_by": "",
        "hit": False, "progress": {}, "error": "",
    }  # fmt: skip


def _shown(note: Mapping[str, Any]) -> dict[str, Any]:
    return {name: note[name] for name in SHOWN_OF_A_NOTE if name in note}
