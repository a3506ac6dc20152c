"""Categories for titles that a person types, with what each word contributes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pydantic import Field

from meli_tasks.core.errors import BadSettings
from meli_tasks.pages.models import PageModel
from meli_tasks.prediction.explain import Explanation, explain
from meli_tasks.prediction.loaded import LoadedModels
from meli_tasks.prediction.models import Model


class PredictionsPage(PageModel):
    """The most probable categories of some titles."""

    model: str = Field(description="the model's name in messages")
    train: str
    sha256: str
    warning: str = Field(description="what one should know about the model; empty if nothing")
    titles: list[Explanation]


@contextmanager
def able_to_load() -> Iterator[None]:
    """Turn the error of an environment without torch into a sentence.

    Raises:
        BadSettings: this process cannot load models.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise BadSettings(
            f"Airflow's API server cannot load models, because its environment has no {error.name}: install the "
            "packages of the workers there too. The command `meli` works wherever they are installed."
        ) from error


def predictions(
    models: LoadedModels, model: Model, titles: Sequence[str], top: int, *, effects: bool
) -> PredictionsPage:
    """Predict and explain titles; see `explain`.

    Raises:
        NotFound: the model's files are not in the store.
        BadSettings: this process cannot load models.
    """
    with able_to_load(), models.use(model) as classifier:
        found = explain(classifier, titles, top, effects=effects)
    ref = model.manifest.ref
    return PredictionsPage(model=model.name, train=ref.key, sha256=ref.sha256, warning=model.warning, titles=found)
