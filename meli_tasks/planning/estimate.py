"""Estimates how long steps will take from past runs: from steps with the same parameters, or of the same stage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median

from meli_tasks.artifacts import paths
from meli_tasks.artifacts.manifest import Manifest, canonical_json
from meli_tasks.artifacts.reading import LenientReader, read
from meli_tasks.execution.runner import Step
from meli_tasks.planning.history import plans
from meli_tasks.store import Store

# Enough to cover every set in use; each plan costs a handful of small reads.
PAST_PLANS = 12


class Estimate:
    """The seconds of past steps, by stage and parameters and by stage alone."""

    def __init__(self, manifests: Sequence[Manifest]) -> None:
        self._seconds: dict[str, list[float]] = {}
        for manifest in manifests:
            for kind in (_parameters_id(manifest.stage, manifest.params), manifest.stage):
                self._seconds.setdefault(kind, []).append(manifest.seconds)

    @classmethod
    def of(cls, store: Store) -> Estimate:
        """Read the newest runs in the store."""
        reader = LenientReader(store)
        newest = plans(store, reader)[:PAST_PLANS]
        names = sorted({paths.manifest(step.stage, step.key) for plan in newest for step in plan.steps()})
        manifests = reader.read_all(names, lambda name: read(store, name, Manifest.from_bytes))
        reader.warn()
        return cls([manifest for manifest in manifests if manifest])

    def seconds(self, step: Step) -> float | None:
        """Return the median of past steps with the same parameters, else of the same stage; None without any."""
        for kind in (_parameters_id(step.stage, step.params), step.stage):
            if kind in self._seconds:
                return median(self._seconds[kind])
        return None


def seconds_with_slots(steps: Sequence[tuple[str, float | None]], slots: int) -> float | None:
    """Estimate the seconds of steps, given as stage and seconds, of which `slots` training runs run concurrently.

    The steps before training run one after another. The training runs take as long as an even split over the slots,
    and at least as long as the longest of them. The result is None if any step has no estimate.
    """
    if any(seconds is None for _, seconds in steps):
        return None
    training = [seconds or 0.0 for stage, seconds in steps if stage == "train"]
    others = sum(seconds or 0.0 for stage, seconds in steps if stage != "train")
    return others + max(sum(training) / slots, max(training, default=0.0))


def _parameters_id(stage: str, params: Mapping[str, object]) -> str:
    return f"{stage} {canonical_json(params)}"
