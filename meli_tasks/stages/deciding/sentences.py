"""The text of a decision: one sentence with the outcome and its reason, and one for each unusual circumstance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from meli_tasks.core.stage_parameters import Promote
from meli_tasks.stages.deciding.gates import CATEGORY_LOSS
from meli_tasks.stages.deciding.nomination import Nomination
from meli_tasks.stages.deciding.results import TestResults
from meli_tasks.stages.evaluation import Candidate
from meli_tasks.stages.golden_gate import NAME as GOLDEN_GATE
from meli_tasks.stages.golden_gate import failure_text, golden_notes
from meli_tasks.stages.summaries import Gate, Verdict


@dataclass(frozen=True)
class Situation:
    """What the sentences describe. `chosen` is the nominated challenger, or the best one if none can be nominated."""

    results: TestResults
    champion: str | None
    chosen: Candidate | None
    examined: Sequence[Candidate]
    limits: Promote
    verdict: Verdict
    borderline: bool
    bias: float


def reason(said: Situation) -> str:
    """One sentence for the ledger, the approval and the log: what was decided, and why."""
    chosen, champion = said.chosen, said.champion
    if chosen is None:
        assert champion is not None  # without a champion every model is a challenger
        accuracy = said.results.evaluations[champion].balanced_accuracy
        return f"{champion} stays champion: no other model was evaluated (balanced accuracy {accuracy:.4f})."
    accuracy = said.results.evaluations[chosen.label].balanced_accuracy
    if not chosen.passed and not said.borderline:
        failed = "; ".join(_failure(gate) for gate in chosen.gates if gate.passed is False)
        stays = f"{champion} stays champion" if champion else "No model becomes champion"
        return f"{stays}: {chosen.label} (balanced accuracy {accuracy:.4f}) was not promoted because {failed}."
    why = _why_better(chosen, said, accuracy)
    if said.limits.mode == "never":
        return f"{chosen.label} would become champion {why}, but promotion is off for this run ('never')."
    if said.verdict == "ask":
        since = "the evidence is borderline" if said.borderline else "every promotion of this run requires approval"
        return f"{chosen.label} is proposed as champion {why}. Approval is required, because {since}."
    return f"{chosen.label} becomes champion {why}."


def notes(said: Situation, nomination: Nomination) -> list[str]:
    """How the challenger was nominated, what was left out, and what was not checked, a sentence each."""
    gates = {each.label: each.gates for each in said.examined}
    label = said.chosen.label if said.chosen else None
    found = []
    if nomination.label and len(said.examined) > 1:
        found.append(f"{nomination.label} was nominated: {nomination.why}.")
    if said.bias >= 5e-5 and said.champion:
        measured = said.results.evaluations[said.champion].balanced_accuracy
        found.append(
            f"The balanced accuracy of {said.champion} counts as {measured - said.bias:.4f} instead of the measured "
            f"{measured:.4f}, to correct for selection bias: the model was selected for its score on these titles."
        )
    found += said.results.test.notes()
    found += golden_notes(label, gates, said.champion, said.results.evaluations, said.results.golden)
    if said.results.reference:
        found += said.results.reference.notes([label, said.champion])
    seen = {"unseen_titles", GOLDEN_GATE}
    unchecked = [gate for gate in (said.chosen.unchecked if said.chosen else ()) if gate.name not in seen]
    return found + [f"Not checked: {gate.name} ({gate.detail})." for gate in unchecked]


def _why_better(chosen: Candidate, said: Situation, accuracy: float) -> str:
    comparison = chosen.comparison
    if comparison is None:
        return f"with balanced accuracy {accuracy:.4f}, since there is no champion yet"
    return (
        f"with balanced accuracy {accuracy:.4f}, {comparison.gain:+.4f} against {said.champion} "
        f"(better with probability {comparison.probability:.3f})"
    )


def _failure(gate: Gate) -> str:
    if gate.name == GOLDEN_GATE and gate.value is not None:
        return failure_text(gate)
    if gate.value is None:
        return f"{gate.name} was not measured"
    texts = {
        "gain": f"its gain of {gate.value:.4f} is below the minimum of {gate.limit:g}",
        "probability": f"the probability that it is better, {gate.value:.3f}, is below the minimum of {gate.limit:g}",
        CATEGORY_LOSS: f"{gate.detail} (p = {gate.value:.2g}, below the limit of {gate.limit:g})",
        "unseen_titles": f"only {gate.value:g} test titles are new to every model, fewer than {gate.limit:g}",
    }
    return texts.get(gate.name, f"{gate.value:g} {gate.name} exceed the limit of {gate.limit:g}")
