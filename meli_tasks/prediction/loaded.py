"""Models that are kept in memory between requests: the most recently used ones, loaded when they are first needed."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from meli_tasks.artifacts.manifest import ModelRef
from meli_tasks.prediction.models import Model, load

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from meli_tasks.core.models.ensemble import Classifier
    from meli_tasks.settings import Settings
    from meli_tasks.store import Store

MOST = 2
"""Models in memory: the champion, and one that it is compared with. A promoted model has at most some hundred MB."""


@dataclass
class _Place:
    """Where a model is, or will be once it is loaded; `lock` is held while it is loaded or used."""

    classifier: Classifier | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


class SharedClassifier:
    """A model that is taken for one call at a time, so that whoever classifies a whole file lets others in between."""

    def __init__(self, models: LoadedModels, model: Model) -> None:
        """Load the model; see `LoadedModels.use`."""
        self._models = models
        self._model = model
        with models.use(model) as classifier:
            self.categories = list(classifier.categories)

    def rank(self, titles: Sequence[str], top: int = 5) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Per title the most probable categories' indices and their probabilities, both (titles, top)."""
        with self._models.use(self._model) as classifier:
            return classifier.rank(titles, top)

    def known(self, titles: Sequence[str]) -> NDArray[np.bool_]:
        """Whether the model knows a word of each title, at least by its parts, shape (titles,)."""
        with self._models.use(self._model) as classifier:
            return classifier.known(titles)


class LoadedModels:
    """The models of a store. Safe to use from several threads.

    At most MOST of them are kept, and at most as many loaded or used at a time; who needs another one waits.
    """

    def __init__(self, settings: Settings, store: Store, most: int = MOST) -> None:
        self._settings = settings
        self._store = store
        self._most = most
        self._places: OrderedDict[ModelRef, _Place] = OrderedDict()
        self._lock = threading.Lock()
        # One that no longer has a place stays in memory as long as a request uses it, so their number is limited too.
        self._in_use = threading.BoundedSemaphore(most)

    @contextmanager
    def use(self, model: Model) -> Iterator[Classifier]:
        """A model's classifier, for this thread alone; it is loaded if it is not in memory.

        Raises:
            NotFound: its files are not in the store.
            BadData: its files are damaged.
        """
        place = self._place(model.manifest.ref)
        # A classifier is not thread-safe; others that need it wait, instead of loading it twice.
        with place.lock, self._in_use:
            if place.classifier is None:
                place.classifier = load(self._settings, self._store, model)
            yield place.classifier

    def _place(self, ref: ModelRef) -> _Place:
        with self._lock:
            place = self._places.setdefault(ref, _Place())
            self._places.move_to_end(ref)
            while len(self._places) > self._most:
                self._places.popitem(last=False)
        return place
