"""What a plan will do, told before it does: what is there, what is to compute, how long that will take.

And whether there is anything to do at all: when every result stands and the same models have been measured and judged
before, a nightly run has nothing to find.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from meli_tasks.artifacts import paths
from meli_tasks.artifacts.manifest import find
from meli_tasks.ledger import Decision, Ledger
from meli_tasks.planning.estimate import Estimate
from meli_tasks.planning.plan import Plan, evaluate_step, made_ensemble, measured_models
from meli_tasks.planning.request import Request
from meli_tasks.store import Store
from meli_tasks.wording import count, duration


@dataclass(frozen=True)
class Line:
    """One step: whether it is there, the seconds it took then, or those it will take by past runs."""

    stage: str
    name: str
    key: str
    cached: bool
    seconds: float | None
    estimate: float | None


@dataclass(frozen=True)
class Preview:
    """The steps of a plan, each once. Seconds: `saved_seconds` of what is there, `estimate_seconds` of the rest.

    The estimate is the run's: trainings beside each other, as many as there are slots; None when a step is the first of
    its kind. `nothing_new` is the reason why the run would find nothing, or empty.
    """

    steps: tuple[Line, ...]
    computed: int
    cached: int
    estimate_seconds: float | None
    saved_seconds: float
    nothing_new: str

    def lines(self) -> list[str]:
        """For the log: a line a step, and the sum."""
        told = []
        for line in self.steps:
            state = f"already there ({duration(line.seconds or 0)} saved)" if line.cached else "to compute"
            if line.estimate is not None:
                state += f", about {duration(line.estimate)}"
            told.append(f"{line.stage:<10} {line.name:<40} {state}")
        return [*told, self.summary()]

    def summary(self) -> str:
        """One sentence."""
        saved = f"{self.cached} already there, {duration(self.saved_seconds)} saved" if self.cached else ""
        if not self.computed:
            return f"Nothing to compute: {saved}"
        takes = "" if self.estimate_seconds is None else f", about {duration(self.estimate_seconds)} by past runs"
        return f"{count(self.computed, 'step')} to compute{takes}{'; ' if saved else ''}{saved}"

    def save(self, plan: Plan, store: Store) -> None:
        """Keep it beside the plan, as `preview.json`."""
        store.write(paths.preview(plan.name), json.dumps(asdict(self), ensure_ascii=False).encode())


def preview(plan: Plan, store: Store, slots: int = 1, estimate: Estimate | None = None) -> Preview:
    """Look at what the store holds of a plan. `slots`: trainings at once. `estimate`: where it was made already."""
    steps = list({step.key: step for step in plan.steps()}.values())
    manifests = [None if plan.force else find(store, step.stage, step.key) for step in steps]
    if not all(manifests):
        estimate = estimate or Estimate.of(store)
    lines = tuple(
        Line(
            step.stage,
            step.name,
            step.key,
            manifest is not None,
            manifest.seconds if manifest else None,
            estimate.seconds(step) if estimate and not manifest else None,
        )
        for step, manifest in zip(steps, manifests, strict=True)
    )
    cached = sum(line.cached for line in lines)
    return Preview(
        lines,
        len(lines) - cached,
        cached,
        _estimated(lines, slots),
        sum(line.seconds or 0.0 for line in lines),
        nothing_new(plan, store) if cached == len(lines) else "",
    )


def nothing_new(plan: Plan, store: Store) -> str:
    """Why a run of this plan, all of whose trainings stand, would find nothing new; empty when it might.

    The very models and the champion in force were judged by these limits before. A champion that a person put back
    since counts as judged too: a night does not undo it. (A training's key holds its titles' key.)
    """
    decisions = Ledger(store).decisions()
    champion = decisions[-1].champion if decisions else None
    names = list(plan.sets)
    models, _ = measured_models(plan, names, made_ensemble(plan, names, store), champion)
    limits = Request.model_validate(plan.request).promote().model_dump(mode="json")
    if plan.force:
        return ""
    if limits["mode"] == "never":
        standing = find(store, "evaluate", evaluate_step(plan, models).key)
        return "The same titles, sets and champion were measured before" if standing else ""
    judged = next((d for d in reversed(decisions) if _judged(d, models, limits)), None)
    if judged is None:
        return ""
    said = f"decision {judged.number} of {judged.at:%Y-%m-%d} was: {judged.reason}"
    return f"The same titles, sets and champion as before; {said}"


def _judged(decision: Decision, models: Mapping[str, str], limits: Mapping[str, object]) -> bool:
    """Whether a decision was made on all of these models, under these limits."""
    seen = decision.evidence.get("models")
    known = set(map(str, seen.values())) if isinstance(seen, dict) else set()
    return set(models.values()) <= known and decision.evidence.get("limits") == limits


def _estimated(lines: tuple[Line, ...], slots: int) -> float | None:
    missing = [line for line in lines if not line.cached]
    if not missing or any(line.estimate is None for line in missing):
        return None
    seconds = {line.key: line.estimate or 0.0 for line in missing}
    trainings = [seconds[line.key] for line in missing if line.stage == "train"]
    before = sum(seconds.values()) - sum(trainings)
    return before + max(sum(trainings) / slots, max(trainings, default=0.0))
