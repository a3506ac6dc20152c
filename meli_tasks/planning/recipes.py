"""Recipes: how sets get from listings to models, step by step, with the work that several sets share.

A recipe is one preprocess step with the embed steps that build on it, and each train step names the two that it builds
on. With folds, the same sets are trained on the listings of each fold too. If the test split is the only fold, its
listings are those of the run, so these training runs are the ones of a run without folds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from meli_tasks import sources
from meli_tasks.core.hyperparameters import HyperparameterSet
from meli_tasks.core.stage_parameters import TEST_SPLIT, Ingest
from meli_tasks.execution.runner import Step
from meli_tasks.settings import Settings


@dataclass(frozen=True)
class Recipe:
    """One way from listings to arrays and vectors, shared by the sets that need it."""

    name: str
    preprocess: Step
    embeds: tuple[Step, ...]


@dataclass(frozen=True)
class Prepared:
    """How sets are trained on some listings; `sets` maps a set's name to its train step."""

    recipes: tuple[Recipe, ...]
    sets: dict[str, Step]


@dataclass(frozen=True)
class Fold:
    """One fold of a cross-validation: listings that hold it as the test split, and the sets as trained without it."""

    number: int
    of: int
    listings: Step
    recipes: tuple[Recipe, ...]
    sets: dict[str, Step]

    @property
    def name(self) -> str:
        """As part of the names of its steps: fold 2 of 5."""
        return _name(self.number, self.of)


class Recipes:
    """Works out the recipes of sets, for any listings. Looks up the sets' word vectors a single time."""

    def __init__(self, resolved: Mapping[str, HyperparameterSet], settings: Settings) -> None:
        self._resolved = resolved
        paths = {values.embed.path for values in resolved.values() if values.embed.method == "pretrained"}
        self._vectors = {path: sources.identify_vectors(path, settings).identity for path in sorted(paths)}

    def prepare(self, listings: Step, part: str = "") -> Prepared:
        """The steps from these listings to the trained sets; `part` is added to their names."""
        suffix = f", {part}" if part else ""
        preprocess: dict[str, Step] = {}
        embeds: dict[str, dict[str, Step]] = {}
        sets: dict[str, Step] = {}
        for name, values in self._resolved.items():
            prepared = _preprocess(values, listings, suffix)
            embedded = self._embed(values, prepared, suffix)
            preprocess.setdefault(prepared.key, prepared)
            embeds.setdefault(prepared.key, {}).setdefault(embedded.key, embedded)
            inputs = {"preprocess": prepared.key, "embed": embedded.key}
            sets[name] = Step("train", f"{name}{suffix}", values.train.model_dump(mode="json"), inputs)
        recipes = tuple(Recipe(step.name, step, tuple(embeds[key].values())) for key, step in preprocess.items())
        return Prepared(recipes, sets)

    def fold(self, ingest: Step, number: int, of: int) -> Fold:
        """One fold of listings: its own listings, and the sets as trained on them."""
        listings = ingest if of == TEST_SPLIT else relabelled(ingest, number, of)
        prepared = self.prepare(listings, _name(number, of))
        return Fold(number, of, listings, prepared.recipes, prepared.sets)

    def _embed(self, values: HyperparameterSet, prepared: Step, suffix: str) -> Step:
        params = values.embed
        inputs, fetch = {"preprocess": prepared.key}, {}
        if params.method == "pretrained":
            inputs["vectors"] = self._vectors[params.path]
            fetch["vectors"] = params.path
        name = f"{params.method} {params.dimensions}{suffix}"
        return Step("embed", name, params.model_dump(mode="json"), inputs, fetch)


def relabelled(ingest: Step, fold: int, folds: int) -> Step:
    """The step that makes other listings of a run's: those of a fold; with two zeros, those of all titles.

    Its parameters are only these two, as the key of the run's listings contains theirs.
    """
    name = _name(fold, folds) if fold else "all titles"
    params = Ingest(folds=folds, fold=fold).model_dump(mode="json")
    return Step("ingest", name, params, {"ingest": ingest.key})


def _name(fold: int, folds: int) -> str:
    return "without the test titles" if folds == TEST_SPLIT else f"fold {fold} of {folds}"


def _preprocess(values: HyperparameterSet, listings: Step, suffix: str) -> Step:
    params = values.preprocess
    ngrams = f", {params.max_ngrams / 1000:g}k n-grams" if params.max_ngrams else ""
    name = f"{params.tokenizer} words{ngrams}{suffix}"
    return Step("preprocess", name, params.model_dump(mode="json"), {"ingest": listings.key})
