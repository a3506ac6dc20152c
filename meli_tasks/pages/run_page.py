"""One run: the steps it computed and reused, its leaderboard, its decision; and one training run, live."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

from meli_tasks.artifacts import paths
from meli_tasks.artifacts.manifest import Manifest, ModelRef
from meli_tasks.core.errors import NotFound
from meli_tasks.decision import Decision
from meli_tasks.decision_rows import Decisions
from meli_tasks.pages.champion import decision_row, has_report
from meli_tasks.pages.comparison import model_history, with_dropout
from meli_tasks.pages.evaluated import EvaluatedRun, Run, model_rows, read_report
from meli_tasks.pages.kept_epoch import kept_line
from meli_tasks.pages.manifests import read_manifest
from meli_tasks.pages.models import SkippedObjects
from meli_tasks.pages.read_cache import READERS, ReadCache
from meli_tasks.pages.run_models import LiveNote, Progress, RunPage, StepRow, TrainingPage
from meli_tasks.planning.evaluation import EvaluationReport
from meli_tasks.planning.plan import Plan, ensemble_step
from meli_tasks.planning.preview import Preview
from meli_tasks.planning.verdict import Verdict
from meli_tasks.pruning.records import PrunedRun
from meli_tasks.stages.evaluation import Epoch
from meli_tasks.stages.summaries import ENSEMBLE, TrainSummary

LIVE_SECONDS = 1.0  # a stage writes its progress at most this often


@dataclass(frozen=True)
class PageStep:
    """A step of the page before its state is looked up. `failed`: it failed and left nothing in the store."""

    stage: str
    name: str
    key: str
    estimate: float | None = None
    failed: bool = False


def run_page(cache: ReadCache, plan: Plan, decisions: Decisions, champion: str) -> RunPage:
    """The content of a DAG run's tab. `champion` is the id of the row with the current champion's current figure."""
    report = read_report(cache, plan.name, LIVE_SECONDS)
    evaluated = EvaluatedRun.of(cache, plan.name, report) if report else None
    preview = cache.read(paths.preview(plan.name), Preview.model_validate_json, LIVE_SECONDS)
    decision = decisions.of_run(plan.name)
    nothing_new = preview.nothing_new if preview else ""
    pruned = cache.read(paths.pruned(plan.name), PrunedRun.model_validate_json, LIVE_SECONDS)
    asked = cache.read(paths.verdict(plan.name), Verdict.model_validate_json, LIVE_SECONDS)
    return RunPage(
        plan=plan.name,
        run_id=plan.run_id,
        at=plan.at,
        as_of=plan.as_of,
        source=plan.ingest.name,
        sets=list(plan.sets),
        request=plan.request,
        nothing_new=nothing_new,
        saved_seconds=preview.saved_seconds if preview else 0.0,
        estimate_seconds=preview.estimate_seconds if preview else None,
        steps=_steps(cache, plan, _lines(plan, preview, report, decision)),
        rows=model_rows(Run.of(plan), evaluated, champion, bool(nothing_new)),
        test_titles=evaluated.test_titles if evaluated else None,
        folds=evaluated.folds if evaluated else 0,
        evaluated=report is not None,
        has_report=has_report(cache, plan.name),
        decision=decision_row(decision) if decision else None,
        pruned=f"{pruned.at:%Y-%m-%d}" if pruned else "",
        question=asked.question if asked and asked.is_open(plan.name, decisions) else "",
        skipped=SkippedObjects(count=0, first=[]),  # filled in by the caller, who knows all that was read
    )


def _lines(
    plan: Plan, preview: Preview | None, report: EvaluationReport | None, decision: Decision | None
) -> list[PageStep]:
    """The run's steps as planned, with the estimates of its preview; then evaluate and promote."""
    if preview:
        lines = [PageStep(step.stage, step.name, step.key, step.estimate) for step in preview.steps]
    else:  # two recipes may share a step
        lines = list({step.key: PageStep(step.stage, step.name, step.key) for step in plan.steps()}.values())
    if report:
        lines = [made for line in lines if (made := _with_actual_key(plan, line, report))]
        lines.append(PageStep("evaluate", ", ".join(report.scores), report.key))
    if decision and decision.evidence.promote:
        lines.append(PageStep("promote", decision.action, decision.evidence.promote))
    return lines


