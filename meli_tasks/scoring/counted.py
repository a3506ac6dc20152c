"""A model that counts the titles it is given and its predictions, so that a file needs to be read only once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from meli_tasks.core.title_profiler import KnownWords, Predicted, TitleProfiler

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from meli_tasks.core.models.ensemble import Classifier
    from meli_tasks.core.title_profile import TitleProfile


class CountedRanker:
    """A `Ranker`, as `predict_titles` calls one: `known` for the titles of a batch, then `rank` for the known ones."""

    def __init__(self, classifier: Classifier, known: KnownWords, abstain_below: float) -> None:
        self._classifier = classifier
        self._profiler = TitleProfiler(known)
        self._abstain_below = abstain_below
        self._pending: tuple[Sequence[str], list[bool]] | None = None
        self.categories = list(classifier.categories)

    def known(self, titles: Sequence[str]) -> NDArray[np.bool_]:
        """Whether the model knows a word of each title, shape (titles,)."""
        flags = self._classifier.known(titles)
        if flags.any():
            self._pending = (titles, flags.tolist())
        else:
            self._profiler.add(titles, None, Predicted([""] * len(titles), [None] * len(titles)))
        return flags

    def rank(self, titles: Sequence[str], top: int = 5) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Per title the most probable categories' indices and their probabilities, both (titles, top)."""
        indices, probabilities = self._classifier.rank(titles, top)
        assert self._pending is not None, "predict_titles calls known before rank"
        titles_of_batch, flags = self._pending
        self._pending = None
        first = iter(zip(indices[:, 0].tolist(), probabilities[:, 0].astype("float64").round(6).tolist(), strict=True))
        answers = [next(first) if known else (None, None) for known in flags]
        self._profiler.add(
            titles_of_batch,
            None,
            Predicted(
                ["" if index is None else self.categories[index] for index, _ in answers],
                [value for _, value in answers],
                [value is not None and value < self._abstain_below for _, value in answers],
            ),
        )
        return indices, probabilities

    def profile(self) -> TitleProfile:
        """The profile of all titles and predictions so far."""
        return self._profiler.profile()
