"""A run of the pipeline in this process: step after step, a failing set apart from the others."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Protocol

from meli_tasks.core.errors import MeliError
from meli_tasks.settings import Settings
from meli_tasks.stages.summaries import IngestSummary
from meli_tasks.wording import unused_rows

if TYPE_CHECKING:
    from meli_tasks.artifacts.manifest import Manifest
    from meli_tasks.execution.runner import Result, Step
    from meli_tasks.pipeline import Pipeline
    from meli_tasks.planning.evaluation import Evaluated
    from meli_tasks.planning.plan import Plan

logger = logging.getLogger("meli_tasks.cli")

QUARANTINE = "quarantine.jsonl.gz"
STAGES = ("ingest", "preprocess", "embed", "train", "ensemble", "evaluate", "promote")


def unused_by(ingested: Manifest, store_url: str) -> str:
    """Say which rows of the source ingest did not use, why, and which file lists them; empty when it used them all."""
    summary = ingested.read_summary(IngestSummary)
    unused = unused_rows(
        summary.bad_by_reason,
        summary.rare.rows,
        summary.rare.categories,
        ingested.params.get("min_category_rows", 0),
    )
    return f"Not used: {unused}, listed in {store_url}/{ingested.file_name(QUARANTINE)}" if unused else ""


def new_run_id() -> str:
    """The id of a run in this process: its time, and enough chance that no other of that second has it."""
    return f"local__{datetime.now(UTC):%Y-%m-%dT%H-%M-%S}_{secrets.token_hex(3)}"


class Watcher(Protocol):
    """Who is told of the steps."""

    def began(self, stage: str, name: str) -> None:
        """A step begins."""

    def ended(self, line: dict[str, Any]) -> None:
        """A step has ended: computed, found, or failed (`error`)."""


class LocalRun:
    """One run; `go` it, then ask for the outcome."""

    def __init__(self, watcher: Watcher, run_id: str, settings: Settings | None = None) -> None:
        from meli_tasks.pipeline import Pipeline

        self.watcher = watcher
        self.run_id = run_id
        self.pipeline: Pipeline = Pipeline(settings or Settings.from_environment(), run_id=run_id)
        self.lines: list[dict[str, Any]] = []
        self.failed: dict[str, str] = {}
        self.plan: Plan | None = None
        self.scores: dict[str, Any] = {}
        self.decision: dict[str, Any] = {}

    def go(self, params: Mapping[str, object], as_of: date, until: str) -> None:
        """Run up to and including a stage.

        Raises:
            MeliError: what concerns all sets: the request, the source, ingest, evaluate, promote.
        """
        plan, _ = self.pipeline.plan(params, as_of)
        self.plan = plan
        stages = STAGES[: STAGES.index(until) + 1]
        self._step("ingest", plan.ingest.name, lambda: self.pipeline.ingest(plan))
        for number, recipe in enumerate(plan.recipes):
            if "preprocess" in stages:
                self._shared(plan, recipe.preprocess, lambda number=number: self.pipeline.preprocess(plan, number))  # type: ignore[misc]
            for step in recipe.embeds if "embed" in stages else ():
                self._shared(plan, step, lambda step=step: self.pipeline.runner.run(step, force=plan.force))  # type: ignore[misc]
        if "train" in stages:
            self._train(plan)
        trained = [name for name in plan.sets if name not in self.failed]
        if "ensemble" in stages:
            self._ensemble(plan, trained)
        if "evaluate" in stages and trained:
            self._evaluate(plan, trained, decide="promote" in stages)

    def outcome(self, seconds: float) -> dict[str, Any]:
        """What the run came to, for people and programs."""
        assert self.plan is not None
        return {
            "run_id": self.run_id,
            "plan": self.plan.name,
            "source": self.plan.ingest.name,
            "sets": list(self.plan.sets),
            "steps": self.lines,
            "failed": self.failed,
            "scores": self.scores,
            "decision": self.decision,
            "seconds": round(seconds, 3),
            "seconds_saved": round(sum(line["seconds_saved"] for line in self.lines), 3),
        }

    def _shared(self, plan: Plan, step: Step, work: Callable[[], Result]) -> None:
        """A step that several sets stand on: when it fails, they do, and the others go on."""
        standing = [
            name for name, train in plan.sets.items() if step.key in train.inputs.values() and name not in self.failed
        ]
        if not standing:
            return
        try:
            self._step(step.stage, step.name, work)
        except Exception as error:  # whatever it was, the sets that do not stand on this step can go on
            logger.info("%s %s failed", step.stage, step.name, exc_info=error)
            self.failed.update(dict.fromkeys(standing, f"{step.stage}: {_reason(error)}"))

    def _train(self, plan: Plan) -> None:
        for name in plan.sets:
            if name in self.failed:
                continue
            try:
                self._step("train", name, lambda name=name: self.pipeline.train(plan, name)[0])  # type: ignore[misc]
            except Exception as error:  # one failing set does not sink the others
                logger.info("train %s failed", name, exc_info=error)
                self.failed[name] = f"train: {_reason(error)}"

    def _ensemble(self, plan: Plan, trained: list[str]) -> None:
        from meli_tasks.planning.plan import ENSEMBLE, no_ensemble

        if reason := no_ensemble(plan, trained):
            logger.info("no ensemble: %s", reason)
            return
        try:
            self._step(ENSEMBLE, ", ".join(trained), lambda: _present(self.pipeline.ensemble(plan, trained)))
        except Exception as error:  # the models it would be made of are measured all the same
            logger.info("the ensemble failed", exc_info=error)
            self.failed[ENSEMBLE] = _reason(error)

    def _evaluate(self, plan: Plan, trained: list[str], decide: bool) -> None:
        failed = sorted(name for name in plan.sets if name not in trained)
        evaluated: list[Evaluated] = []

        def evaluate() -> Result:
            from meli_tasks.artifacts.manifest import need
            from meli_tasks.execution.runner import Result

            started = time.monotonic()
            evaluated.append(self.pipeline.evaluate(plan, trained, failed))
            manifest = need(self.pipeline.store, "evaluate", evaluated[0].key)
            return Result(manifest, evaluated[0].hit, time.monotonic() - started)

        self._step("evaluate", ", ".join(trained), evaluate)
        scores = self.pipeline.scores(evaluated[0].key)
        self.scores = {label: found.model_dump(mode="json") for label, found in scores.items()}
        if decide:
            self.watcher.began("promote", "")
            started = time.monotonic()
            decided = self.pipeline.promote(plan, evaluated[0])
            self.decision = decided.model_dump(mode="json")
            name = f"{decided.action}: {decided.champion.set_name if decided.champion else 'no champion'}"
            self._tell({"stage": "promote", "name": name, "hit": False, "seconds": time.monotonic() - started})

    def _step(self, stage: str, name: str, work: Callable[[], Result]) -> None:
        self.watcher.began(stage, name)
        started = time.monotonic()
        try:
            result = work()
        except Exception as error:
            spent = time.monotonic() - started
            self._tell({"stage": stage, "name": name, "hit": False, "seconds": spent, "error": _reason(error)})
            raise
        saved = result.manifest.seconds if result.hit else 0.0
        unused = unused_by(result.manifest, self.pipeline.store.url) if stage == "ingest" else ""
        self._tell(
            {
                "stage": stage,
                "name": name,
                "key": result.manifest.key,
                "hit": result.hit,
                "seconds": result.seconds,
                "seconds_saved": saved,
                "summary": result.manifest.summary,
                **({"unused": unused} if unused else {}),
            }
        )

    def _tell(self, line: dict[str, Any]) -> None:
        line.setdefault("seconds_saved", 0.0)
        line["seconds"] = round(line["seconds"], 3)
        self.lines.append(line)
        self.watcher.ended(line)


def _present(result: Result | None) -> Result:
    assert result is not None  # the plan was asked whether there is one
    return result


def _reason(error: Exception) -> str:
    if isinstance(error, MeliError):
        return str(error)
    first_line = next(iter(str(error).strip().splitlines()), "no message")  # PyTorch's go on with its own stack
    return f"unexpected {type(error).__name__}: {first_line}"
