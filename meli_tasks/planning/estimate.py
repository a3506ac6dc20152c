"""Estimates how long a run will take, from the steps and the whole durations of past runs.

A step takes about as long as the newest ones with the same parameters, scaled by titles and epochs. A run takes as long
as its steps, and what past runs like it took besides: the start-up of tasks, the decision, the report. Medians, so that
one slow night changes little.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import median

from meli_tasks.artifacts.manifest import Manifest, canonical_json
from meli_tasks.execution.runner import MODEL, Step
from meli_tasks.wording import count, duration

NEWEST = 5
"""How many of the newest samples count: enough for a median, few enough to follow a change of machine."""
FIXED_SECONDS = 10.0
"""What a step takes with any number of titles, as long as past runs do not tell: it fetches, imports and uploads.

Three times the titles of quick sets took 1.15 times the time on a busy machine, and 2.7 times by a second of this.
"""
SPREAD = 1.3
"""How far apart the amounts of work must be to draw a line through them, instead of a proportion."""
WITHOUT_EPOCHS = frozenset({"epochs"})
# A seed changes neither the work nor its duration.
IGNORED = frozenset({"seed"})


@dataclass(frozen=True)
class PastStep:
    """A step that a past run computed."""

    step: Step
    seconds: float
    titles: int | None = None
    """Titles of the run; None if unknown."""
    conditions: tuple[str, int] = ("", 0)
    """The device and the number of threads."""

    @classmethod
    def of(cls, manifest: Manifest, titles: int | None = None) -> PastStep:
        """Read it from the manifest of its artifact."""
        step = Step(manifest.stage, "", manifest.params, manifest.inputs)
        made_with = manifest.conditions
        return cls(step, manifest.seconds, titles, (made_with.device, made_with.threads))


@dataclass(frozen=True)
class RunShape:
    """What the duration of a run depends on besides its steps."""

    in_airflow: bool
    sets: tuple[str, ...]
    folds: int = 0
    steps: int = 0
    """Steps that follow one another; in Airflow each of them is a task that has to start."""


@dataclass(frozen=True)
class PastRun:
    """A past run that has ended."""

    shape: RunShape
    seconds: float
    """From its start to its end."""
    computed: float
    """Seconds of the steps that it computed, those that ran at the same time counted once."""

    @property
    def besides(self) -> float:
        """Seconds that were spent on something else than steps. Below 0 if more steps ran at once than was assumed."""
        return self.seconds - self.computed


@dataclass(frozen=True)
class RunEstimate:
    """An estimate of a whole run."""

    seconds: float
    runs: int = 0
    """Past runs of this kind that it is based on; 0 for a guess from other runs."""


class Estimate:
    """What is known of past runs; both lists begin with the newest."""

    def __init__(
        self,
        steps: Sequence[PastStep],
        runs: Sequence[PastRun] = (),
        titles_by_source: Mapping[str, int] | None = None,
    ) -> None:
        self.runs = tuple(runs)
        self.titles_by_source = dict(titles_by_source or {})
        self._steps: dict[str, list[PastStep]] = {}
        for past in steps:
            for kind in dict.fromkeys(_kinds(past.step)):
                self._steps.setdefault(kind, []).append(past)

    def seconds(self, step: Step, titles: int | None = None) -> float | None:
        """Estimate a step from past ones with the same parameters, else of the same stage; None without any."""
        for kind in _kinds(step):
            if past := self._steps.get(kind):
                return _seconds(step, titles, past)
        return None

    def run(self, shape: RunShape, computing: float | None) -> RunEstimate | None:
        """Estimate a run whose steps take `computing` seconds; None if that is unknown, or nothing ever ran."""
        if computing is None:
            return None
        same = [run for run in self.runs if _kind_of(run.shape) == _kind_of(shape)][:NEWEST]
        others = [run for run in self.runs if run.shape.in_airflow == shape.in_airflow and run.shape.steps][:NEWEST]
        if same:
            besides = median(run.besides for run in same)
        elif others:
            besides = max(median(run.besides / run.shape.steps for run in others) * shape.steps, 0.0)
        else:
            besides = 0.0
        if not computing and besides <= 0:
            return None
        # Steps that run at once take at least half of what they take one after another, on any machine that was seen.
        return RunEstimate(max(computing + besides, computing / 2), len(same))


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


def wording(seconds: float | None, runs: int | None = None) -> str:
    """Write an estimate, and how sure it is: "about 1 min 10 s by 3 runs of this kind".

    Args:
        seconds: The estimate; None if there is none.
        runs: Past runs of the kind that it is based on; 0 for a guess from other runs; None if unknown.
    """
    if seconds is None:
        return "no estimate yet: no run of this kind so far"
    if runs is None:
        return f"about {duration(seconds)} by past runs"
    if not runs:
        return f"roughly {duration(seconds)}, a guess from other runs: no run of this kind so far"
    return f"about {duration(seconds)} by {count(runs, 'run')} of this kind"


def _kind_of(shape: RunShape) -> tuple[bool, tuple[str, ...], int]:
    return shape.in_airflow, shape.sets, shape.folds


def _kinds(step: Step) -> tuple[str, str, str]:
    """What a step has in common with others, the closest first: parameters, all but the epochs, the stage."""
    if step.stage in ("evaluate", "reference"):
        # Its parameters hold figures of its models, which differ each time: their number is what takes time.
        return step.stage, step.stage, step.stage
    same = {name: value for name, value in step.params.items() if name not in IGNORED}
    alike = {name: value for name, value in same.items() if name not in WITHOUT_EPOCHS}
    return f"{step.stage} {canonical_json(same)}", f"{step.stage} {canonical_json(alike)} but epochs", step.stage


def _models(step: Step) -> int:
    return sum(name.startswith(MODEL) for name in step.inputs)


def _work(params: Mapping[str, object], models: int, titles: int | None) -> float:
    """How much there is to do, in titles: each is read once for each epoch and each model. Without titles, a factor."""
    epochs = params.get("epochs", 1)
    return (titles or 1) * max(float(epochs) if isinstance(epochs, int) else 1.0, 1.0) * max(models, 1)


def _seconds(step: Step, titles: int | None, past: Sequence[PastStep]) -> float:
    """Estimate a step from past ones of a kind: by a line through them, or in proportion to the work."""
    known = [each for each in past if each.conditions == past[0].conditions]
    if titles is None or any(each.titles is None for each in known):
        titles = None
        known = known[:NEWEST]
        samples = [(_work(each.step.params, _models(each.step), None), each.seconds) for each in known]
    else:
        samples = [(_work(each.step.params, _models(each.step), each.titles), each.seconds) for each in known]
    work = _work(step.params, _models(step), titles)
    like = [sample for sample in samples if work / SPREAD <= sample[0] <= work * SPREAD][:NEWEST]
    if like:
        return _in_proportion(work, like)
    least, most = min(amount for amount, _ in samples), max(amount for amount, _ in samples)
    return _on_line(work, samples) if most > SPREAD * least else _in_proportion(work, samples[:NEWEST])


def _in_proportion(work: float, samples: Sequence[tuple[float, float]]) -> float:
    amount, seconds = median(amount for amount, _ in samples), median(seconds for _, seconds in samples)
    fixed = min(FIXED_SECONDS, seconds)
    return fixed + (seconds - fixed) * work / amount


def _on_line(work: float, samples: Sequence[tuple[float, float]]) -> float:
    """Draw the line of H. Theil (1950) and P. Sen (1968): the median slope of all pairs, which outliers do not move."""
    pairs = [(a, b) for a, b in combinations(samples, 2) if max(a[0], b[0]) > SPREAD * min(a[0], b[0])]
    slope = max(median((b[1] - a[1]) / (b[0] - a[0]) for a, b in pairs), 0.0)
    fixed = max(median(seconds - slope * amount for amount, seconds in samples), 0.0)
    return fixed + slope * work
