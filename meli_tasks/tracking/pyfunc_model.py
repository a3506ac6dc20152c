"""The registered model: raw titles in, ranked categories with probabilities out.

MLflow copies this file into the model and runs it on loading (models from code: no pickle); `mlflow.pyfunc.load_model`
then calls `load_context` with the folder of a model artifact. It runs where this project is not installed, because the
package is stored with the model.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from mlflow.pyfunc.model import PythonModel, PythonModelContext

from meli_tasks.stages.files.model_files import load_model

# Bounds the memory of a chunk's probabilities: 4,096 titles x 1,588 categories x 4 bytes = 26 MB.
CHUNK_TITLES = 4_096
DEFAULT_TOP = 5


class RegisteredTitleClassifier(PythonModel):
    """A title classifier behind MLflow's interface."""

    def load_context(self, context: PythonModelContext) -> None:
        """Read model.safetensors and model.json from the artifact `model`."""
        self._classifier = load_model(Path(context.artifacts["model"]))

    # MLflow reads the annotation of `model_input` as a schema unless it is a DataFrame; a list is passed unchanged.
    def predict(
        self, context: PythonModelContext, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        """Rank the categories of each title.

        Args:
            context: unused; MLflow passes it.
            model_input: a DataFrame with a column `title`, or a list of titles.
            params: `top`: how many categories to rank, 5 unless given.

        Returns:
            One row per title, in order: the best `category` and `probability`, and all `categories` and
            `probabilities`, ranked.

        Raises:
            ValueError: there is no column `title`, or `top` is below 1.
        """
        titles = _titles(model_input)
        top = int((params or {}).get("top", DEFAULT_TOP))
        if top < 1:
            raise ValueError(f"top must be at least 1, but is {top}")
        names = self._classifier.categories
        rows: dict[str, list[Any]] = {"category": [], "probability": [], "categories": [], "probabilities": []}
        for start in range(0, len(titles), CHUNK_TITLES):
            chunk = titles[start : start + CHUNK_TITLES]
            ranked, probabilities = self._classifier.rank(chunk, top=min(top, len(names)))
            rows["categories"] += [[names[position] for position in positions] for positions in ranked]
            rows["probabilities"] += probabilities.tolist()
        rows["category"] = [categories[0] for categories in rows["categories"]]
        rows["probability"] = [probabilities[0] for probabilities in rows["probabilities"]]
        return pd.DataFrame(rows)


def _titles(model_input: Any) -> list[str]:
    """The titles, a missing one as an empty string."""
    if isinstance(model_input, pd.DataFrame):
        if "title" not in model_input.columns:
            raise ValueError(
                f"a column `title` is required, but the columns are {', '.join(map(str, model_input.columns))}"
            )
        model_input = model_input["title"]
    return ["" if pd.isna(title) else str(title) for title in model_input]


mlflow.models.set_model(RegisteredTitleClassifier())
