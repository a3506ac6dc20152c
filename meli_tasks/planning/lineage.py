"""Which listings a model was fitted on, as far as an evaluation has to look at them.

Listings whose splits follow one rule never hold a title in two splits, so most nights need no look. A champion of
another rule, or listings whose source assigns the splits, may hold test titles of this run in another split.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from meli_tasks.artifacts.manifest import Manifest, ModelRef, find, find_record, need, need_model
from meli_tasks.core.errors import BadData, NotFound
from meli_tasks.core.text.folds import fold_rule
from meli_tasks.stages.summaries import IngestSummary
from meli_tasks.store import Store


@dataclass(frozen=True)
class FittedOn:
    """By label: `listings`, the keys of the ingest artifacts to look at, and `unread`, why one cannot be found."""

    listings: dict[str, str] = field(default_factory=dict)
    unread: dict[str, str] = field(default_factory=dict)


def fitted_on(store: Store, ingest_key: str, own: Mapping[str, ModelRef], others: Mapping[str, ModelRef]) -> FittedOn:
    """Find the listings that have to be compared with the test titles of `ingest_key`.

    Args:
        store: where the manifests are.
        ingest_key: key of the run's ingest artifact.
        own: the models of this run, by label: they were fitted on the run's own listings.
        others: models of other runs, by label.
    """
    tonight = find(store, "ingest", ingest_key)
    rule = _rule(tonight) if tonight else ""
    found = _look_at(store, others, rule)
    return found if rule else FittedOn({**dict.fromkeys(own, ingest_key), **found.listings}, found.unread)


def fitted_on_any(store: Store, models: Mapping[str, ModelRef]) -> FittedOn:
    """Find the listings of models, by label, that have to be compared with the titles of every split."""
    return _look_at(store, models, "")


def trained_without(store: Store, model: Manifest, fold: int, folds: int) -> bool:
    """Whether no title of a fold, of any night, can be among those that a model was fitted on."""
    try:
        return _rule(listings_of(store, model)) == fold_rule(fold, folds)
    except (NotFound, BadData):
        return False


def _look_at(store: Store, models: Mapping[str, ModelRef], rule: str) -> FittedOn:
    """The listings of models, apart from those that follow the rule that separates them from the titles."""
    listings: dict[str, str] = {}
    unread: dict[str, str] = {}
    for label, ref in models.items():
        try:
            found = listings_of(store, need_model(store, ref.key, ref.sha256))
        except (NotFound, BadData) as error:
            unread[label] = f"its listings cannot be found. {error}"
            continue
        if rule and _rule(found) == rule:
            continue
        if store.size(file := found.file_name("listings.parquet")) is None:
            unread[label] = f"its listings cannot be found. {file} is not in {store.url}."
        else:
            listings[label] = found.key
    return FittedOn(listings, unread)


def listings_of(store: Store, model: Manifest) -> Manifest:
    """The manifest of the listings that a model was fitted on: an ensemble names them, a trained model's arrays do."""
    key = model.inputs.get("ingest") or _record(store, "preprocess", model.inputs["preprocess"]).inputs["ingest"]
    return _record(store, "ingest", key)


def _record(store: Store, stage: str, key: str) -> Manifest:
    """A manifest, also of a pruned artifact."""
    return find_record(store, stage, key) or need(store, stage, key)


def _rule(ingest: Manifest) -> str:
    return ingest.read_summary(IngestSummary).split_rule
