"""What a plan will do: which results exist, which will be computed, and how long that will take.

It also says if there is nothing to do: if every result exists and the same models were evaluated and decided on before,
a nightly run cannot find anything new.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from pydantic import JsonValue

from meli_tasks.artifacts import paths
from meli_tasks.artifacts.manifest import find
from meli_tasks.ledger import Decision, Ledger
from meli_tasks.planning.estimate import Estimate, seconds_with_slots
from meli_tasks.planning.plan import Plan, evaluate_step, made_ensemble, measured_models
from meli_tasks.planning.request import Request
from meli_tasks.store import Store
from meli_tasks.wording import count, duration


@dataclass(frozen=True)
class Line:
    """One step of a plan."""

    stage: str
    name: str
    key: str
    cached: bool
    seconds: float | None
    """Seconds that the step took, if it is cached."""
    estimate: float | None
    """Seconds that it will take, judging by past runs; None if it is cached or nothing like it ever ran."""


@dataclass(frozen=True)
class Preview:
    """The steps of a plan, each listed a single time."""

    steps: tuple[Line, ...]
    computed: int
    cached: int
    estimate_seconds: float | None
    """Seconds of the run, with as many trainings at the same time as there are slots; None without an estimate."""
    saved_seconds: float
    """Seconds that the cached steps took."""
    nothing_new: str
    """Why the run would find nothing new; empty if it may."""

    def lines(self) -> list[str]:
        """Return lines for the log: the steps and the summary."""
        lines = []
        for line in self.steps:
            state = f"cached ({duration(line.seconds or 0)} saved)" if line.cached else "to compute"
            if line.estimate is not None:
                state += f", about {duration(line.estimate)}"
            lines.append(f"{line.stage:<10} {line.name:<40} {state}")
        return [*lines, self.summary()]

    def summary(self) -> str:
        """Return the preview in one sentence."""
        saved = f"{count(self.cached, 'step')} cached, {duration(self.saved_seconds)} saved" if self.cached else ""
        if not self.computed:
            return f"Nothing to compute: {saved}"
        takes = "" if self.estimate_seconds is None else f", about {duration(self.estimate_seconds)} by past runs"
        return f"{count(self.computed, 'step')} to compute{takes}{'; ' if saved else ''}{saved}"

    def save(self, plan: Plan, store: Store) -> None:
        """Write the preview beside the plan, as `preview.json`."""
        store.write(paths.preview(plan.name), json.dumps(asdict(self), ensure_ascii=False).encode())


def preview(plan: Plan, store: Store, slots: int = 1, estimate: Estimate | None = None) -> Preview:
    """Compare a plan with the store.

    Args:
        plan: The plan.
        store: The store with its results, and with past runs.
        slots: Number of trainings that run at the same time.
        estimate: The estimate from past runs; by default it is read from the store if a step is to be computed.
    """
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
    missing = [(line.stage, line.estimate) for line in lines if not line.cached]
    return Preview(
        steps=lines,
        computed=len(missing),
        cached=len(lines) - len(missing),
        estimate_seconds=seconds_with_slots(missing, slots) if missing else None,
        saved_seconds=sum(line.seconds or 0.0 for line in lines),
        nothing_new="" if missing else nothing_new(plan, store),
    )


def nothing_new(plan: Plan, store: Store) -> str:
    """Return why a run of this plan, whose trainings all exist, would find nothing new; empty if it may.

    There is nothing new if these models and the current champion were decided on before, under the same limits. A
    champion that somebody restored since then counts too, so that a nightly run does not undo a rollback. (The key of a
    training includes the key of its titles.)
    """
    decisions = Ledger(store).decisions()
    champion = decisions[-1].champion if decisions else None
    names = list(plan.sets)
    models, _ = measured_models(plan, names, made_ensemble(plan, names, store), champion)
    limits = Request.model_validate(plan.request).promote().model_dump(mode="json")
    if plan.force:
        return ""
    if limits["mode"] == "never":
        manifest = find(store, "evaluate", evaluate_step(plan, models).key)
        return "The same titles, sets and champion were evaluated before" if manifest else ""
    decision = next((decision for decision in reversed(decisions) if _covers(decision, models, limits)), None)
    if decision is None:
        return ""
    return (
        f"The same titles, sets and champion as before; decision {decision.number} of {decision.at:%Y-%m-%d} was: "
        f"{decision.reason}"
    )


def _covers(decision: Decision, models: Mapping[str, str], limits: Mapping[str, JsonValue]) -> bool:
    """Return whether a decision compared all of these models under these limits."""
    compared = decision.evidence.get("models")
    keys = set(map(str, compared.values())) if isinstance(compared, dict) else set()
    return set(models.values()) <= keys and decision.evidence.get("limits") == limits
