"""The tasks of `meli_training`, one function each; Airflow and `meli run` call them.

Only names of objects in the store and small results are passed between tasks, never data. Every function may be called
again: existing results are reused.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from meli_tasks.approval import Approval
from meli_tasks.artifacts.manifest import Manifest, canonical_json, need
from meli_tasks.artifacts.timed import read_scores
from meli_tasks.champion import champion_model, fetched
from meli_tasks.core.errors import BadData
from meli_tasks.execution.runner import Result, Runner, Step
from meli_tasks.execution.uploading import remove_abandoned
from meli_tasks.ledger import Ledger
from meli_tasks.planning.asset_events import ChampionChanged, TitlesIngested
from meli_tasks.planning.compared import evaluate_step, evaluated_models, find_ensemble, reference_steps
from meli_tasks.planning.evaluation import EnsembleResult, Evaluated, EvaluationReport
from meli_tasks.planning.fold_models import fold_models
from meli_tasks.planning.late_files import late_files
from meli_tasks.planning.plan import (
    Plan,
    ensemble_step,
    make_plan,
    why_no_ensemble,
)
from meli_tasks.planning.preview import Preview, preview
from meli_tasks.planning.request import Request
from meli_tasks.planning.run_index import RunIndex
from meli_tasks.planning.timing import record_end
from meli_tasks.planning.verdict import Verdict
from meli_tasks.promotion import Promoter, PromotionOutcome
from meli_tasks.settings import Settings
from meli_tasks.stages.evaluation import Evaluation
from meli_tasks.stages.summaries import EnsembleSummary, IngestSummary
from meli_tasks.tracking.outbox import Tracking
from meli_tasks.tracking.patience import patience_of_a_task
from meli_tasks.tracking.registry import Registry

if TYPE_CHECKING:
    from meli_tasks.search import Outcome, Search

logger = logging.getLogger("meli_tasks")


class Pipeline:
    """The stages of one run, against the store and the tracking server of the settings."""

    def __init__(self, settings: Settings, run_id: str = "") -> None:
        self.settings = settings
        self.runner = Runner(settings, run_id=run_id)
        self.store = self.runner.store
        self.ledger = Ledger(self.store)
        self.tracking = Tracking.of(settings, self.store, patience_of_a_task(settings.mlflow_seconds))

    @classmethod
    def of(cls, plan_name: str, settings: Settings | None = None) -> tuple[Pipeline, Plan]:
        """The pipeline of a plan in the store, and the plan.

        Raises:
            NotFound: there is no such plan.
            Conflict: an older version made it.
        """
        pipeline = cls(settings or Settings.from_environment())
        plan = Plan.load(pipeline.store, plan_name, to_run=True)
        pipeline.runner.run_id, pipeline.tracking.plan = plan.run_id, plan.name
        return pipeline, plan

    def plan(
        self,
        params: Mapping[str, object],
        as_of: date | None,
        dag_run_url: str = "",
        *,
        backfill: bool = False,
        dag_run_started: datetime | None = None,
    ) -> tuple[Plan, Preview]:
        """Check a request, work out every step, store the plan, and log what will be computed.

        It also brings MLflow up to date with the ledger, which an outage or a person may have left behind.

        A backfill only evaluates its models, unless it requests promotion "always".

        Args:
            params: The request.
            as_of: The date on which the run is due.
            dag_run_url: Its page in Airflow.
            backfill: Whether a backfill started it.
            dag_run_started: When its DAG run started; None for a run outside Airflow, which starts now.
        """
        started = {
            "started": (dag_run_started or datetime.now(UTC)).isoformat(),
            "in_airflow": dag_run_started is not None,
        }
        request = Request.check(params, self.settings)
        if backfill and request.promotion in ("auto", "approval"):
            request = request.model_copy(update={"promotion": "never"})
        plan = make_plan(request, self.settings, self.runner.run_id, as_of, dag_run_url, store=self.store)
        plan = plan.model_copy(update=started)
        found = preview(plan, self.store, self.settings.slots, ledger=self.ledger)
        for name in plan.resolved:
            logger.info("set %s: %s", name, canonical_json(plan.displayed_set(name)))
        for line in found.lines():
            logger.info("%s", line)
        if request.search_minutes:
            logger.info(
                "The run also searches the family %s for %g minutes.", request.search_family, request.search_minutes
            )
        plan.save(self.store)
        found.save(plan, self.store)
        remove_abandoned(self.store)
        self.tracking.plan = plan.name
        # Here, since a scheduled run that finds nothing new ends after this task, and MLflow must not wait for news.
        repair = Registry.quick(self.settings, self.store, self.ledger, plan.name).repair()
        for note in repair.notes:
            (logger.warning if repair.synced.warning else logger.info)("%s", note)
        return plan, found

    def late_files(self, params: Mapping[str, object], as_of: date | None) -> str:
        """Describe which files of the run's day are missing; empty if none are, or if the source has no dates.

        Raises:
            BadHyperparameters: The parameters cannot be used.
        """
        return late_files(Request.check(params, self.settings), self.settings, as_of)

    def ingest(self, plan: Plan) -> Result:
        """Run the plan's ingest step, and with folds make the listings of each; the result is that of the step."""
        result, *_ = [self.runner.run(step, force=plan.force) for step in plan.all_listings]
        return result

    def preprocess(self, plan: Plan, recipe: int) -> Result:
        """Run the preprocess step of one of the plan's `all_recipes`."""
        return self.runner.run(plan.all_recipes[recipe].preprocess, force=plan.force)

    def embed(self, plan: Plan, recipe: int) -> list[Result]:
        """Run the embed steps of one of the plan's `all_recipes`."""
        return [self.runner.run(step, force=plan.force) for step in plan.all_recipes[recipe].embeds]

    def train(self, plan: Plan, set_name: str, fold: int = 0) -> tuple[Result, str | None]:
        """Train one set, or with `fold` train it without that fold.

        Also return the URL of its MLflow run. It is None while MLflow is unavailable (the run is sent later), and for a
        fold: its model only evaluates, so it has no MLflow run.
        """
        result = self.runner.run(plan.training_runs(set_name)[fold], force=plan.force)
        return result, None if fold else self.tracking.training(plan, set_name, result.manifest)

    def search(self, plan: Plan) -> tuple[Outcome, str | None]:
        """Search as the plan requests, and add the best set to the plan. Also return the URL of its MLflow run.

        A retry continues with the remaining minutes and reuses the finished trials.
        """
        found = self._search(plan, 0 if self.settings.search_workers > 1 else None).run()
        for line in found.lines():
            logger.info("%s", line)
        plan = plan.add_searched(found.name, found.step, found.values, self.store)
        return found, self.tracking.training(plan, found.name, found.manifest)

    def search_trials(self, plan: Plan, worker: int) -> int:
        """Run trials of the plan's search beside the task that leads it; return how many ended here."""
        return self._search(plan, worker).take_part()

    def _search(self, plan: Plan, worker: int | None) -> Search:
        from meli_tasks.search import LogReporter, Search, SearchOptions  # imports Optuna, which no other task needs

        request = plan.request
        options = SearchOptions(request.search_minutes, request.search_family, titles=plan.ingest.key)
        as_of = date.fromisoformat(plan.as_of) if plan.as_of else None
        return Search(options, request, self.runner, LogReporter(), as_of=as_of, worker=worker)

    def ensemble(self, plan: Plan, trained: Sequence[str]) -> tuple[Result, EnsembleSummary] | None:
        """Combine the trained models into an ensemble; None if the run makes no ensemble, and the log says why.

        With folds the models of each are combined too.
        """
        step = ensemble_step(plan, trained)
        if step is None:
            logger.info("no ensemble: %s", why_no_ensemble(plan, trained))
            return None
        # First those of the folds, so that an ensemble that is there can be evaluated.
        for fold in plan.folds:
            if (of_fold := ensemble_step(plan, trained, fold)) is not None:
                self.runner.run(of_fold, force=plan.force)
        result = self.runner.run(step, force=plan.force)
        return result, result.manifest.read_summary(EnsembleSummary)

    def reference(self, plan: Plan) -> list[Result]:
        """Compute the reference model of the run's titles, or of each fold."""
        return [self.runner.run(step, force=plan.force) for step in reference_steps(plan).values()]

    def evaluate(self, plan: Plan, trained: Sequence[str], failed: Sequence[str]) -> Evaluated:
        """Evaluate every trained model, their ensemble, and the champion, on the run's test split.

        Returns:
            What `promote` needs, and the URL of the run's page in MLflow, or None while the server is down.

        Raises:
            BadData: no training run succeeded, so there is nothing to evaluate.
        """
        if not trained:
            raise BadData(
                f"No training run succeeded (failed: {', '.join(failed) or 'none started'}), so there is nothing to "
                "evaluate."
            )
        evaluated = self._evaluate(plan, trained).model_copy(update={"failed": tuple(failed)})
        self._save_evaluation(plan, evaluated)
        url = self.tracking.evaluation(plan, evaluated)
        for name in failed:
            logger.warning("The training run of %s failed; the others were evaluated without it.", name)
        return evaluated.model_copy(update={"mlflow": url})

    def decide(self, plan: Plan, evaluated: Evaluated) -> Verdict:
        """Compare the models with the champion: whether one is promoted, or a person is asked. Then write the report.

        The ledger is not changed. If it has changed since the evaluation, the models are evaluated again first.
        """
        decided = self._promoter().decide(plan, evaluated)
        return decided.model_copy(update={"report": self._report_or_problem(plan)})

    def promote(self, plan: Plan, decided: Verdict, approval: Approval | None = None) -> PromotionOutcome:
        """Write the decision into the ledger; the MLflow alias follows. Then write the report again.

        If another decision was made in the meantime, the models are evaluated against the current champion, and the
        decision is made again.

        Args:
            plan: The run's plan.
            decided: What `decide` returned.
            approval: A person's answer, if the verdict was to ask; without one the champion stays.

        Raises:
            Conflict: the ledger changed during every attempt.
        """
        outcome = self._promoter().promote(plan, decided, approval)
        report = self._report_or_problem(plan)
        if not decided.asks:  # how long a person takes says nothing about the next run
            record_end(plan, self.store)
        RunIndex(self.store).add_changed()
        return outcome.model_copy(update={"report": report})

    def champion_changed(self, outcome: PromotionOutcome) -> ChampionChanged | None:
        """What to announce about a decision; None if the champion is the one before."""
        if outcome.action == "keep" or outcome.champion is None or outcome.number is None:
            return None
        registry = Registry.quick(self.settings, self.store, self.ledger, self.tracking.plan)
        version = registry.version_of(outcome.champion)
        return ChampionChanged.of(outcome.champion, outcome.action, outcome.number, version)

    def titles_ingested(self, plan: Plan, result: Result) -> TitlesIngested | None:
        """What to announce about ingested titles; None if an earlier run had ingested them, so that nothing is new."""
        if result.hit:
            return None
        manifest = result.manifest
        summary = manifest.read_summary(IngestSummary)
        return TitlesIngested.of(summary, plan.request.source, plan.as_of, plan.run_id, manifest.key)

    def report(self, plan: Plan) -> str:
        """Write the report of the run and send it to MLflow, now or after an outage. Returns its name in the store.

        Artifacts that were deleted do not stop it. Call it when there is a decision, and again when it has changed.
        """
        from meli_tasks.report import write_report  # loads matplotlib and Jinja, which no other task needs

        name = write_report(self.store, plan.name)
        self.tracking.report(plan)
        return name

    def scores(self, evaluate_key: str) -> dict[str, Evaluation]:
        """The evaluations in an evaluate artifact, by label."""
        return read_scores(self.store, need(self.store, "evaluate", evaluate_key)).models

    def _evaluate(self, plan: Plan, trained: Sequence[str]) -> Evaluated:
        last = self.ledger.last()
        champion = champion_model(self.ledger, last)
        if champion and (champion := fetched(champion, self.store, self.runner.cache)).problem:
            logger.warning("%s", champion.problem)
        ensemble = find_ensemble(plan, trained, self.store)
        models, label = evaluated_models(plan, trained, self.store, champion)
        folds = fold_models(plan, models, self.store, champion)
        step: Step = evaluate_step(plan, models, self.store, champion, folds)
        self.reference(plan)
        result = self.runner.run(step, force=plan.force)
        return Evaluated(
            key=step.key,
            hit=result.hit,
            trained=tuple(sorted(trained)),
            models={name: ref.key for name, ref in models.items()},
            attempts={name: ref.sha256 for name, ref in models.items()},
            folds=len(plan.folds),
            fold_models={label: tuple(map(str, refs)) for label, refs in sorted(folds.models.items())},
            ensemble=_ensemble_result(ensemble) if ensemble else None,
            ensemble_failed=ensemble is None and not why_no_ensemble(plan, trained),
            champion=label,
            champion_missing=champion.problem if champion and label not in models else "",
            milliseconds=result.manifest.timings.milliseconds_p95,
            ledger=last.number if last else 0,
        )

    def _report_or_problem(self, plan: Plan) -> str:
        """Where the report of the run is, or why it could not be written: a decision must not fail for that."""
        try:
            return self.report(plan)
        except Exception as error:  # whatever it is, the decision stands
            problem = f"The report of the run could not be written: {error}"
            logger.warning("%s", problem, exc_info=error)
            return problem

    def _promoter(self) -> Promoter:
        registry = Registry(self.store, self.tracking, self.ledger)
        return Promoter(self.settings, self.runner, registry, self._evaluate_again)

    def _evaluate_again(self, plan: Plan, evaluated: Evaluated) -> Evaluated:
        again = self._evaluate(plan, evaluated.trained)
        again = again.model_copy(update={"failed": evaluated.failed, "mlflow": evaluated.mlflow})
        self._save_evaluation(plan, again)  # so that report and pages are about what is decided, or asked
        return again

    def _save_evaluation(self, plan: Plan, evaluated: Evaluated) -> None:
        report = EvaluationReport(
            **dict(evaluated),
            scores={label: found.brief() for label, found in self.scores(evaluated.key).items()},
            run_id=plan.run_id,
            as_of=plan.as_of,
        )
        report.save(self.store, plan.name)


def _ensemble_result(ensemble: Manifest) -> EnsembleResult:
    summary = ensemble.read_summary(EnsembleSummary)
    return EnsembleResult(key=ensemble.key, offered=summary.offered, reason=summary.reason, weights=summary.weights)
