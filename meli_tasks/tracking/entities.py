"""What MLflow's REST API describes: runs, registered models and their versions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class MlflowRun:
    """A run as MLflow describes it; `started` and `ended` (0 for not yet) in ms since 1970, `metrics` by name."""

    id: str
    experiment: str
    started: int
    active: bool
    artifacts: str
    tags: dict[str, str]
    metrics: frozenset[str] = frozenset()
    status: str = ""
    ended: int = 0

    @classmethod
    def parse(cls, run: Mapping[str, Any]) -> MlflowRun:
        """Parse a run from MLflow's REST API."""
        info = run["info"]
        return cls(
            id=str(info["run_id"]),
            experiment=str(info["experiment_id"]),
            started=int(info.get("start_time", 0)),
            active=info["lifecycle_stage"] == "active",
            artifacts=str(info["artifact_uri"]),
            tags=_tags(run["data"]),
            metrics=frozenset(metric["key"] for metric in run["data"].get("metrics", [])),
            status=str(info.get("status", "")),
            ended=int(info.get("end_time") or 0),
        )


@dataclass(frozen=True)
class ModelVersion:
    """A version of a registered model; `status` is MLflow's: READY, PENDING_REGISTRATION or FAILED_REGISTRATION."""

    number: str
    status: str
    tags: dict[str, str]

    @property
    def ready(self) -> bool:
        """Whether it can be loaded."""
        return self.status == "READY"

    @classmethod
    def parse(cls, version: Mapping[str, Any]) -> ModelVersion:
        """Parse a model version from MLflow's REST API."""
        return cls(str(version["version"]), str(version.get("status", "")), _tags(version))


@dataclass(frozen=True)
class RegisteredModel:
    """A registered model: the version that each alias points at, and the model's own tags."""

    name: str
    aliases: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, model: Mapping[str, Any]) -> RegisteredModel:
        """Parse a registered model from MLflow's REST API."""
        aliases = {each["alias"]: str(each["version"]) for each in model.get("aliases", [])}
        return cls(str(model["name"]), aliases, _tags(model))


def _tags(entity: Mapping[str, Any]) -> dict[str, str]:
    return {tag["key"]: tag.get("value", "") for tag in entity.get("tags", [])}
