"""What a plan will do: which results exist, which will be computed, and how long that will take.

It also says if there is nothing to do: if every result exists and the same models were evaluated and decided on before,
a nightly run cannot find anything new.
"""

from __future__ import annotations

from meli_tasks.artifacts import paths, reading
from meli_tasks.artifacts.manifest import ModelRef, find_readable
from meli_tasks.champion import champion_model
from meli_tasks.decision import Decision
from meli_tasks.execution.runner import MODEL, Step
from meli_tasks.index.changes import write_announced
from meli_tasks.ledger import Ledger
from meli_tasks.planning.compared import evaluate_step, evaluated_models, judged_with, reference_steps
from meli_tasks.planning.estimate import Estimate, seconds_with_slots
from meli_tasks.planning.estimate import wording as estimate_wording
from meli_tasks.planning.past_runs import past_runs, shape_of, titles_of
from meli_tasks.planning.plan import Plan, ensemble_step
from meli_tasks.stages.stored import Stored
from meli_tasks.store import Store
from meli_tasks.wording import count, duration


class PreviewStep(Stored):
    """One step of a plan."""

    stage: str
    name: str
    key: str
    cached: bool = False
    seconds: float | None = None
    """Seconds that the step took, if it is cached."""
    estimate: float | None = None
    """Seconds that it will take, judging by past runs; None if it is cached or no similar step has ever run."""


class Preview(Stored):
    """The steps of a plan, each listed a single time."""

    version: int = 2
    steps: tuple[PreviewStep, ...] = ()
    computed: int = 0
    cached: int = 0
    estimate_seconds: float | None = None
    """Seconds of the whole run, from its start to its end; None without an estimate."""
    estimate_runs: int | None = None
    """Past runs of this kind that the estimate is based on; 0 for a guess from other runs. None in older previews."""
    evaluation_seconds: float | None = None
    """Seconds of the reference model and the evaluation, which `steps` do not have; None without an estimate."""
    saved_seconds: float = 0.0
    """Seconds that the cached steps took."""
    folds: int = 0
    """Folds of the cross-validation; 0 for none."""
    nothing_new: str = ""
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
        takes = f", {estimate_wording(self.estimate_seconds, self.estimate_runs)}"
        folds = f", with {count(self.folds, 'fold')}" if self.folds else ""
        return f"{count(self.computed, 'step')} to compute{folds}{takes}{'; ' if saved else ''}{saved}"

    def save(self, plan: Plan, store: Store) -> None:
        """Write the preview beside the plan, as `preview.json`."""
        write_announced(store, plan.name, "preview", self.model_dump_json().encode())

    @classmethod
    def load(cls, store: Store, plan: Plan) -> Preview | None:
        """Read the preview beside a plan; None if there is none.

        Raises:
            BadData: the object is not a preview, or a later version wrote it.
        """
        return reading.read(store, paths.preview(plan.name), cls.model_validate_json)


def preview(
    plan: Plan, store: Store, slots: int = 1, estimate: Estimate | None = None, ledger: Ledger | None = None
) -> Preview:
    """Look up which steps of a plan exist in the store, and estimate the others.

    Args:
        plan: The plan.
        store: The store with its results, and with past runs.
        slots: Number of concurrent training runs.
        estimate: What is known of past runs; by default it is read from the store.
        ledger: The store's ledger, for callers with many plans: it reads each decision a single time.
    """
    slots = slots if plan.in_airflow else 1
    estimate = estimate or past_runs(store, slots)
    steps = list({step.key: step for step in plan.steps()}.values())
    manifests = [None if plan.force else find_readable(store, step.stage, step.key) for step in steps]
    titles = titles_of(plan, store, estimate)
    lines = tuple(
        PreviewStep(
            stage=step.stage,
            name=step.name,
            key=step.key,
            cached=manifest is not None,
            seconds=manifest.seconds if manifest else None,
            estimate=None if manifest else estimate.seconds(step, titles),
        )
        for step, manifest in zip(steps, manifests, strict=True)
    )
    missing = [(line.stage, line.estimate) for line in lines if not line.cached]
    known = "" if missing else nothing_new(plan, store, ledger)
    evaluation = 0.0 if known else _evaluation_seconds(plan, store, estimate, titles)
    steps_take = seconds_with_slots([*missing, ("evaluate", evaluation or 0.0)], slots)
    takes = estimate.run(shape_of(plan, slots), steps_take)
    return Preview(
        steps=lines,
        computed=len(missing),
        cached=len(lines) - len(missing),
        estimate_seconds=takes.seconds if takes else None,
        estimate_runs=takes.runs if takes else None,
        evaluation_seconds=evaluation,
        saved_seconds=sum(line.seconds or 0.0 for line in lines),
        folds=len(plan.folds),
        nothing_new=known,
    )


def _evaluation_seconds(plan: Plan, store: Store, estimate: Estimate, titles: int | None) -> float | None:
    """Estimate the reference model and the evaluation of a plan's models; None if none was ever measured.

    The models are known only after training, but their number is: the sets, their ensemble and the champion.
    """
    number = len(plan.sets) + 1 + (ensemble_step(plan, list(plan.sets)) is not None)
    evaluate = Step("evaluate", "", {}, {f"{MODEL}{place}": "" for place in range(number)})
    absent = [step for step in reference_steps(plan).values() if not find_readable(store, step.stage, step.key)]
    seconds = [estimate.seconds(step, titles) for step in (*absent, evaluate)]
    known = [each for each in seconds if each is not None]
    return sum(known) if known else None


def nothing_new(plan: Plan, store: Store, ledger: Ledger | None = None) -> str:
    """Return why running this plan, all of whose models exist, could not change anything; empty if it could.

    There is nothing new if these models and the current champion were decided on before, by the same versions of the
    stages and under the same limits. A champion that somebody restored since then counts too, so that a nightly run
    does not undo a rollback. (The key of a training run includes the key of its titles.)
    """
    if plan.force:
        return ""
    ledger = ledger or Ledger(store)
    champion = champion_model(ledger, ledger.last())
    if champion and champion.model is None:
        return ""  # the run evaluates without it, and says why
    models, _ = evaluated_models(plan, list(plan.sets), store, champion)
    limits = plan.request.promote()
    if limits.mode == "never":
        manifest = find_readable(store, "evaluate", evaluate_step(plan, models, store, champion).key)
        return "The same titles, sets and champion were evaluated before" if manifest else ""
    refs = set(models.values())
    key = next((ref.key for ref in refs), "")
    rows = (row for row in ledger.rows_backwards() if row.may_mention(key))
    decision = next((row.decision for row in rows if covers(row.decision, refs, plan)), None)
    if decision is None or decision.is_unanswered:
        return ""
    return (
        f"The same titles, sets and champion as before; decision {decision.number} of {decision.at:%Y-%m-%d} was: "
        f"{decision.reason}"
    )


def covers(decision: Decision, models: set[ModelRef], plan: Plan) -> bool:
    """Return whether a decision compared all of these models as this plan would: same stages, parameters and limits."""
    evidence = decision.evidence
    return (
        models <= evidence.refs
        and evidence.limits == plan.request.promote()
        and evidence.judged_with == judged_with(plan)
    )
