"""Which model a command means: the champion, a training's key, or the newest training of a set."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from meli_tasks.core.errors import BadHyperparameters, NotFound

if TYPE_CHECKING:
    from meli_tasks.artifacts.manifest import Manifest
    from meli_tasks.core.models.ensemble import Classifier
    from meli_tasks.settings import Settings
    from meli_tasks.store import Store

KEY_LENGTH = 32
SHORTEST_KEY = 6


@dataclass(frozen=True)
class Model:
    """A trained model: what to call it, and its manifest."""

    name: str
    manifest: Manifest


def find_model(store: Store, key: str = "", set_name: str = "") -> Model:
    """The model that was asked for; with neither key nor set, the champion.

    Raises:
        NotFound: there is none.
        BadHyperparameters: the beginning of a key fits several.
    """
    if key:
        return _by_key(store, key)
    if set_name:
        return _newest_of_set(store, set_name)
    return _champion(store)


def load(settings: Settings, store: Store, model: Model) -> Classifier:
    """The classifier, its files fetched into the cache if they are not there yet."""
    from meli_tasks.artifacts.cache import Cache

    folder: Path = Cache(settings.cache.absolute(), settings.cache_gigabytes).fetch(store, model.manifest)
    from meli_tasks.stages.files.model_files import load_model

    return load_model(folder, threads=settings.threads or None)


def _champion(store: Store) -> Model:
    from meli_tasks.artifacts.manifest import need_model
    from meli_tasks.ledger import Ledger

    champion = Ledger(store).champion()
    if champion is None:
        raise NotFound(
            f"There is no champion in {store.url} yet. `meli run all` trains and promotes one; "
            f"`--set NAME` or `--model KEY` predict with a model that was not promoted."
        )
    return Model(f"champion {champion.set_name}", need_model(store, champion.train))


def _by_key(store: Store, key: str) -> Model:
    from meli_tasks.artifacts import paths
    from meli_tasks.artifacts.manifest import MODEL_STAGES, need_model

    if len(key) < KEY_LENGTH:
        if len(key) < SHORTEST_KEY:
            raise BadHyperparameters(f"{key!r} is too short for a model's key: give {SHORTEST_KEY} characters or more.")
        names = (name for stage in MODEL_STAGES for name in store.names(paths.artifact_folder(stage, key)))
        keys = sorted({found for name in names if (found := paths.key_of_manifest(name))})
        if len(keys) > 1:
            raise BadHyperparameters(f"Several models' keys begin with {key}: {', '.join(keys)}. Give more of it.")
        if not keys:
            raise NotFound(f"No model's key begins with {key} in {store.url}. `meli runs` lists the models.")
        key = keys[0]
    return Model(f"model {key[:8]}", need_model(store, key))


def _newest_of_set(store: Store, set_name: str) -> Model:
    from meli_tasks.artifacts.manifest import find
    from meli_tasks.planning.history import evaluated, plans
    from meli_tasks.planning.plan import ENSEMBLE
    from meli_tasks.sets import catalog as named_sets
    from meli_tasks.sets import stored as stored_sets

    if set_name == ENSEMBLE:
        for plan in plans(store):
            key = (evaluated(store, plan) or {"models": {}})["models"].get(ENSEMBLE)
            if key and (manifest := find(store, ENSEMBLE, key)):
                return Model(f"{ENSEMBLE} {key[:8]}", manifest)
        raise NotFound(f"No run in {store.url} has measured an ensemble: `meli run all` with two sets or more does.")
    for plan in plans(store):
        step = plan.sets.get(set_name)
        manifest = find(store, "train", step.key) if step else None
        if manifest:
            return Model(f"{set_name} {manifest.key[:8]}", manifest)
    if stored_sets.read(store, set_name) is None:
        named_sets.load(set_name)  # an unknown name is told with the nearest one
    raise NotFound(f"No training of the set {set_name} in {store.url}: `meli run train --sets {set_name}` makes one.")
