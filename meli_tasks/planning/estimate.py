"""How long a step will take, judged by past runs: what it took with the same parameters, or what its kind took."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from statistics import median

from meli_tasks.artifacts.manifest import Manifest, canonical_json, find
from meli_tasks.execution.runner import Step
from meli_tasks.planning.history import READERS, plans
from meli_tasks.store import Store

# Enough to know every set in use; each costs a handful of small reads.
PAST_PLANS = 12


class Estimate:
    """Seconds of past steps, the nearest kind first: same parameters, same stage."""

    def __init__(self, manifests: list[Manifest]) -> None:
        self._seconds: dict[str, list[float]] = {}
        for manifest in manifests:
            for kind in (_same_parameters(manifest.stage, manifest.params), manifest.stage):
                self._seconds.setdefault(kind, []).append(manifest.seconds)

    @classmethod
    def of(cls, store: Store) -> Estimate:
        """From the newest runs in the store."""
        steps = {(step.stage, step.key) for plan in plans(store)[:PAST_PLANS] for step in plan.steps()}
        with ThreadPoolExecutor(READERS) as readers:
            found = readers.map(lambda step: find(store, *step), sorted(steps))
        return cls([manifest for manifest in found if manifest])

    def seconds(self, step: Step) -> float | None:
        """The median of what was seen; None when nothing like it ever ran."""
        for kind in (_same_parameters(step.stage, step.params), step.stage):
            if kind in self._seconds:
                return median(self._seconds[kind])
        return None


def _same_parameters(stage: str, params: dict[str, object]) -> str:
    return f"{stage} {canonical_json(params)}"
