"""A champion as an MLflow model with a version in the registry: the one place that needs MLflow's own client."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from meli_tasks.core.errors import TrackingUnavailable
from meli_tasks.redaction import redact
from meli_tasks.stages.files.digest import digest_of_folder
from meli_tasks.tracking.client import keep_mlflow_quiet

MODEL = "meli-title-classifier"
DESCRIPTION = (
    "Classifies marketplace listing titles: raw titles in, ranked categories with probabilities out. "
    "The alias `champion` follows the promotion ledger; move it with `meli rollback`, not here."
)
# What loading the model imports besides the package itself, which is stored with the model.
REQUIRED = ("mlflow", "numpy", "pandas", "pydantic", "safetensors", "torch")


def register(folder: Path, *, uri: str, experiment: str, run_id: str | None, tags: Mapping[str, str], note: str) -> str:
    """Log the model in `folder` (model.safetensors, model.json) with its MLflow run; return the new version number.

    Raises:
        TrackingUnavailable: the server did not answer, or refused.
    """
    # MLflow reads these at its first request. Uploads take longer than a projection waits.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "120")
    keep_mlflow_quiet()
    with warnings.catch_warnings():
        # On import MLflow warns about its own type hint; and it warns that there is no example to run the model on.
        for beginning in ("Any type hint is inferred as AnyType", "An input example was not provided"):
            warnings.filterwarnings("ignore", message=f".*{beginning}", category=UserWarning)
        import mlflow.pyfunc
        from mlflow.exceptions import MlflowException

        mlflow.set_tracking_uri(uri)
        try:
            return _register(experiment, run_id, folder, dict(tags), note)
        except (MlflowException, OSError) as error:
            raise TrackingUnavailable(f"The model could not be registered in MLflow: {redact(str(error))}") from None


def _register(experiment: str, run_id: str | None, folder: Path, tags: dict[str, str], note: str) -> str:
    import mlflow
    from mlflow.exceptions import MlflowException
    from mlflow.models import Model

    package = Path(__file__).parents[1]
    # Otherwise the model would belong to MLflow's default experiment, which is read-only on a server with a sign-in.
    mlflow.set_experiment(experiment_id=experiment)
    # Not mlflow.pyfunc.log_model: it needs an active run, and would reopen the finished one.
    logged = Model.log(
        None,
        flavor=mlflow.pyfunc,
        name=MODEL,
        run_id=run_id,
        tags=tags,
        python_model=str(package / "tracking" / "pyfunc_model.py"),
        artifacts={"model": str(folder)},
        code_paths=[str(package)],
        model_config={"sha256": digest_of_folder(folder)},  # checked when it is loaded
        signature=_signature(),
        pip_requirements=pip_requirements(),
    )
    client = mlflow.MlflowClient()
    try:
        client.create_registered_model(MODEL, description=DESCRIPTION)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    created = client.create_model_version(
        MODEL, logged.model_uri, run_id=run_id, tags=tags, description=note, model_id=logged.model_id
    )
    return str(created.version)


def pip_requirements() -> list[str]:
    """The installed versions, without a local part such as +cpu."""
    return [f"{name}=={version(name).partition('+')[0]}" for name in REQUIRED]


def _signature() -> Any:
    """The outputs and the parameter `top`. A schema of the inputs would refuse either a list or a wider DataFrame."""
    from mlflow.models import ModelSignature
    from mlflow.types.schema import Array, ColSpec, DataType, ParamSchema, ParamSpec, Schema, TensorSpec

    outputs: list[ColSpec | TensorSpec] = [
        ColSpec("string", "category"),
        ColSpec("double", "probability"),
        ColSpec(Array(DataType.string), "categories"),
        ColSpec(Array(DataType.double), "probabilities"),
    ]
    return ModelSignature(outputs=Schema(outputs), params=ParamSchema([ParamSpec("top", "long", 5)]))
