"""What a decision says: one sentence on what was decided and why, and one on each thing that was not as usual."""

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
    """All that the sentences are about. `chosen` is the nominated challenger, or the best of those that cannot be."""

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
        return f"{stays}: {chosen.label} (balanced accuracy {accuracy:.4f}) does not pass every gate: {failed}."
    why = _why_better(chosen, said, accuracy)
    if said.limits.mode == "never":
        return f"{chosen.label} would become champion {why}, but this run does not promote (mode 'never')."
    if said.verdict == "ask":
        since = "the evidence is borderline" if said.borderline else "this run promotes only what a person approves"
        return f"{chosen.label} may become champion {why}: a person decides, because {since}."
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
            f"The figure of {said.champion} counts as {measured - said.bias:.4f}, not {measured:.4f}: part of what was "
            "measured is the luck by which it was selected on these titles."
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
    if gate.value is None:
        return f"{gate.name} was not evaluated"
    if gate.name == GOLDEN_GATE:
        return failure_text(gate)
    if gate.name == "gain":
        return f"a gain of {gate.value:.4f} is below {gate.limit:g}"
    if gate.name == "probability":
        return f"a probability of {gate.value:.3f} that it is better is below {gate.limit:g}"
    if gate.name == CATEGORY_LOSS:
        return f"{gate.detail}, which happens by chance with probability {gate.value:.2g}, below {gate.limit:g}"
    return f"{gate.value:g} {gate.name} are above {gate.limit:g}"
