"""Artifacts: files under a content key in the store, and the manifest that makes them exist.

A content key is a hash of all that an artifact is made from: the stage and its version, the parameters and the keys
of the inputs. It can be computed before anything has run, so a plan knows what exists already. The manifest is
written last, and only if absent.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import JsonValue

from meli_tasks.artifacts import paths, reading
from meli_tasks.core.errors import NotFound
from meli_tasks.core.hyperparameters import Section
from meli_tasks.stages.summaries import Summary
from meli_tasks.store import Store

S = TypeVar("S", bound=Summary)
P = TypeVar("P", bound=Section)

MODEL_STAGES = ("train", "ensemble")
"""The stages whose artifacts are models. The key identifies a model without the stage, which is hashed into it."""


@dataclass(frozen=True)
class Output:
    """One file of an artifact."""

    sha256: str
    bytes: int


@dataclass(frozen=True)
class Manifest:
    """The description of an artifact; `about` records how it was computed and is not part of the content key."""

    stage: str
    key: str
    params: dict[str, JsonValue]
    inputs: dict[str, str]
    outputs: dict[str, Output]
    summary: dict[str, JsonValue]
    attempt: str
    about: dict[str, JsonValue] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The manifest's name in the store."""
        return paths.manifest(self.stage, self.key)

    @property
    def at(self) -> str:
        """When it was finished, in ISO format; empty if unknown."""
        return str(self.about.get("at", ""))

    @property
    def run_id(self) -> str:
        """The run that computed it; empty if unknown."""
        return str(self.about.get("run_id", ""))

    @property
    def seconds(self) -> float:
        """Seconds that the stage took."""
        seconds = self.about.get("seconds")
        return float(seconds) if isinstance(seconds, int | float) else 0.0

    def read_params(self, section: type[P]) -> P:
        """The parameters as the stage received them; `section` is the stage's section of the hyperparameters."""
        return section.model_validate(self.params)

    def read_summary(self, kind: type[S]) -> S:
        """The summary as the type that the stage returned; `kind` is one of `stages.summaries`."""
        return kind.model_validate(self.summary)

    def file_name(self, file: str) -> str:
        """The name in the store of one of the artifact's files."""
        return paths.artifact_file(self.stage, self.key, self.attempt, file)

    def to_bytes(self) -> bytes:
        """JSON, keys sorted."""
        return canonical_json(asdict(self)).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Manifest:
        """Read what `to_bytes` wrote."""
        fields = json.loads(data)
        fields["outputs"] = {name: Output(**output) for name, output in fields["outputs"].items()}
        return cls(**fields)


def canonical_json(value: Any) -> str:
    """JSON with sorted keys, so that equal values always give the same text."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def content_key(stage: str, version: int, params: Mapping[str, object], inputs: Mapping[str, str]) -> str:
    """32 hexadecimal digits: the identity of what a stage computes from these parameters and inputs."""
    made_from = canonical_json([stage, version, dict(params), dict(inputs)])
    return hashlib.sha256(made_from.encode()).hexdigest()[:32]


def find(store: Store, stage: str, key: str) -> Manifest | None:
    """The manifest at a key, or None if it has not been computed.

    Raises:
        BadData: the object at its name is not a manifest.
    """
    return reading.read(store, paths.manifest(stage, key), Manifest.from_bytes)


def need(store: Store, stage: str, key: str) -> Manifest:
    """The manifest at a key.

    Raises:
        NotFound: it has not been computed.
    """
    manifest = find(store, stage, key)
    if manifest is None:
        raise NotFound(
            f"No {stage} artifact {key} in {store.url}. Run the stage `{stage}` first: clear its task in Airflow, "
            f"or `meli run {stage}`."
        )
    return manifest


def find_model(store: Store, key: str) -> Manifest | None:
    """The manifest of a trained model or an ensemble by its key; None if it has not been computed."""
    return next(filter(None, (find(store, stage, key) for stage in MODEL_STAGES)), None)


def need_model(store: Store, key: str) -> Manifest:
    """The manifest of a trained model or an ensemble by its key.

    Raises:
        NotFound: it has not been computed.
    """
    return find_model(store, key) or need(store, MODEL_STAGES[0], key)


def describe_file(path: Path) -> Output:
    """Hash and size of a local file."""
    with path.open("rb") as file:
        return Output(sha256=hashlib.file_digest(file, "sha256").hexdigest(), bytes=path.stat().st_size)
