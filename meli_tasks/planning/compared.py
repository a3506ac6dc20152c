"""Which models a run evaluates, and how: known only once its training runs have ended.

A model is an attempt: a content key and the digest of the model's files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from meli_tasks.artifacts.manifest import Manifest, ModelRef, find_readable, need, need_model
from meli_tasks.champion import ChampionModel
from meli_tasks.core.errors import NotFound
from meli_tasks.core.stage_parameters import TEST_SPLIT, Evaluate, ModelEvaluation, Promotion, Reference
from meli_tasks.execution.runner import FOLD, FOLD_MODEL, LISTINGS, MODEL, Step
from meli_tasks.ledger import Ledger
from meli_tasks.planning.evaluation import Evaluated
from meli_tasks.planning.fold_models import FoldModels, fold_models
from meli_tasks.planning.lineage import FittedOn, fitted_on, fitted_on_any
from meli_tasks.planning.measured import recent
from meli_tasks.planning.plan import Plan, ensemble_step
from meli_tasks.stages import STAGES
from meli_tasks.stages.evaluation import JudgedWith
from meli_tasks.stages.listings.golden import GOLDEN
from meli_tasks.stages.summaries import ENSEMBLE, EnsembleSummary, TrainSummary
from meli_tasks.store import Store

REFERENCE = "reference"


def judged_with(plan: Plan) -> JudgedWith:
    """How this plan's models are evaluated and decided on, apart from the limits."""
    params = Evaluate.key_values(plan.request.evaluate().model_dump(mode="json"))
    return JudgedWith(
        evaluate=STAGES["evaluate"].version,
        promote=STAGES["promote"].version,
        params=params,
        golden=plan.golden.digest if plan.golden else "",
    )


def evaluate_step(
    plan: Plan,
    models: Mapping[str, ModelRef],
    store: Store,
    champion: ChampionModel | None = None,
    folds: FoldModels | None = None,
) -> Step:
    """The step that evaluates models, by label: on the run's test split, or on all titles by the models of folds.

    Args:
        plan: The run's plan.
        models: The models, by label.
        store: Where their manifests are.
        champion: The champion among them, if there is one.
        folds: The models of the folds, for a caller that has looked them up.

    Raises:
        NotFound: a model of a fold has not been trained.
    """
    trained_here = {step.key for step in plan.sets.values()}
    own = {label: ref for label, ref in models.items() if ref.key in trained_here or label == ENSEMBLE}
    folds = folds or fold_models(plan, models, store, champion)
    if len(plan.folds) > TEST_SPLIT:
        others = {label: ref for label, ref in models.items() if label not in own and label not in folds.models}
        fitted = fitted_on_any(store, others)
    else:  # The test split depends on the night, so the listings of a champion's model without it are looked at too.
        others = {label: folds.models.get(label, (ref,))[0] for label, ref in models.items() if label not in own}
        fitted = fitted_on(store, plan.ingest.key, own, others)
    params = ModelEvaluation(
        **plan.request.evaluate().model_dump(),
        unread=fitted.unread,
        validation=_validation(own, store),
        other_folds=_other_folds(others, champion),
        without_ensemble=folds.without_ensemble,
    )
    inputs = _inputs(plan, models, fitted, folds)
    return Step("evaluate", ", ".join(sorted(models)), params.model_dump(mode="json"), inputs)


def _inputs(plan: Plan, models: Mapping[str, ModelRef], fitted: FittedOn, folds: FoldModels) -> dict[str, str]:
    return {
        "ingest": plan.ingest.key,
        **{f"{MODEL}{label}": str(ref) for label, ref in sorted(models.items())},
        **{f"{LISTINGS}{label}": key for label, key in sorted(fitted.listings.items())},
        **{f"{FOLD}{fold.number}": fold.listings.key for fold in plan.folds},
        **{
            f"{FOLD_MODEL}{fold.number}:{label}": str(ref)
            for label, refs in sorted(folds.models.items())
            for fold, ref in zip(plan.folds, refs, strict=True)
        },
        **{name: step.key for name, step in reference_steps(plan).items()},
        **({GOLDEN: plan.golden.digest} if plan.golden else {}),
    }


