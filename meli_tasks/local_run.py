"""A run of the pipeline in this process, step by step; a set that fails does not stop the others."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from functools import partial
from typing import TYPE_CHECKING

from meli_tasks.core.errors import MeliError
from meli_tasks.redaction import redact
from meli_tasks.run_outcome import RunOutcome, StepReport, StepReporter, unused_by
from meli_tasks.settings import Settings
from meli_tasks.stages import STAGES

if TYPE_CHECKING:
    from meli_tasks.approval import Approval
    from meli_tasks.execution.runner import Result, Step
    from meli_tasks.pipeline import Pipeline
    from meli_tasks.planning.evaluation import Evaluated
    from meli_tasks.planning.plan import Plan
    from meli_tasks.planning.verdict import Verdict
    from meli_tasks.promotion import PromotionOutcome
    from meli_tasks.stages.evaluation import Evaluation

logger = logging.getLogger("meli_tasks.cli")


def new_run_id() -> str:
    """Return the id of a run in this process: its time, and random digits that tell it from others of that second."""
    return f"local__{datetime.now(UTC):%Y-%m-%dT%H-%M-%S}_{secrets.token_hex(3)}"


class LocalRun:
    """One run in this process."""

    def __init__(
        self,
        reporter: StepReporter,
        run_id: str,
        settings: Settings | None = None,
        ask: Callable[[Plan, Verdict], Approval | None] = lambda plan, decided: None,
    ) -> None:
        """Set up a run.

        Args:
            reporter: Receives the steps.
            run_id: The run's id.
            settings: By default those of the environment.
            ask: Asks a person whether a model becomes champion; None if there is nobody to ask.
        """
        from meli_tasks.pipeline import Pipeline

        self.reporter = reporter
        self.ask = ask
        self.run_id = run_id
        self.pipeline: Pipeline = Pipeline(settings or Settings.from_environment(), run_id=run_id)
        self.steps: list[StepReport] = []
        self.failed: dict[str, str] = {}
        self.plan: Plan | None = None
        self.scores: Mapping[str, Evaluation] = {}
        self.decision: PromotionOutcome | None = None

    def go(self, params: Mapping[str, object], as_of: date, until: str) -> None:
        """Run the stages up to and including `until`.

        Raises:
            MeliError: Something that every set depends on failed: the request, the source, or one of the stages ingest,
                evaluate and promote.
        """
        plan, preview = self.pipeline.plan(params, as_of)
        self.plan = plan
        self.reporter.planned(preview)
        from meli_tasks.tracking.left_running import this_process

        self.pipeline.tracking.process = this_process()
        try:
            self._go(plan, until)
        except (KeyboardInterrupt, SystemExit):  # Ctrl-C, or SIGTERM, which the command line turns into SystemExit
            self.pipeline.tracking.ended(plan, "KILLED")
            raise
        except BaseException:
            self.pipeline.tracking.ended(plan, "FAILED")
            raise
        self.pipeline.tracking.ended(plan, "FAILED" if set(plan.sets) <= set(self.failed) else "FINISHED")

    def _go(self, plan: Plan, until: str) -> None:
        from meli_tasks.planning.compared import reference_steps

        order = list(STAGES)
        stages = order[: order.index(until) + 1]
        for step in plan.all_listings:
            self._step("ingest", step.name, partial(self.pipeline.runner.run, step, force=plan.force))
        for number, recipe in enumerate(plan.all_recipes):
            if "preprocess" in stages:
                self._shared(plan, recipe.preprocess, lambda number=number: self.pipeline.preprocess(plan, number))  # type: ignore[misc]
            for step in recipe.embeds if "embed" in stages else ():
                self._shared(plan, step, lambda step=step: self.pipeline.runner.run(step, force=plan.force))  # type: ignore[misc]
        if "train" in stages:
            self._train(plan)
        trained = [name for name in plan.sets if name not in self.failed]
        if "ensemble" in stages:
            self._ensemble(plan, trained)
        if until == "reference":  # the evaluation computes it itself
            for step in reference_steps(plan).values():
                self._step(step.stage, step.name, lambda step=step: self.pipeline.runner.run(step, force=plan.force))  # type: ignore[misc]
        if "evaluate" in stages and trained:
            self._evaluate(plan, trained, decide="promote" in stages)

    def outcome(self, seconds: float) -> RunOutcome:
        """Return the outcome of the run, which took `seconds`."""
        assert self.plan is not None
        return RunOutcome(
            run_id=self.run_id,
            plan=self.plan.name,
            source=self.plan.ingest.name,
            sets=list(self.plan.sets),
            steps=self.steps,
            failed=self.failed,
            scores=self.scores,
            decision=self.decision,
            seconds=seconds,
        )

    def _shared(self, plan: Plan, step: Step, work: Callable[[], Result]) -> None:
        """Run a step that several sets need. If it fails, these sets fail and the others continue."""
        needing = [
            name
            for name in plan.sets
            if name not in self.failed and any(step.key in run.inputs.values() for run in plan.training_runs(name))
        ]
        if not needing:
            return
        try:
            self._step(step.stage, step.name, work)
        except Exception as error:  # whatever it was, the sets that do not need this step can continue
            logger.info("%s %s failed", step.stage, step.name, exc_info=error)
            self.failed.update(dict.fromkeys(needing, f"{_of_fold(step.stage, plan, step)}: {_reason(error)}"))

    def _train(self, plan: Plan) -> None:
        for name in plan.sets:
            for fold, step in enumerate(plan.training_runs(name)):
                if name in self.failed:  # a set without the model of a fold cannot be evaluated
                    break
                try:
                    self._step("train", step.name, partial(self._train_one, plan, name, fold))
                except Exception as error:  # a set that fails does not stop the others
                    logger.info("train %s failed", step.name, exc_info=error)
                    self.failed[name] = f"{_of_fold('train', plan, step)}: {_reason(error)}"

    def _train_one(self, plan: Plan, name: str, fold: int) -> Result:
        return self.pipeline.train(plan, name, fold)[0]

    def _ensemble(self, plan: Plan, trained: list[str]) -> None:
        from meli_tasks.planning.plan import why_no_ensemble
        from meli_tasks.stages.summaries import ENSEMBLE

        if reason := why_no_ensemble(plan, trained):
            logger.info("no ensemble: %s", reason)
            return
        try:
            self._step(ENSEMBLE, ", ".join(trained), lambda: self._combine(plan, trained))
        except Exception as error:  # its members are evaluated anyway
            logger.info("the ensemble failed", exc_info=error)
            self.failed[ENSEMBLE] = _reason(error)

    def _combine(self, plan: Plan, trained: list[str]) -> Result:
        combined = self.pipeline.ensemble(plan, trained)
        assert combined is not None  # the caller has checked `why_no_ensemble`
        return combined[0]

    def _evaluate(self, plan: Plan, trained: list[str], decide: bool) -> None:
        failed = sorted(name for name in plan.sets if name not in trained)
        results: list[Evaluated] = []

        def evaluate() -> Result:
            from meli_tasks.artifacts.manifest import need
            from meli_tasks.execution.runner import Result

            started = time.monotonic()
            evaluated = self.pipeline.evaluate(plan, trained, failed)
            results.append(evaluated)
            manifest = need(self.pipeline.store, "evaluate", evaluated.key)
            return Result(manifest, evaluated.hit, time.monotonic() - started)

        self._step("evaluate", ", ".join(trained), evaluate)
        [evaluated] = results
        self.scores = self.pipeline.scores(evaluated.key)
        if decide:
            self.reporter.started("promote", "")
            started = time.monotonic()
            decided = self.pipeline.decide(plan, evaluated)
            approval = self.ask(plan, decided) if decided.asks else None
            self.decision = self.pipeline.promote(plan, decided, approval)
            champion = self.decision.champion.set_name if self.decision.champion else "no champion"
            name = f"{self.decision.action}: {champion}"
            self._report(StepReport("promote", name, round(time.monotonic() - started, 3)))

    def _step(self, stage: str, name: str, work: Callable[[], Result]) -> None:
        self.reporter.started(stage, name)
        started = time.monotonic()
        try:
            result = work()
        except Exception as error:
            self._report(StepReport(stage, name, round(time.monotonic() - started, 3), error=_reason(error)))
            raise
        manifest = result.manifest
        self._report(
            StepReport(
                stage=stage,
                name=name,
                seconds=round(result.seconds, 3),
                hit=result.hit,
                seconds_saved=manifest.seconds if result.hit else 0.0,
                key=manifest.key,
                summary=manifest.summary,
                unused=unused_by(manifest, self.pipeline.store.url) if stage == "ingest" else "",
                notes=manifest.read_summary(STAGES[stage].summary).notes(),
            )
        )

    def _report(self, step: StepReport) -> None:
        self.steps.append(step)
        self.reporter.finished(step)


def _of_fold(stage: str, plan: Plan, step: Step) -> str:
    """A stage, and the fold that a step belongs to, if it does."""
    fold = next((fold for fold in plan.folds if step.name.endswith(f", {fold.name}")), None)
    return f"{stage}, {fold.name}" if fold else stage


def _reason(error: Exception) -> str:
    if isinstance(error, MeliError):
        return redact(str(error))
    first_line = next(iter(str(error).strip().splitlines()), "no message")  # PyTorch appends its own stack trace
    return redact(f"unexpected {type(error).__name__}: {first_line}")
