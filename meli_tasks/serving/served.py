"""The model that is to answer, and one that is loaded and can."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meli_tasks.champion import champion_model
from meli_tasks.core.errors import BadHyperparameters, NotFound
from meli_tasks.ledger import Ledger
from meli_tasks.prediction.models import Model, find_model, load
from meli_tasks.prediction.ranking import Ranker, predict_titles
from meli_tasks.settings import Settings
from meli_tasks.stages.summaries import ENSEMBLE
from meli_tasks.store import Store

if TYPE_CHECKING:
    from meli_tasks.artifacts.manifest import ModelRef

_WARM_UP = ("celular", "funda de silicona para celular", "capa de silicone para celular")


@dataclass(frozen=True)
class Wanted:
    """A model in the store.

    `set_name` is empty for one that was chosen by its key, as a key does not say which set it came from. `decision` is
    the number of the ledger's decision that made it the champion, which later decisions to keep it do not change; None
    for a pinned model.
    """

    model: Model
    set_name: str
    decision: int | None

    @property
    def ref(self) -> ModelRef:
        """The exact attempt."""
        return self.model.manifest.ref


@dataclass(frozen=True, eq=False)
class Served:
    """A model in memory. Its classifier is not thread-safe: whoever classifies with it does so in one thread."""

    wanted: Wanted
    classifier: Ranker

    def identity(self) -> dict[str, str | int | None]:
        """How answers name the model."""
        ref = self.wanted.ref
        return {
            "set": self.wanted.set_name,
            "key": ref.key,
            "sha256": ref.sha256,
            "decision": self.wanted.decision,
        }


Find = Callable[[], Wanted]
Load = Callable[[Wanted], Served]


def finder(store: Store, named: str) -> Find:
    """How to find the model: the one that is named, which stays the same, or the champion of the moment.

    Args:
        store: where the models are.
        named: a set, a key or the beginning of one; empty for the champion.

    Raises:
        NotFound: there is no such model.
        BadHyperparameters: the name fits several models.
    """
    if named:
        pinned = _named(store, named)
        return lambda: pinned
    ledger = Ledger(store)
    return lambda: _champion(ledger)


def load_served(settings: Settings, store: Store, wanted: Wanted) -> Served:
    """Load a model and classify a few titles with it, so that the first request does not wait for what is lazy.

    Raises:
        NotFound: its files are not in the store.
        BadData: its files are damaged.
    """
    # One thread: requests of one title gain nothing from more, and the server needs a core too.
    threads = settings.model_copy(update={"threads": settings.threads or 1})
    classifier = load(threads, store, wanted.model)
    predict_titles(classifier, _WARM_UP, [""] * len(_WARM_UP), 1)
    return Served(wanted, classifier)


def _champion(ledger: Ledger) -> Wanted:
    last = ledger.last()
    found = champion_model(ledger, last)
    if found is None or last is None:
        raise NotFound(
            f"There is no champion in {ledger.store.url} yet. `meli run all` trains and promotes one; the service "
            "answers as soon as there is one."
        )
    if found.model is None:
        raise NotFound(found.problem)
    name = found.champion.set_name
    return Wanted(Model(f"champion {name}", found.model, found.problem), name, last.promotion or last.number)


def _named(store: Store, named: str) -> Wanted:
    try:
        model = find_model(store, set_name=named)
        return Wanted(model, named, None)
    except BadHyperparameters as no_set:
        try:
            model = find_model(store, key=named)
        except (BadHyperparameters, NotFound) as no_key:
            raise NotFound(f"{named!r} is neither a set nor a model's key. {no_set} {no_key}") from None
    return Wanted(model, ENSEMBLE if model.manifest.stage == ENSEMBLE else "", None)