def reference_steps(plan: Plan) -> dict[str, Step]:
    """The steps of the reference model on the test titles of the run, or of each fold, by their names as inputs."""
    listings = {f"{REFERENCE}:{fold.number}": fold.listings for fold in plan.folds} or {REFERENCE: plan.ingest}
    params = Reference().model_dump(mode="json")
    return {name: Step(REFERENCE, step.name, params, {"ingest": step.key}) for name, step in listings.items()}


def _other_folds(others: Mapping[str, ModelRef], champion: ChampionModel | None) -> dict[str, int]:
    """The folds of the run that promoted the champion, if it is among models that this run has no folds of."""
    if champion is None or not champion.champion.folds:
        return {}
    return {label: champion.champion.folds for label, ref in others.items() if ref == champion.ref}


def promote_step(plan: Plan, evaluated: Evaluated, ledger: Ledger) -> Step:
    """The step that decides whether one of the evaluated models becomes champion, after the decisions before it.

    Raises:
        NotFound, BadData: one of those decisions is missing, damaged or was replaced.
    """
    champion = evaluated.ref(evaluated.champion) if evaluated.champion in evaluated.models else None
    params = Promotion(
        **plan.request.promote().model_dump(),
        champion=evaluated.champion,
        missing=evaluated.champion_missing,
        run_id=plan.run_id,
        ledger=evaluated.ledger,
        history=recent(ledger, evaluated.ledger).history(champion, folds=evaluated.folds > TEST_SPLIT)
        if champion
        else None,
        milliseconds=evaluated.milliseconds,
    )
    name = evaluated.champion or "no champion yet"
    return Step("promote", name, params.model_dump(mode="json"), {"evaluate": evaluated.key})


def _validation(own: Mapping[str, ModelRef], store: Store) -> dict[str, float]:
    """Balanced accuracy on the run's validation titles of its own models, by label."""
    found = {}
    for label, ref in sorted(own.items()):
        try:
            model = need_model(store, ref.key, ref.sha256)
        except NotFound:
            continue  # evaluate itself says which model is missing, and what to do
        ensemble = model.stage == ENSEMBLE
        summary = model.read_summary(EnsembleSummary) if ensemble else model.read_summary(TrainSummary)
        if "validation_balanced_accuracy" in summary.model_fields_set:
            found[label] = summary.validation_balanced_accuracy
    return found


def find_ensemble(plan: Plan, trained: Sequence[str], store: Store) -> Manifest | None:
    """The ensemble of these sets, if it was computed; its summary says whether it is offered as a candidate."""
    step = ensemble_step(plan, trained)
    return find_readable(store, step.stage, step.key) if step else None


def evaluated_models(
    plan: Plan, trained: Sequence[str], store: Store, champion: ChampionModel | None
) -> tuple[dict[str, ModelRef], str | None]:
    """What a run evaluates: the newest attempts of trained sets and ensemble, and the champion; the champion's label.

    A champion whose key was computed again with another result is evaluated together with the new attempt. One whose
    model is missing or damaged has a label, but is not among the models.
    """
    models = {name: need(store, "train", plan.sets[name].key).ref for name in sorted(trained)}
    ensemble = find_ensemble(plan, trained, store)
    if ensemble and ensemble.read_summary(EnsembleSummary).offered:
        models[ENSEMBLE] = ensemble.ref
    if champion is None:
        return models, None
    own = (name for name, ref in models.items() if ref == champion.ref)
    label = next(own, f"{champion.champion.set_name} (champion)")
    if champion.model:
        models.setdefault(label, champion.ref)
    return models, label
