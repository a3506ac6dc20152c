"""Artifacts: files under a content key in the store, and the manifest that makes them exist.

A content key is a hash of all that an artifact is made from: the stage and its version, the parameters and the keys
of the inputs. It can be computed before anything has run, so a plan knows what exists already. The manifest is
written last, and only if absent.

`force` computes a key again, and what it gives may differ: on another device, with another version of torch, when a
training run was stopped early. Each result is an attempt. The manifest at the key is that of the newest one; a replaced
one moves to its attempt's folder, so that a model that was promoted stays readable under its digest.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

from pydantic import JsonValue, ValidationError

from meli_tasks.artifacts import paths, reading
from meli_tasks.core.errors import BadData, NotFound, Rejected
from meli_tasks.core.section import Section
from meli_tasks.stages import STAGES
from meli_tasks.stages.files.digest import model_digest
from meli_tasks.stages.summaries import Conditions, Summary
from meli_tasks.stages.timings import Timings
from meli_tasks.store import Store, checked_name

logger = logging.getLogger("meli_tasks")

S = TypeVar("S", bound=Summary)
P = TypeVar("P", bound=Section)
_STAGE = re.compile(r"[a-z][a-z_]*")
_KEY = re.compile(r"[0-9a-f]{32}")
KEY_LENGTH = 32

MODEL_STAGES = ("train", "ensemble")
"""The stages whose artifacts are models. The key identifies a model without the stage, which is hashed into it."""


@dataclass(frozen=True)
class ModelRef:
    """One attempt of a model: its content key, and the digest of its files (`Manifest.model_sha256`).

    Without a digest, as in what 0.1.0 wrote, it is whatever attempt the key has now.
    """

    key: str
    sha256: str = ""

    def __str__(self) -> str:
        """KEY@SHA256, as among the inputs of evaluate."""
        return f"{self.key}@{self.sha256}" if self.sha256 else self.key

    @classmethod
    def parse(cls, text: str) -> ModelRef:
        """Read what `str` wrote."""
        key, _, sha256 = text.partition("@")
        return cls(key, sha256)

    def is_same(self, other: ModelRef) -> bool:
        """Whether both may be the same attempt: a missing digest, of 0.1.0, matches any."""
        return self.key == other.key and (not self.sha256 or not other.sha256 or self.sha256 == other.sha256)


@dataclass(frozen=True)
class Output:
    """One file of an artifact."""

    sha256: str
    bytes: int


@dataclass(frozen=True)
class Manifest:
    """The description of an artifact. The fields after `attempt` are not part of the content key.

    `about` records how it was computed, `conditions` what of that may change the result, `input_attempts` which attempt
    of each input it was made from. What 0.1.0 wrote has only the first. `timings` has how long parts of it took.
    `assembled` names the outputs that are not stored, as they consist of parts of inputs (`artifacts.assembled`).
    `used` is when a run last reused it, to the day, and `pruned` when its files were deleted to save space, in ISO
    format.
    """

    stage: str
    key: str
    params: dict[str, JsonValue]
    inputs: dict[str, str]
    outputs: dict[str, Output]
    summary: dict[str, JsonValue]
    attempt: str
    about: dict[str, JsonValue] = field(default_factory=dict)
    conditions: Conditions = field(default_factory=Conditions)
    input_attempts: dict[str, str] = field(default_factory=dict)
    timings: Timings = field(default_factory=Timings)
    assembled: list[str] = field(default_factory=list)
    used: str = ""
    pruned: str = ""

    @property
    def model_sha256(self) -> str:
        """The digest of the model's files, which tells this attempt from others; empty if it is not a model."""
        return model_digest({name: output.sha256 for name, output in self.outputs.items()})

    @property
    def ref(self) -> ModelRef:
        """This attempt of a model."""
        return ModelRef(self.key, self.model_sha256)

    @property
    def own_name(self) -> str:
        """Its name in the store after another attempt has replaced it at the key."""
        return paths.replaced_manifest(self.stage, self.key, self.attempt)

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
        """The summary as the type that the stage returned; `kind` is one of `stages.summaries`.

        Raises:
            BadData: it is not such a summary.
        """
        try:
            return kind.model_validate(self.summary)
        except ValidationError as error:
            raise BadData(f"The summary in {self.name} cannot be read: {reading.reason_of(error)}") from error

    def file_name(self, file: str) -> str:
        """The name in the store of one of the artifact's files."""
        return paths.artifact_file(self.stage, self.key, self.attempt, file)

    def to_bytes(self) -> bytes:
        """JSON, keys sorted."""
        fields = {**asdict(self), "conditions": self.conditions.model_dump(mode="json", exclude_defaults=True)}
        fields["timings"] = self.timings.model_dump(mode="json", exclude_defaults=True)
        unset = {"timings", "assembled", "used", "pruned"} - {name for name, value in fields.items() if value}
        return canonical_json({name: value for name, value in fields.items() if name not in unset}).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Manifest:
        """Read what `to_bytes` wrote."""
        fields = json.loads(data)
        fields["outputs"] = {
            name: Output(sha256=output["sha256"], bytes=output["bytes"]) for name, output in fields["outputs"].items()
        }
        fields["conditions"] = Conditions.model_validate(fields.get("conditions", {}))
        fields["timings"] = Timings.model_validate(fields.get("timings", {}))
        manifest = cls(**{name: value for name, value in fields.items() if name in cls.__dataclass_fields__})
        manifest._check()
        return manifest

    def _check(self) -> None:
        """Raise ValueError for names that are not parts of a path, or a key that is not the hash of what it claims."""
        if not _STAGE.fullmatch(self.stage) or "/" in self.key or "/" in self.attempt:
            raise ValueError(f"{self.stage[:40]!r}, {self.key[:40]!r} or {self.attempt[:40]!r} is not part of a name")
        try:
            for file in self.outputs:
                checked_name(self.file_name(file))
        except Rejected as error:
            raise ValueError(str(error)) from None
        if self.stage not in STAGES or not _KEY.fullmatch(self.key):
            return
        if self.key not in possible_keys(self.stage, self.params, self.inputs):
            raise ValueError("its parameters and inputs do not match its key")


