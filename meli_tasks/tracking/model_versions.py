"""From a version of the registered model in MLflow back to the model in the store."""

from __future__ import annotations

from meli_tasks.artifacts.manifest import ModelRef
from meli_tasks.core.errors import BadSettings, NotFound
from meli_tasks.tracking.client import MlflowServer
from meli_tasks.tracking.runs import ARTIFACT_KEY, SHA256


def registered_models(uri: str, model: str) -> list[ModelRef]:
    """The models that the versions of a registered model hold, apart from versions of others; none without a server.

    Raises:
        TrackingUnavailable: the server does not answer.
    """
    if not uri:
        return []
    versions = MlflowServer(uri).all_versions(model)
    return [
        ModelRef(each.tags[ARTIFACT_KEY], each.tags.get(SHA256, "")) for each in versions if ARTIFACT_KEY in each.tags
    ]


def model_of_version(uri: str, model: str, number: str) -> ModelRef:
    """The model that a version holds.

    Args:
        uri: The server.
        model: The name of the registered model.
        number: The version.

    Raises:
        BadSettings: there is no MLflow server.
        NotFound: there is no such version, or this project did not register it.
        TrackingUnavailable: the server does not answer.
    """
    if not uri:
        raise BadSettings(
            f"{number} is a version in MLflow, and MLFLOW_TRACKING_URI is not set. Set it, or name the model by its "
            "key or by the number of the decision that promoted it (--decision)."
        )
    found = MlflowServer(uri).version(model, number)
    if found is None:
        raise NotFound(f"{model} in MLflow has no version {number}.")
    if ARTIFACT_KEY not in found.tags:
        raise NotFound(f"Version {number} of {model} in MLflow does not say which model of the store it holds.")
    return ModelRef(found.tags[ARTIFACT_KEY], found.tags.get(SHA256, ""))
