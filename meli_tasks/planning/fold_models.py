"""The models that evaluate the titles of each fold: those of the same sets and the same ensemble, trained without it.

A champion is evaluated by the models of the folds of the night that promoted it. A title is in the same fold every
night, so they have not seen tonight's titles of their folds either.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from meli_tasks.artifacts.manifest import Manifest, ModelRef, find_model, need
from meli_tasks.champion import ChampionModel
from meli_tasks.core.errors import BadData
from meli_tasks.core.stage_parameters import TEST_SPLIT
from meli_tasks.planning.lineage import trained_without
from meli_tasks.planning.plan import Plan, ensemble_step
from meli_tasks.planning.recipes import Fold
from meli_tasks.stages.summaries import ENSEMBLE, EnsembleSummary
from meli_tasks.store import Store

logger = logging.getLogger("meli_tasks")


@dataclass(frozen=True)
class FoldModels:
    """By label, the model of each fold, in the order of the folds. A model that has none is evaluated by itself.

    `without_ensemble` are the folds whose models make no ensemble, so that their best member takes its place.
    """

    models: dict[str, tuple[ModelRef, ...]] = field(default_factory=dict)
    without_ensemble: tuple[int, ...] = ()


def fold_models(plan: Plan, models: Mapping[str, ModelRef], store: Store, champion: ChampionModel | None) -> FoldModels:
    """The models of the folds, for evaluated models by label.

    Raises:
        NotFound: a set's model of a fold has not been trained.
    """
    if not plan.folds:
        return FoldModels()
    trained = [label for label in models if label in plan.sets]
    found = {
        name: tuple(need(store, "train", fold.sets[name].key).ref for fold in plan.folds) for name in sorted(trained)
    }
    substituted: list[int] = []
    if ENSEMBLE in models:
        combined = [_ensemble(plan, fold, trained, store) for fold in plan.folds]
        found[ENSEMBLE] = tuple(ref for ref, _ in combined)
        substituted = [fold.number for fold, (_, offered) in zip(plan.folds, combined, strict=True) if not offered]
    for label in models.keys() - found.keys():
        if champion and (refs := _of_champion(plan, champion, store)):
            found[label] = refs
    return FoldModels(found, tuple(substituted))


def _ensemble(plan: Plan, fold: Fold, trained: Sequence[str], store: Store) -> tuple[ModelRef, bool]:
    """A fold's ensemble, or its best member if the fold's validation titles speak against one; and which it is."""
    step = ensemble_step(plan, trained, fold)
    assert step is not None  # the run's own ensemble is of the same sets
    manifest = need(store, ENSEMBLE, step.key)
    summary = manifest.read_summary(EnsembleSummary)
    if summary.offered:
        return manifest.ref, True
    return need(store, "train", fold.sets[summary.best_member].key).ref, False


def _of_champion(plan: Plan, champion: ChampionModel, store: Store) -> tuple[ModelRef, ...]:
    """The champion's models of this plan's folds; none if it was promoted with others, or one cannot be used."""
    promoted = champion.champion
    if promoted.folds != len(plan.folds) or len(promoted.fold_models) != promoted.folds:
        return ()
    refs = tuple(map(ModelRef.parse, promoted.fold_models))
    for fold, ref in zip(plan.folds, refs, strict=True):
        model = _readable(store, ref)
        # Whether the test split holds titles of the model is looked up when it is evaluated.
        if model is None or (fold.of > TEST_SPLIT and not trained_without(store, model, fold.number, fold.of)):
            logger.warning(
                "Champion %s cannot be evaluated by the models of its folds: %s, of %s, %s.",
                promoted.set_name,
                ref.key,
                fold.name,
                "is not in the store" if model is None else "may have been trained on titles of that fold",
            )
            return ()
    return refs


def _readable(store: Store, ref: ModelRef) -> Manifest | None:
    try:
        return find_model(store, ref.key, ref.sha256)
    except BadData as error:
        logger.warning("%s", error)
        return None