def canonical_json(value: Any) -> str:
    """JSON with sorted keys, so that equal values always give the same text."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def content_key(stage: str, version: int, params: Mapping[str, object], inputs: Mapping[str, str]) -> str:
    """32 hexadecimal digits: the identity of what a stage computes from these parameters and inputs."""
    made_from = canonical_json([stage, version, dict(params), dict(inputs)])
    return hashlib.sha256(made_from.encode()).hexdigest()[:KEY_LENGTH]


def possible_keys(stage: str, params: Mapping[str, object], inputs: Mapping[str, str]) -> set[str]:
    """The keys that this and earlier versions of a stage give to parameters and inputs; of an unknown stage, none."""
    spec = STAGES.get(stage)
    if spec is None:
        return set()
    forms = [spec.params.key_values(params), params]
    return {content_key(stage, at, form, inputs) for form in forms for at in range(spec.version, 0, -1)}


def find(store: Store, stage: str, key: str) -> Manifest | None:
    """The manifest at a key, or None if it has not been computed, or if its files were pruned.

    Raises:
        BadData: the object at its name is not a manifest, or not that of this key.
    """
    found = find_record(store, stage, key)
    return None if found and found.pruned else found


def find_record(store: Store, stage: str, key: str) -> Manifest | None:
    """The manifest at a key, also of an artifact whose files were pruned; raises like `find`."""
    name = paths.manifest(stage, key)
    found = reading.read(store, name, Manifest.from_bytes)
    if found and found.name != name:
        raise reading.not_readable(store, name, f"it is the manifest of {found.stage}/{found.key}")
    return found


def find_readable(store: Store, stage: str, key: str) -> Manifest | None:
    """Like `find`, for callers that can compute the step: a damaged manifest counts as missing, with a warning."""
    try:
        return find(store, stage, key)
    except reading.NotReadable as error:
        if not error.is_damage:
            raise
        logger.warning("%s Running the step computes it again.", error)
        return None


def need(store: Store, stage: str, key: str) -> Manifest:
    """The manifest at a key.

    Raises:
        NotFound: it has not been computed, or it was pruned.
    """
    manifest = find_record(store, stage, key)
    if manifest is None or manifest.pruned:
        raise _not_there(store, stage, key, manifest)
    return manifest


def _not_there(store: Store, stage: str, key: str, pruned: Manifest | None) -> NotFound:
    run = f"Run the stage `{stage}` first: clear its task in Airflow, or `meli run {stage}`."
    where = f"{stage} artifact {key} in {store.url}"
    return NotFound(f"The {where} {was_pruned(pruned)}. {run}" if pruned else f"No {where}. {run}")


def was_pruned(manifest: Manifest) -> str:
    """Say when the files of an artifact were deleted."""
    return f"was pruned on {manifest.pruned[:10]}: its files were deleted to save space"


def find_model(store: Store, key: str, sha256: str = "") -> Manifest | None:
    """The manifest of a trained model or an ensemble by its key, and by its digest if one is given.

    Returns:
        The attempt with that digest, also if another one has replaced it at the key; without a digest, the newest
        attempt. None if it is not there.
    """
    newest = next(filter(None, (find(store, stage, key) for stage in MODEL_STAGES)), None)
    if not sha256 or (newest and newest.model_sha256 == sha256):
        return newest
    return next((found for found in replaced_models(store, key) if found.model_sha256 == sha256), None)


def need_model(store: Store, key: str, sha256: str = "") -> Manifest:
    """The manifest of a trained model or an ensemble by its key, and by its digest if one is given.

    Raises:
        NotFound: it has not been computed, or this attempt of it is no longer in the store.
    """
    if found := find_model(store, key, sha256):
        return found
    newest = next(filter(None, (find_record(store, stage, key) for stage in MODEL_STAGES)), None)
    if newest is None or newest.pruned:
        raise _not_there(store, newest.stage if newest else MODEL_STAGES[0], key, newest)
    raise NotFound(
        f"The model {key} in {store.url} was computed again, and the attempt with sha256 {sha256[:12]} is no longer "
        f"there; the key now has {newest.model_sha256[:12]}, of {newest.at[:16] or 'an unknown time'}. Restore the "
        f"store's {newest.stage}/{key}/ from a backup, or choose another model: `meli rollback`."
    )


def replaced_models(store: Store, key: str) -> list[Manifest]:
    """The attempts of a model that others have replaced at its key, the newest first."""
    reader = reading.LenientReader(store)
    names = [name for stage in MODEL_STAGES for name in store.names(paths.artifact_folder(stage, f"{key}/"))]
    read = {name: reader.read(name, Manifest.from_bytes) for name in names if paths.is_replaced_manifest(name)}
    reader.warn()
    found = [made for name, made in read.items() if made and made.own_name == name and not made.pruned]
    return sorted(found, key=lambda manifest: manifest.at, reverse=True)
