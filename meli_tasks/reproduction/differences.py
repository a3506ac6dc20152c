"""What differs between the time when a model was computed and now, as far as it is recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from meli_tasks import sources
from meli_tasks.core.errors import BadData, BadHyperparameters, NotFound
from meli_tasks.execution.about import about_this_process
from meli_tasks.execution.runner import Step
from meli_tasks.planning.parameters import flat
from meli_tasks.reproduction.origin import Made, Origin
from meli_tasks.sets import catalog as named_sets
from meli_tasks.settings import Settings

_SHOWN = 12
"""Characters of an identity that are displayed."""


@dataclass(frozen=True)
class Difference:
    """One thing that was another one then. `fatal` says that the model cannot be computed again."""

    what: str
    then: str
    now: str
    fatal: bool = False


def differences(origin: Origin, settings: Settings) -> list[Difference]:
    """Everything that is recorded and differs, what matters most first."""
    return [
        *_of_sources(origin, settings),
        *_of_stages(origin),
        *_of_process(origin),
        *_of_device(origin),
        *_of_sets(origin, settings),
    ]


def fetched(origin: Origin) -> dict[str, str]:
    """Where the inputs that are no artifacts come from, by their identity at the time of the plan."""
    return {
        step.inputs[name]: spec
        for step in origin.plan.steps()
        for name, spec in step.fetch.items()
        if name in step.inputs
    }


def _of_sources(origin: Origin, settings: Settings) -> list[Difference]:
    """Sources that have changed or vanished since."""
    specs, found = fetched(origin), []
    for name, identity in dict.fromkeys(item for made in origin.made.all() for item in made.external.items()):
        spec = specs.get(identity)
        now = _identity_now(spec, settings) if spec else "its address is not in the plan"
        if now != identity:
            shown = f"{name} {spec}" if spec else name
            is_identity = len(now) == len(identity) and " " not in now
            found.append(Difference(shown, identity[:_SHOWN], now[:_SHOWN] if is_identity else now, fatal=True))
    return found


def _identity_now(spec: str, settings: Settings) -> str:
    try:
        return sources.identify(spec, None, settings).identity
    except (BadData, NotFound) as error:
        return f"not there: {error}"


def _of_stages(origin: Origin) -> list[Difference]:
    """Stages that this version computes in another way: their keys are others."""
    found = {}
    for made in origin.made.all():
        manifest = made.manifest
        now = Step(manifest.stage, "", manifest.params, manifest.inputs).key
        if now != manifest.key:
            found[manifest.stage] = Difference(
                f"stage {manifest.stage}",
                f"key {manifest.key[:8]}",
                f"key {now[:8]}: this version computes it otherwise",
            )
    return list(found.values())


def _of_process(origin: Origin) -> list[Difference]:
    """Versions, commit and machine of the newest artifact; the others are of the same run, or were reused."""
    then, now = origin.model.about, about_this_process()
    versions_then, versions_now = _texts(then.get("versions")), _texts(now.get("versions"))
    pairs = {"commit": ("git", then, now), "Python": ("python", then, now), "machine": ("host", then, now)}
    found = [
        Difference(name, str(before[key]), str(after.get(key) or "not known"))
        for name, (key, before, after) in pairs.items()
        if before.get(key) and before[key] != after.get(key)
    ]
    found += [
        Difference(name, version, versions_now.get(name, "not installed"))
        for name, version in versions_then.items()
        if versions_now.get(name) != version
    ]
    return found


def _of_device(origin: Origin) -> list[Difference]:
    found = []
    for made in _models(origin.made):
        conditions, name = made.manifest.conditions, origin.name(made.manifest)
        if conditions.device not in ("", "cpu"):
            found.append(Difference(f"device of {name}", conditions.device, "the last digits of a GPU do not repeat"))
        if conditions.stopped_by:
            found.append(Difference(f"training run {name}", f"stopped by {conditions.stopped_by}", "runs to its end"))
    return found


def _models(made: Made) -> list[Made]:
    return [each for each in made.all() if each.manifest.stage == "train"]


def _of_sets(origin: Origin, settings: Settings) -> list[Difference]:
    """Sets whose values are others now, so that the command gives another model."""
    found = []
    for name, values in origin.plan.resolved.items():
        if origin.model.stage == "train" and name != origin.label:
            continue
        try:
            now = named_sets.resolve(name, origin.plan.request.overrides, settings)
        except BadHyperparameters as error:
            found.append(Difference(f"set {name}", "in the plan", str(error)))
            continue
        before, after = (flat(each.model_dump(mode="json", include=set(named_sets.SECTIONS))) for each in (values, now))
        found += [
            Difference(f"set {name}: {key}", str(before.get(key)), str(after.get(key)))
            for key in dict.fromkeys([*before, *after])
            if before.get(key) != after.get(key)
        ]
    return found


def _texts(versions: object) -> dict[str, str]:
    return {str(key): str(value) for key, value in versions.items()} if isinstance(versions, Mapping) else {}
