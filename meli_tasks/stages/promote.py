"""promote: decide whether a challenger replaces the champion. Pure: it only reads what evaluate wrote.

In: `evaluate` (scores.json, predictions.parquet). Out: decision.json, with the evidence for every gate. The registry
writes the decision into the ledger.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from meli_tasks.core import metrics
from meli_tasks.core.errors import BadData
from meli_tasks.core.hyperparameters import Promote, Promotion
from meli_tasks.stages.evaluation import Candidate, Evaluation, PromotionDecision, Scores, TestSet
from meli_tasks.stages.figures import GoldenTitles
from meli_tasks.stages.golden_gate import NAME as GOLDEN_GATE
from meli_tasks.stages.golden_gate import failure_text, golden_gates, golden_notes
from meli_tasks.stages.hooks import Hooks, Inputs
from meli_tasks.stages.summaries import Gate, PromoteSummary, Verdict

BOOTSTRAP_SAMPLES = 4_000
BOOTSTRAP_SEED = 1
WHAT_TO_DO = (
    "The comparison is possible again when the source brings enough new titles, or when its splits are as they were "
    "when that model was trained."
)


@dataclass(frozen=True)
class TestResults:
    """The evaluations by label. `labels` (n,) are the true categories, as positions in `categories`; `correct[label]`
    (n,) says which titles that model classified correctly. `test` says which titles these are, `golden` which golden
    titles the models were checked with.
    """

    test: TestSet
    evaluations: dict[str, Evaluation]
    labels: NDArray[np.int64]
    categories: list[str]
    correct: dict[str, NDArray[np.bool_]]
    golden: GoldenTitles | None = None


def run(inputs: Inputs, out: Path, params: Promotion, hooks: Hooks) -> PromoteSummary:
    """Decide whether a challenger replaces `params.champion`.

    Raises:
        BadData: the champion was not evaluated.
    """
    limits, champion = Promote.model_validate(params.model_dump(include=set(Promote.model_fields))), params.champion
    results = _read(inputs["evaluate"])
    evaluations = results.evaluations
    refused = _refused(champion, results)
    challengers = [] if refused else _challengers(champion, evaluations)
    candidates = [_examine(label, champion, results, limits) for label in challengers]
    chosen = next((candidate for candidate in candidates if candidate.passed), candidates[0] if candidates else None)
    comparison = chosen.comparison if chosen else None
    verdict, borderline = _verdict(chosen, limits)
    decision = PromotionDecision(
        verdict=verdict,
        promoted=chosen.label if chosen and verdict == "promote" else None,
        champion=champion,
        borderline=borderline,
        challenger=chosen.label if chosen else None,
        reason=refused
        or " ".join([_reason(chosen, champion, evaluations, limits), *_notes(chosen, candidates, champion, results)]),
        gain=comparison.gain if comparison else None,
        gain_interval=comparison.interval if comparison else None,
        probability=comparison.probability if comparison else None,
        gates=chosen.gates if chosen else (),
        test_titles=len(results.labels),
        test=results.test,
        limits=limits,
        scores={label: evaluation.figures() for label, evaluation in evaluations.items()},
        examined=tuple(candidates),
    )
    (out / "decision.json").write_text(decision.model_dump_json(indent=1), encoding="utf-8")
    hooks.log.info(decision.reason)
    return PromoteSummary.model_validate(decision.model_dump(include=set(PromoteSummary.model_fields)))


def _read(folder: Path) -> TestResults:
    scores = Scores.model_validate_json((folder / "scores.json").read_bytes())
    evaluations = scores.models
    table = pq.read_table(folder / "predictions.parquet", columns=["category", *evaluations])
    test = scores.test or TestSet(split_titles=len(table), titles=len(table), required=0)
    true = table["category"].cast(pa.string())
    names = pc.unique(true)
    labels = pc.index_in(true, value_set=names).to_numpy().astype(np.int64)
    correct = {label: pc.equal(table[label].cast(pa.string()), true).to_numpy() for label in evaluations}
    return TestResults(test, evaluations, labels, names.to_pylist(), correct, scores.golden)


def _refused(champion: str | None, results: TestResults) -> str:
    """Why no model can be compared with the champion; empty if one can.

    Raises:
        BadData: the champion was not evaluated, and the evaluation does not say why.
    """
    if champion is None or champion in results.evaluations:
        return ""
    if champion in results.test.not_scored:
        why = results.test.not_scored[champion]
        return f"{champion} stays champion, because the comparison is refused: {why} {WHAT_TO_DO}"
    raise BadData(
        f"The champion {champion!r} was not evaluated; evaluated are {', '.join(sorted(results.evaluations))}."
    )


def _challengers(champion: str | None, evaluations: dict[str, Evaluation]) -> list[str]:
    """The models that are more accurate than the champion, the most accurate first, equal ones by name."""
    floor = evaluations[champion].balanced_accuracy if champion is not None else -1.0
    better = [name for name, found in evaluations.items() if name != champion and found.balanced_accuracy > floor]
    return sorted(better, key=lambda label: (-evaluations[label].balanced_accuracy, label))


def _examine(label: str, champion: str | None, results: TestResults, limits: Promote) -> Candidate:
    evaluation = results.evaluations[label]
    unseen = _unseen_gate(results.test)
    costs = (
        *golden_gates(evaluation.golden, results.golden),
        _at_most("milliseconds", evaluation.milliseconds_p95, limits.max_milliseconds),
        _at_most("megabytes", evaluation.megabytes, limits.max_megabytes),
    )
    if champion is None:
        return Candidate(label=label, gates=(*unseen, *costs))
    before, after = results.correct[champion], results.correct[label]
    found = metrics.probability_better(results.labels, before, after, samples=BOOTSTRAP_SAMPLES, seed=BOOTSTRAP_SEED)
    drop = metrics.largest_drop(results.labels, before, after, min_titles=limits.min_category_titles)
    gates = (
        *unseen,
        _at_least("gain", found.gain, limits.min_gain),
        _at_least("probability", found.probability, limits.min_probability),
        _category_gate(drop, results.categories, limits),
        *costs,
    )
    return Candidate(label=label, comparison=found, gates=gates)


def _verdict(candidate: Candidate | None, limits: Promote) -> tuple[Verdict, bool]:
    """What follows from the gates, and whether the evidence is borderline."""
    if candidate is None or limits.mode == "never":
        return "keep", False
    failed = {gate.name for gate in candidate.gates if gate.passed is False}
    found = candidate.comparison
    near = found is not None and abs(found.probability - limits.min_probability) < limits.approval_band
    borderline = limits.mode == "auto" and near and failed <= {"probability"}
    if borderline or (limits.mode == "approval" and not failed):
        return "ask", borderline
    return ("keep" if failed else "promote"), False


def _unseen_gate(test: TestSet) -> tuple[Gate, ...]:
    """Whether the titles are new to every compared model. No gate if there is nothing to say of them."""
    if test.unread:
        return (Gate(name="unseen_titles", passed=None, limit=test.required, detail="; ".join(test.unread.values())),)
    if not test.left_out:
        return ()
    passed, detail = test.titles >= test.required, f"{test.left_out:,} test titles left out"
    return (Gate(name="unseen_titles", passed=passed, value=test.titles, limit=test.required, detail=detail),)


def _at_least(name: str, value: float, limit: float) -> Gate:
    return Gate(name=name, passed=value >= limit, value=value, limit=limit)


def _at_most(name: str, value: float | None, limit: float) -> Gate:
    return Gate(name=name, passed=value is not None and value <= limit, value=value, limit=limit)


def _category_gate(drop: metrics.Drop | None, categories: list[str], limits: Promote) -> Gate:
    limit = limits.max_category_drop
    if drop is None:
        detail = f"no category has {limits.min_category_titles} test titles"
        return Gate(name="category_drop", passed=None, limit=limit, detail=detail)
    detail = f"{categories[drop.category]}: recall {drop.before:.3f} to {drop.after:.3f} over {drop.titles} test titles"
    return Gate(name="category_drop", passed=drop.size <= limit, value=drop.size, limit=limit, detail=detail)


def _reason(
    candidate: Candidate | None, champion: str | None, evaluations: dict[str, Evaluation], limits: Promote
) -> str:
    """One sentence for the ledger, the approval and the log: what was decided, and why."""
    if candidate is None:
        assert champion is not None  # without a champion every model is a challenger
        rest = (
            "no other model was evaluated"
            if len(evaluations) == 1
            else "no other model is more accurate on the same test titles"
        )
        accuracy = evaluations[champion].balanced_accuracy
        return f"{champion} stays champion: {rest} (balanced accuracy {accuracy:.4f})."
    accuracy = evaluations[candidate.label].balanced_accuracy
    verdict, borderline = _verdict(candidate, limits)
    if not candidate.passed and not borderline:
        failed = "; ".join(_failure(gate) for gate in candidate.gates if gate.passed is False)
        stays = f"{champion} stays champion" if champion else "No model becomes champion"
        return f"{stays}: {candidate.label} (balanced accuracy {accuracy:.4f}) does not pass every gate: {failed}."
    comparison = candidate.comparison
    if comparison is None:
        why = f"with balanced accuracy {accuracy:.4f}, since there is no champion yet"
    else:
        why = (
            f"with balanced accuracy {accuracy:.4f}, {comparison.gain:+.4f} against {champion} "
            f"(better with probability {comparison.probability:.3f})"
        )
    if limits.mode == "never":
        return f"{candidate.label} would become champion {why}, but this run does not promote (mode 'never')."
    if verdict == "ask":
        since = "the evidence is borderline" if borderline else "this run promotes only what a person approves"
        return f"{candidate.label} may become champion {why}: a person decides, because {since}."
    return f"{candidate.label} becomes champion {why}."


def _notes(
    candidate: Candidate | None, examined: list[Candidate], champion: str | None, results: TestResults
) -> list[str]:
    """What was left out, and what was not checked, a sentence each."""
    gates = {each.label: each.gates for each in examined}
    label = candidate.label if candidate else None
    notes = results.test.notes() + golden_notes(label, gates, champion, results.evaluations, results.golden)
    said = {"unseen_titles", GOLDEN_GATE}
    unchecked = [gate for gate in (candidate.unchecked if candidate else ()) if gate.name not in said]
    return notes + [f"Not checked: {gate.name} ({gate.detail})." for gate in unchecked]


def _failure(gate: Gate) -> str:
    if gate.value is None:
        return f"{gate.name} was not evaluated"
    if gate.name == GOLDEN_GATE:
        return failure_text(gate)
    if gate.name == "gain":
        return f"a gain of {gate.value:.4f} is below {gate.limit:g}"
    if gate.name == "probability":
        return f"a probability of {gate.value:.3f} that it is better is below {gate.limit:g}"
    if gate.name == "category_drop":
        return f"a category loses more than {gate.limit:g} ({gate.detail})"
    return f"{gate.value:g} {gate.name} are above {gate.limit:g}"
