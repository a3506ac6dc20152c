"""Promotion by a person: a model that a run has evaluated becomes champion, with that evaluation as the evidence."""

from __future__ import annotations

from dataclasses import dataclass

from meli_tasks.artifacts import paths
from meli_tasks.artifacts.manifest import Manifest, ModelRef, find, find_model, need_model
from meli_tasks.artifacts.reading import LenientReader
from meli_tasks.artifacts.timed import read_scores
from meli_tasks.champion import champion_model, check_answers, is_whole, restorable
from meli_tasks.core.errors import BadData, BadHyperparameters, Conflict, NotFound
from meli_tasks.decision import Champion, Decision, Evidence
from meli_tasks.execution.reuse import need_used
from meli_tasks.ledger import Ledger
from meli_tasks.planning import history
from meli_tasks.planning.evaluation import EvaluationReport
from meli_tasks.planning.measured import recent
from meli_tasks.planning.plan import Plan
from meli_tasks.stages.evaluation import Evaluation, TestSet
from meli_tasks.stages.summaries import EvaluateSummary, IngestSummary
from meli_tasks.store import Store
from meli_tasks.tracking.registry import Registry, offered

MAX_REASON_CHARACTERS = 1_000


@dataclass(frozen=True)
class EvaluatedModel:
    """A model, the run that evaluated it, and its name in that evaluation."""

    plan: Plan
    report: EvaluationReport
    label: str

    @property
    def ref(self) -> ModelRef:
        """The attempt that was evaluated."""
        return self.report.ref(self.label)

    @property
    def evaluation(self) -> Evaluation:
        """What the run found of it."""
        return self.report.scores[self.label]


def checked_reason(reason: str) -> str:
    """A person's reason as one line.

    Raises:
        BadHyperparameters: it is empty or too long.
    """
    line = " ".join(reason.split())
    if not 1 <= len(line) <= MAX_REASON_CHARACTERS:
        raise BadHyperparameters(
            f"The reason has {len(line):,} characters: give 1 to {MAX_REASON_CHARACTERS:,}. It is stored with the "
            "decision, for whoever asks later why the champion changed."
        )
    return line


def find_evaluated(store: Store, model: str) -> EvaluatedModel:
    """Find a model with its evaluation.

    Args:
        store: Where runs and models are.
        model: RUN/HASH/LABEL, as the pages name a model of a run; or a model's key, also KEY@SHA256, whose newest
            evaluation counts.

    Raises:
        NotFound: there is no such model, or no run has evaluated it.
    """
    plan_name, label = paths.plan_and_label(model)
    if plan_name:
        plan, report = Plan.load(store, plan_name), EvaluationReport.load(store, plan_name)
        if report is None or label not in report.scores or label not in report.models:
            raise NotFound(
                f"The run {plan.run_id} has not evaluated {label!r}, so there is nothing to promote it for. "
                f"It has evaluated {', '.join(report.scores) if report and report.scores else 'no model'}."
            )
        return EvaluatedModel(plan, report, label)
    ref = ModelRef.parse(model)
    for plan in history.newest_plans(store):
        report = history.evaluated(store, plan)
        labels = report.scores.keys() & report.models.keys() if report else set()
        for label in sorted(labels):
            if report and report.ref(label).is_same(ref):
                return EvaluatedModel(plan, report, label)
    raise NotFound(
        f"No run in {store.url} has evaluated the model {model}, so there is nothing to promote it for: "
        "`meli run all` trains, evaluates and promotes."
    )


