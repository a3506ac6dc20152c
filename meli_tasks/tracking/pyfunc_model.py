"""The registered model: raw titles in, ranked categories with probabilities out.

MLflow copies this file into the model and runs it on loading (models from code: no pickle); `mlflow.pyfunc.load_model`
then calls `load_context` with the folder of a model artifact. It runs where this project is not installed, because the
package is stored with the model, as one archive.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from mlflow.pyfunc.model import PythonModel, PythonModelContext

ARCHIVE = Path(__file__).parent / "code" / "meli_tasks.zip"
if ARCHIVE.is_file():  # this is the copy in a model, and not the module of the package
    sys.path.insert(0, str(ARCHIVE))

from meli_tasks.stages.files.digest import digest_of_folder  # noqa: E402
from meli_tasks.stages.files.model_files import load_model  # noqa: E402
from meli_tasks.tracking.scoring_input import titles_of  # noqa: E402

# Bounds the memory of a chunk's probabilities: 4,096 titles x 1,588 categories x 4 bytes = 26 MB.
CHUNK_TITLES = 4_096
DEFAULT_TOP = 5
COLUMNS = ("category", "probability", "categories", "probabilities", "known")


class RegisteredTitleClassifier(PythonModel):
    """A title classifier behind MLflow's interface."""

    def load_context(self, context: PythonModelContext) -> None:
        """Read model.safetensors and model.json from the artifact `model`.

        Raises:
            ValueError: they are not the files that were promoted.
        """
        folder = Path(context.artifacts["model"])
        expected, found = (context.model_config or {}).get("sha256", ""), digest_of_folder(folder)
        if expected and found != expected:  # a version of 0.1.0 does not know its digest
            raise ValueError(
                f"The files in {folder} are not those of the promoted model: their sha256 is "
                f"{found[:12] or 'missing'}, and the version's is {expected[:12]}. Load the model again; if that fails "
                "too, delete the version in MLflow, and `meli doctor` registers the champion again."
            )
        self._classifier = load_model(folder)

    # MLflow reads the annotation of `model_input` as a schema unless it is a DataFrame; a list is passed unchanged.
    def predict(
        self, context: PythonModelContext, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        """Rank the categories of each title.

        Args:
            context: unused; MLflow passes it.
            model_input: titles in any shape of MLflow's scoring protocol, see `titles_of`. A missing title is one
                without a known word.
            params: `top`: how many categories to rank, 5 unless given.

        Returns:
            One row per title, in order: the best `category` and `probability`, all `categories` and `probabilities`,
            ranked, and `known`. It is False for a title of which the model knows no word, not even by its parts: its
            category would be a guess, so `category` is empty, `probability` is None (null in JSON), and both lists are
            empty.

        Raises:
            ValueError: the input has another shape, no column `title`, a title that is a list, an object or a boolean,
                or `top` is below 1.
        """
        titles = titles_of(model_input)
        top = int((params or {}).get("top", DEFAULT_TOP))
        if top < 1:
            raise ValueError(f"top must be at least 1, but is {top}")
        names = self._classifier.categories
        columns: dict[str, list[Any]] = {"categories": [], "probabilities": [], "known": []}
        for start in range(0, len(titles), CHUNK_TITLES):
            chunk = titles[start : start + CHUNK_TITLES]
            known = self._classifier.known(chunk).tolist()
            ranked, probabilities = self._classifier.rank(chunk, top=min(top, len(names)))
            columns["known"] += known
            columns["categories"] += [
                [names[position] for position in positions] if is_known else []
                for positions, is_known in zip(ranked, known, strict=True)
            ]
            # To six digits, as `meli predict` and the service answer.
            rounded = probabilities.astype("float64").round(6).tolist()
            columns["probabilities"] += [row if is_known else [] for row, is_known in zip(rounded, known, strict=True)]
        columns["category"] = [ranked[0] if ranked else "" for ranked in columns["categories"]]
        columns["probability"] = [ranked[0] if ranked else None for ranked in columns["probabilities"]]
        found = pd.DataFrame({name: columns[name] for name in COLUMNS})
        if not all(columns["known"]):
            # As a float, the missing probability would be NaN, which MLflow's server writes into its JSON as it is; no
            # strict parser accepts that.
            found["probability"] = pd.Series(columns["probability"], dtype=object)
        return found


mlflow.models.set_model(RegisteredTitleClassifier())