def _with_actual_key(plan: Plan, line: PageStep, report: EvaluationReport) -> PageStep | None:
    """A planned step; the ensemble with the key that it got, which depends on the training runs that succeeded.

    None for an ensemble that was not made because too few training runs succeeded.
    """
    if line.stage != ENSEMBLE:
        return line
    if report.ensemble:
        return replace(line, key=report.ensemble.key)
    step = ensemble_step(plan, report.trained) if report.ensemble_failed else None
    return replace(line, name=step.name, key=step.key, failed=True) if step else None


def _steps(cache: ReadCache, plan: Plan, lines: Sequence[PageStep]) -> list[StepRow]:
    """The steps, looked up several at a time: a run may have hundreds, and its page looks again every few seconds."""
    with ThreadPoolExecutor(READERS) as readers:
        return list(readers.map(partial(_step, cache, plan), lines))


def _step(cache: ReadCache, plan: Plan, line: PageStep) -> StepRow:
    """A step with its current state: already there, computed, running, failed or to compute."""
    row = StepRow(stage=line.stage, name=line.name, key=line.key, estimate=line.estimate, state="to compute")
    manifest = read_manifest(cache, line.stage, line.key, LIVE_SECONDS)
    if manifest is not None:
        state = "computed" if manifest.run_id == plan.run_id else "already there"
        done = {"state": state, "seconds": manifest.seconds, "at": manifest.at, "by": manifest.run_id}
        return row.model_copy(update=done)
    note = read_note(cache, line.stage, line.key)
    # A note of another run, or of a deleted result, does not describe this run.
    if note and note.run_id == plan.run_id and note.state in ("running", "failed"):
        return row.model_copy(update={"state": note.state, "progress": note.progress})
    return row.model_copy(update={"state": "failed"}) if line.failed else row


def read_note(cache: ReadCache, stage: str, key: str) -> LiveNote | None:
    """What a running step last reported."""
    return cache.read(paths.progress_log(stage, key), LiveNote.model_validate_json, LIVE_SECONDS)


def training_page(cache: ReadCache, plan: Plan, set_name: str) -> TrainingPage:
    """A training run with its curves, live while it trains and from its artifact when it is done.

    Raises:
        NotFound: the plan has no such set.
    """
    step = plan.sets.get(set_name) or plan.training_run(set_name)
    if step is None:
        raise NotFound(f"The run {plan.run_id} has no set {set_name!r}; it has {', '.join(plan.sets)}.")
    note = read_note(cache, "train", step.key)
    live = note if note and note.state in ("running", "failed") and note.run_id == plan.run_id else None
    # A stage's new version gives the plan's steps other keys, and `force` another attempt: the run's report has them as
    # they were then.
    report = None if live else read_report(cache, plan.name, LIVE_SECONDS)
    ref = report.ref(set_name) if report and set_name in report.models else ModelRef(step.key)
    manifest, history = model_history(cache, ref, LIVE_SECONDS)
    if ref.key != step.key:
        note = read_note(cache, "train", ref.key)
    page = TrainingPage(
        set=set_name,
        key=ref.key,
        run_id=plan.run_id,
        architecture=step.outline.architecture,
        epochs_total=step.outline.epochs,
        keep=step.outline.keep,
    )
    # With `force` a model is trained again although its artifact exists.
    if manifest is not None and not (live and plan.force):
        return _done(page, manifest, history, note)
    return _under_way(page, live) if live else page


def _done(page: TrainingPage, manifest: Manifest, history: tuple[Epoch, ...], note: LiveNote | None) -> TrainingPage:
    summary = manifest.read_summary(TrainSummary)
    kept = summary.kept_epoch or None
    return page.model_copy(
        update={
            "state": "done",
            "epochs": history,
            "losses": note.losses if note else (),
            "kept_epoch": kept,
            "kept": kept_line(history, kept, page.keep, summary.stopped_by),
            "dropout": with_dropout(manifest),
            "stopped_by": summary.stopped_by,
            "seconds": manifest.seconds,
            "at": manifest.at,
            "made_by": manifest.run_id,
            "hit": manifest.run_id != page.run_id,
        }
    )


def _under_way(page: TrainingPage, note: LiveNote) -> TrainingPage:
    progress: Progress = note.progress
    return page.model_copy(
        update={
            "state": note.state,
            "epochs": note.history,
            "losses": note.losses,
            "at": note.at or "",
            "progress": progress,
            "error": note.error or "",
        }
    )
