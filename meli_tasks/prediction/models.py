"""Which model to predict with: the champion, the model with a given key, or the newest model of a set."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from meli_tasks.core.errors import BadHyperparameters, NotFound

if TYPE_CHECKING:
    from meli_tasks.artifacts.manifest import Manifest, ModelRef
    from meli_tasks.core.models.ensemble import Classifier
    from meli_tasks.prediction.ranking import Ranker
    from meli_tasks.settings import Settings
    from meli_tasks.store import Store

KEY_LENGTH = 32
MIN_PREFIX_LENGTH = 6
"""Minimum number of characters of a key prefix."""


@dataclass(frozen=True)
class Model:
    """A trained model: its name in messages, its manifest, and what the user should know about it, if anything."""

    name: str
    manifest: Manifest
    warning: str = ""


def find_model(store: Store, key: str = "", set_name: str = "") -> Model:
    """Find a model in the store: by key, else the newest of a set, else the champion.

    Args:
        store: where the models are.
        key: a model's key or the beginning of one; KEY@SHA256 names one attempt, also one that was replaced since.
        set_name: a hyperparameter set, or "ensemble".

    Raises:
        NotFound: there is no such model.
        BadHyperparameters: the beginning of the key is too short or matches several models, or there is no such set.
    """
    if key:
        return _by_key(store, key)
    if set_name:
        return _newest_of_set(store, set_name)
    return _champion(store)


def load(settings: Settings, store: Store, model: Model) -> Classifier:
    """Load a model's classifier, after fetching its files into the cache if they are not there yet."""
    folder = _fetched(settings, store, model)
    from meli_tasks.stages.files.model_files import load_model

    return load_model(folder, threads=settings.threads or None)


def load_for_few_titles(settings: Settings, store: Store, model: Model) -> Ranker:
    """The same for a process that classifies a handful of titles and ends: without torch, unless only torch can."""
    folder = _fetched(settings, store, model)
    from meli_tasks.stages.files.numpy_model import load_numpy_model

    if found := load_numpy_model(folder):
        return found
    from meli_tasks.prediction.quick_start import quick_start

    with quick_start():
        from meli_tasks.stages.files.model_files import load_model

        # Starting threads takes longer than predicting a few titles.
        return load_model(folder, threads=1, for_few_titles=True)


def _fetched(settings: Settings, store: Store, model: Model) -> Path:
    from meli_tasks.artifacts.cache import Cache

    return Cache(settings.cache.absolute(), settings.cache_gigabytes).fetch(store, model.manifest)


def _champion(store: Store) -> Model:
    from meli_tasks.champion import champion_model
    from meli_tasks.ledger import Ledger

    ledger = Ledger(store)
    found = champion_model(ledger, ledger.last())
    if found is None:
        raise NotFound(
            f"There is no champion in {store.url} yet. `meli run all` trains and promotes one; "
            f"`--set NAME` or `--model KEY` predict with a model that was not promoted."
        )
    if found.model is None:
        raise NotFound(found.problem)
    return Model(f"champion {found.champion.set_name}", found.model, found.problem)


def _by_key(store: Store, key: str) -> Model:
    from meli_tasks.artifacts import paths
    from meli_tasks.artifacts.manifest import MODEL_STAGES, ModelRef, need_model

    ref = ModelRef.parse(key)
    key = ref.key
    if len(key) < KEY_LENGTH:
        if len(key) < MIN_PREFIX_LENGTH:
            raise BadHyperparameters(
                f"{key!r} is too short for a model's key: give at least {MIN_PREFIX_LENGTH} characters."
            )
        names = (name for stage in MODEL_STAGES for name in store.names(paths.artifact_folder(stage, key)))
        keys = sorted({found for name in names if (found := paths.key_of_manifest(name))})
        if len(keys) > 1:
            raise BadHyperparameters(
                f"The keys of several models begin with {key}: {', '.join(keys)}. Give more characters."
            )
        if not keys:
            raise NotFound(f"No model in {store.url} has a key that begins with {key}. `meli runs` lists the models.")
        key = keys[0]
    if ref.sha256:
        return Model(f"model {key[:8]}@{ref.sha256[:8]}", _attempt(store, ModelRef(key, ref.sha256)))
    return Model(f"model {key[:8]}", need_model(store, key))


def _attempt(store: Store, ref: ModelRef) -> Manifest:
    """The attempt of a model whose digest begins with that of `ref`."""
    from meli_tasks.artifacts.manifest import need_model, replaced_models

    newest = need_model(store, ref.key)
    attempts = {found.model_sha256: found for found in [*reversed(replaced_models(store, ref.key)), newest]}
    matching = [sha256 for sha256 in attempts if sha256.startswith(ref.sha256)]
    if len(matching) == 1:
        return attempts[matching[0]]
    known = ", ".join(f"{ref.key[:8]}@{sha256[:12]}" for sha256 in attempts)
    if matching:
        raise BadHyperparameters(f"Several attempts of the model {ref.key} begin with {ref.sha256}: {known}.")
    raise NotFound(f"The model {ref.key} in {store.url} has no attempt {ref.sha256[:12]}. It has {known}.")


def _newest_of_set(store: Store, set_name: str) -> Model:
    from meli_tasks.artifacts.manifest import find
    from meli_tasks.planning.history import evaluated, newest_plans
    from meli_tasks.sets import catalog as named_sets
    from meli_tasks.sets import stored as stored_sets
    from meli_tasks.stages.summaries import ENSEMBLE

    if set_name == ENSEMBLE:
        for plan in newest_plans(store):
            report = evaluated(store, plan)
            key = report.models.get(ENSEMBLE) if report else None
            if key and (manifest := find(store, ENSEMBLE, key)):
                return Model(f"{ENSEMBLE} {key[:8]}", manifest)
        raise NotFound(f"No run in {store.url} has evaluated an ensemble: `meli run all` with two or more sets does.")
    for plan in newest_plans(store):
        step = plan.sets.get(set_name)
        manifest = find(store, "train", step.key) if step else None
        if manifest:
            return Model(f"{set_name} {manifest.key[:8]}", manifest)
    if stored_sets.read(store, set_name) is None:
        named_sets.load(set_name)  # refuses an unknown name and suggests the nearest one
    raise NotFound(f"No model of the set {set_name} in {store.url}: `meli run train --sets {set_name}` trains one.")
