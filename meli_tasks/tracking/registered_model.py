"""A champion as an MLflow model with a version in the registry: the one place that needs MLflow's own client."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from meli_tasks.core.errors import TrackingUnavailable
from meli_tasks.proxies import bypass_for_this_machine
from meli_tasks.redaction import redact
from meli_tasks.stages.files.digest import digest_of_folder
from meli_tasks.tracking.client import keep_mlflow_quiet
from meli_tasks.tracking.package_archive import archive_package
from meli_tasks.tracking.registered_files import FILES_SHA256, files_of

logger = logging.getLogger("meli_tasks")

DESCRIPTION = (
    "Classifies marketplace listing titles: raw titles in, ranked categories with probabilities out. "
    "The alias `champion` follows the promotion ledger; move it with `meli rollback`, not here."
)
EXAMPLE = ["Funda Silicona Iphone 11", "Zapatillas Running 42"]
MAX_DESCRIPTION = 5_000  # characters, MLflow's limit
REFUSED_METRICS = ("BAD_REQUEST", "INTERNAL_ERROR", "INVALID_PARAMETER_VALUE")
# What loading the model imports besides the package itself, which is stored with the model.
REQUIRED = ("mlflow", "numpy", "pandas", "pydantic", "safetensors", "torch")


@dataclass(frozen=True)
class NewVersion:
    """What a version is registered with: its registered model, MLflow run, experiment, tags and description."""

    model: str
    experiment: str
    run_id: str | None
    tags: Mapping[str, str]
    description: str
    record: Callable[[Mapping[str, str]], str]
    """Writes down the SHA-256 of each file of the version, code included, and returns the digest of all."""


def register(folder: Path, new: NewVersion, *, uri: str) -> str:
    """Log the model in `folder` (model.safetensors, model.json) with its MLflow run; return the new version number.

    The registered model must be there. The version's files are written down before there is the version.

    Raises:
        TrackingUnavailable: the server did not answer, or refused.
    """
    # MLflow reads these at its first request. Uploads take longer than a projection waits.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "120")
    keep_mlflow_quiet()
    bypass_for_this_machine()
    with warnings.catch_warnings():
        # On import MLflow warns about its own type hint.
        warnings.filterwarnings("ignore", message=".*Any type hint is inferred as AnyType", category=UserWarning)
        import mlflow.pyfunc

        mlflow.set_tracking_uri(uri)
        try:
            return _register(folder, new)
        except Exception as error:  # noqa: BLE001 MLflow's client raises whatever the client of its storage raises
            raise TrackingUnavailable(f"The model could not be registered in MLflow: {redact(str(error))}") from None


def _register(folder: Path, new: NewVersion) -> str:
    import mlflow
    from mlflow.exceptions import MlflowException

    # Otherwise the model would belong to MLflow's default experiment, which is read-only on a server with a sign-in.
    mlflow.set_experiment(experiment_id=new.experiment)
    try:
        logged, files = _log(folder, new, new.run_id)
    except MlflowException as error:
        if new.run_id is None or error.error_code not in REFUSED_METRICS:
            raise
        # MLflow copies the run's metrics to the model, and refuses two values of one metric with the same time and
        # step, which an MLflow run of an earlier version, or one that somebody logged to, may have.
        logger.warning(
            "MLflow run %s holds metrics that MLflow cannot copy to a model, so the version is registered without "
            "them: %s", new.run_id, redact(str(error).partition("\n")[0][:300]),
        )  # fmt: skip
        logged, files = _log(folder, new, None)
    created = mlflow.MlflowClient().create_model_version(
        new.model,
        logged.model_uri,
        run_id=new.run_id,
        tags={**new.tags, FILES_SHA256: new.record(files)},
        description=new.description[:MAX_DESCRIPTION],
        model_id=logged.model_id,
    )
    return str(created.version)


def _log(folder: Path, new: NewVersion, run_id: str | None) -> tuple[Any, dict[str, str]]:
    """Upload a model; return what MLflow says of it, and the SHA-256 of each file."""
    from mlflow.models import Model

    flavor = _PyfuncWithExample()
    with TemporaryDirectory(prefix="meli-package-") as work:
        # Not mlflow.pyfunc.log_model: it needs an active run, and would reopen the finished one.
        logged = Model.log(
            None,
            flavor=flavor,
            name=new.model,
            run_id=run_id,
            tags=dict(new.tags),
            python_model=str(Path(__file__).with_name("pyfunc_model.py")),
            artifacts={"model": str(folder)},
            code_paths=[str(archive_package(Path(work)))],
            model_config={"sha256": digest_of_folder(folder)},  # checked when it is loaded
            signature=_signature(),
            input_example=EXAMPLE,
            validate_serving_input=False,
            pip_requirements=pip_requirements(),
        )
    return logged, flavor.files


class _PyfuncWithExample:
    """MLflow's pyfunc with an example of its input, on which the model is not run. It remembers the saved files.

    Given an example, MLflow loads the model from its temporary folder and runs it, in a process that has the project's
    own modules imported already; `champion.check_answers` has done so before.
    """

    __name__ = "_PyfuncWithExample"  # MLflow's name for the flavor

    def __init__(self) -> None:
        self.files: dict[str, str] = {}

    def save_model(self, *, path: str, validate_serving_input: bool, **given: Any) -> None:
        """Save the model as MLflow uploads it next; `validate_serving_input` is for MLflow's own look at it."""
        import mlflow.pyfunc

        with _requirements_not_compared():
            mlflow.pyfunc.save_model(path=path, **given)
        self.files = {name: sha256 for name, sha256 in files_of(Path(path)).items() if "__pycache__" not in name}


@contextmanager
def _requirements_not_compared() -> Iterator[None]:
    """Keep MLflow from comparing the required versions with the installed ones: they are the installed ones.

    It reads the lists of files of all installed packages for it, which takes 0.8 CPU-seconds. There is no option.
    """
    from mlflow.utils import environment

    name = "warn_dependency_requirement_mismatches"
    compare = getattr(environment, name, None)
    if compare is None:  # another version of MLflow, which may compare
        yield
        return
    setattr(environment, name, lambda requirements: None)
    try:
        yield
    finally:
        setattr(environment, name, compare)


def pip_requirements() -> list[str]:
    """The installed versions, without a local part such as +cpu."""
    return [f"{name}=={version(name).partition('+')[0]}" for name in REQUIRED]


def _signature() -> Any:
    """The outputs and the parameter `top`.

    There is an example of the inputs, but no schema. With a named column MLflow takes {"title": [two titles]} for one
    row that holds a list, and hands over an empty table for a list of titles; without a name it takes the first column
    of a wider table. `titles_of` accepts every shape and refuses the rest.
    """
    from mlflow.models import ModelSignature
    from mlflow.types.schema import Array, ColSpec, DataType, ParamSchema, ParamSpec, Schema, TensorSpec

    outputs: list[ColSpec | TensorSpec] = [
        ColSpec("string", "category"),
        ColSpec("double", "probability"),
        ColSpec(Array(DataType.string), "categories"),
        ColSpec(Array(DataType.double), "probabilities"),
        ColSpec("boolean", "known"),
    ]
    return ModelSignature(outputs=Schema(outputs), params=ParamSchema([ParamSpec("top", "long", 5)]))
