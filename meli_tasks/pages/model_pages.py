"""The pages of single models: one model, two or more compared, its confusions, and titles that it classifies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

from meli_tasks.pages.cached_store import CachedStore
from meli_tasks.pages.compared import ComparisonPage
from meli_tasks.pages.comparison import Reader
from meli_tasks.pages.model_page import confused_titles, confusions_page, model_page, suspect_labels
from meli_tasks.pages.models import Note
from meli_tasks.pages.one_model import ConfusedTitles, ConfusionsPage, ModelPage
from meli_tasks.pages.predicting import PredictionsPage, predictions
from meli_tasks.pages.scoring import ScoringEvent, Upload, score
from meli_tasks.prediction.loaded import LoadedModels
from meli_tasks.prediction.models import Model, find_model
from meli_tasks.settings import Settings


class ModelPages(CachedStore):
    """The pages about models that a person has chosen."""

    def comparison(self, models: Sequence[str], baseline: str = "") -> ComparisonPage:
        """Rows of the leaderboard, each compared with one of them.

        Args:
            models: The ids of two to eight of them.
            baseline: The id of the one that the others are compared with; by default the champion, or the first.

        Raises:
            NotFound: no such run, or no such model in it.
        """
        reader = Reader(self._cache, self._decided.read(), self._tests, self._current_figure())
        return reader.compare([self._located(model) for model in models], baseline)

    def model(self, model: str) -> ModelPage:
        """One model of one run.

        Raises:
            NotFound: no such run, or no such model in it.
        """
        found, current = self._located(model), self._current_figure()
        page = model_page(self._cache, found, self._decided.read(), current, self._mlflow_at[2])
        return page.model_copy(update={"row": self._notes.add_to([page.row])[0]})

    def write_note(self, model: str, text: str, *, by: str, seen: int) -> Note:
        """Write or remove a model's note; see `Notes.write`."""
        return self._notes.write(self._located(model).row, text, by=by, seen=seen)

    def confusions(self, model: str, of: str = "") -> ConfusionsPage:
        """The most confused pairs of a model; with a category, the pairs that contain it.

        Raises:
            NotFound: no such model, or it was not evaluated.
        """
        return confusions_page(self._predicted, self._located(model), model, of)

    def confused_titles(self, model: str, category: str, predicted: str, limit: int) -> ConfusedTitles:
        """The titles of a category that a model put into another one.

        Raises:
            NotFound: no such model, or its predictions are no longer in the store.
        """
        return confused_titles(self._cache, self._predicted, self._located(model), (category, predicted), limit)

    def predict(self, titles: Sequence[str], model: str = "", top: int = 5, *, effects: bool = True) -> PredictionsPage:
        """The `top` categories of raw titles, and with `effects` what each word contributes.

        `model` is the id of a model of a run, or a model's key, also KEY@SHA256; empty for the champion.

        Raises:
            NotFound: no such model, or there is no champion, or its files are gone.
        """
        return predictions(self._models, self._model(model), titles, top, effects=effects)

    def score(self, name: str, content: bytes, model: str, top: int) -> Iterator[ScoringEvent]:
        """Classify the titles of a CSV file; see `score` for what is refused, and `predict` for `model`."""
        return score(self._models, Upload(name, content, self._model(model), top))

    def _model(self, name: str) -> Model:
        return find_model(self.store, key=str(self._located(name).ref) if "/" in name else name)

    def suspect_labels(self, model: str) -> bytes:
        """The table of suspect labels of a model's evaluation, as CSV.

        Raises:
            NotFound: no such model, or no such table.
        """
        return suspect_labels(self.store, self._located(model))

    @cached_property
    def _models(self) -> LoadedModels:
        return LoadedModels(Settings.from_environment(), self.store)