def promote_by_hand(registry: Registry, found: EvaluatedModel, *, by: str, reason: str, expected: int) -> Decision:
    """Make an evaluated model the champion, in the ledger and then in MLflow.

    No gate is applied: a person has looked, and answers for it. The next night compares its challengers with it.

    Args:
        registry: The ledger, and the registry behind it.
        found: The model, with its evaluation.
        by: Who decides.
        reason: Why.
        expected: The number of the last decision that this person has seen; 0 for an empty ledger.

    Raises:
        BadHyperparameters: the reason is empty or too long.
        NotFound: the model is no longer in the store.
        Conflict: it is the champion already, or another decision was written in the meantime.
    """
    reason, ledger = checked_reason(reason), registry.ledger
    last = ledger.last()
    current = champion_model(ledger, last)
    if current and current.ref.is_same(found.ref):
        raise Conflict(f"{found.label} ({found.ref.key[:8]}) is the champion already. Nothing was changed.")
    try:
        model = need_model(registry.store, found.ref.key, found.ref.sha256)
        need_used(registry.store, model)
        check_answers(registry.store, model)
    except (NotFound, BadData) as error:
        name = f"{found.label} ({found.ref.key[:8]})"
        raise NotFound(
            f"{name} cannot become champion: {error} Nothing was changed. {_others(registry, found)}"
        ) from error
    evidence = _evidence(registry.store, found)
    decision = ledger.append(
        expected,
        action="promote",
        champion=_champion(ledger, found, model, evidence),
        reason=reason,
        by=by,
        evidence=evidence,
    )
    registry.sync()
    return decision


def _others(registry: Registry, found: EvaluatedModel) -> str:
    """What can become champion instead: the other models of that run whose files are there, and earlier champions."""
    store, report, last = registry.store, found.report, registry.ledger.last()
    current = last.champion.ref if last and last.champion else None
    names = []
    for label in report.scores.keys() & report.models.keys():
        ref = report.ref(label)
        model = find_model(store, ref.key, ref.sha256)
        if model and is_whole(store, model) and not any(one and one.is_same(ref) for one in (found.ref, current)):
            names.append(f"`meli promote {paths.model_id(found.plan.name, label)}`")
    promotable = [f"These of that run can be promoted: {', '.join(sorted(names))}."] if names else []
    restored = restorable(registry.ledger)
    return " ".join([*promotable, *([offered(restored)] if restored or not names else [])])


def _champion(ledger: Ledger, found: EvaluatedModel, model: Manifest, evidence: Evidence) -> Champion:
    ingest = find(ledger.store, "ingest", found.plan.ingest.key)
    return Champion(
        train=model.key,
        set_name=_set_name(ledger, found, model.ref),
        balanced_accuracy=found.evaluation.balanced_accuracy,
        interval=found.evaluation.interval,
        selection_bias=recent(ledger).bias_by_hand(evidence, found.ref),
        run_id=found.plan.run_id,
        as_of=found.plan.as_of or None,
        fingerprint=ingest.read_summary(IngestSummary).fingerprint if ingest else "",
        sha256=model.model_sha256,
        folds=len(found.report.fold_models.get(found.label, ())),
        fold_models=found.report.fold_models.get(found.label, ()),
    )


def _set_name(ledger: Ledger, found: EvaluatedModel, model: ModelRef) -> str:
    """The set of the model. In a later run's evaluation a champion has another label."""
    if found.label != found.report.champion:
        return found.label
    champions = (row.decision.champion for row in ledger.rows_backwards() if row.may_mention(model.key))
    return next((one.set_name for one in champions if one and one.ref.is_same(model)), found.label)


def _evidence(store: Store, found: EvaluatedModel) -> Evidence:
    """The evaluation, without what the stage promote would have decided from it: no comparison and no gate."""
    report, plan = found.report, found.plan
    evaluate = find(store, "evaluate", report.key)
    test = _test_set(store, evaluate) if evaluate else None
    return Evidence(
        promoted=found.label,
        champion=report.champion,
        challenger=found.label,
        scores={label: evaluation.figures() for label, evaluation in report.scores.items()},
        test_titles=evaluate.read_summary(EvaluateSummary).test_titles if evaluate else 0,
        test=test,
        run_id=plan.run_id,
        dag_run_url=plan.dag_run_url,
        plan=plan.name,
        evaluate=report.key,
        models=report.models,
        attempts=report.attempts,
    )


def _test_set(store: Store, evaluate: Manifest) -> TestSet | None:
    """The titles of an evaluation; None if that file was deleted, which stops no promotion, or it does not say."""
    reader = LenientReader(store)
    name = evaluate.file_name("scores.json")
    scores = reader.attempt(name, lambda: read_scores(store, evaluate))
    reader.warn()
    return scores.test if scores else None
