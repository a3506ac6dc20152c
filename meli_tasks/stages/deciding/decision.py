"""The decision: nominate one challenger, compare it with the champion, and check the gates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from meli_tasks.core.decisions import NO_CORRECTION, Correction, comparison, difference
from meli_tasks.core.errors import BadData
from meli_tasks.core.selection import luck_of
from meli_tasks.core.stage_parameters import Promote, Promotion, TestHistory
from meli_tasks.core.text.sketch import fraction_held
from meli_tasks.stages.deciding import sentences
from meli_tasks.stages.deciding.gates import accuracy_gates, category_gate, other_gates
from meli_tasks.stages.deciding.nomination import Nomination, nominate, why_not
from meli_tasks.stages.deciding.results import TestResults
from meli_tasks.stages.evaluation import Candidate, PromotionDecision
from meli_tasks.stages.summaries import Gate, Verdict

WHAT_TO_DO = (
    "They can be compared again once the source provides enough new titles, or once its splits match those that this "
    "model was trained with."
)
DIGITS = 9
"""To which the distance from a limit counts: 0.97 is as far from 0.95 as a band of 0.02 reaches, and not further."""


@dataclass(frozen=True)
class Compared:
    """The nominated challenger with its gates, the comparison's standard error, and its selection bias if promoted."""

    candidate: Candidate
    error: float | None = None
    bias: float = 0.0


def decide(results: TestResults, params: Promotion) -> PromotionDecision:
    """Decide whether a challenger replaces `params.champion`.

    Raises:
        BadData: the champion was not evaluated.
    """
    limits, champion = Promote.model_validate(params.model_dump(include=set(Promote.model_fields))), params.champion
    refused = _refused(champion, results, params.missing)
    labels = [] if refused else [label for label in results.evaluations if label != champion]
    gates = {label: other_gates(label, results, limits) for label in labels}
    nomination = nominate(results, gates)
    correction, unknown = _correction(params, results)
    compared = _compared(nomination, gates, results, params, correction)
    others = [_passed_over(label, nomination, results, gates[label]) for label in gates if label != nomination.label]
    examined = [*([compared.candidate] if compared else []), *sorted(others, key=_by_validation)]
    chosen = compared.candidate if compared else examined[0] if examined else None
    verdict, borderline = verdict_of(chosen, limits)
    said = sentences.Situation(results, champion, chosen, examined, limits, verdict, borderline, correction.bias)
    found = chosen.comparison if chosen else None
    return PromotionDecision(
        verdict=verdict,
        promoted=chosen.label if chosen and verdict == "promote" else None,
        champion=champion,
        challenger=chosen.label if chosen else None,
        nominated=nomination.label,
        why_nominated=nomination.why if labels else "",
        borderline=borderline,
        selection_bias=correction.bias,
        champion_bias=_bias_when_promoted(correction, params.history),
        nominated_bias=compared.bias if compared else 0.0,
        reason=refused or " ".join([sentences.reason(said), *sentences.notes(said, nomination), *unknown]),
        gain=found.gain if found else None,
        gain_interval=found.interval if found else None,
        probability=found.probability if found else None,
        gates=chosen.gates if chosen else (),
        test_titles=len(results.labels),
        test=results.test,
        limits=limits,
        scores={label: evaluation.figures() for label, evaluation in results.evaluations.items()},
        examined=tuple(examined),
        error=compared.error if compared else None,
    )


def verdict_of(candidate: Candidate | None, limits: Promote) -> tuple[Verdict, bool]:
    """The verdict that the gates lead to, and whether the evidence is borderline."""
    if candidate is None or not candidate.nominated or limits.mode == "never":
        return "keep", False
    failed = {gate.name for gate in candidate.gates if gate.passed is False}
    required = next((gate.limit for gate in candidate.gates if gate.name == "probability"), limits.min_probability)
    found = candidate.comparison
    near = found is not None and round(abs(found.probability - required), DIGITS) <= limits.approval_band
    borderline = limits.mode == "auto" and limits.approval_band > 0 and near and failed <= {"probability"}
    if borderline or (limits.mode == "approval" and not failed):
        return "ask", borderline
    return ("keep" if failed else "promote"), False


def _refused(champion: str | None, results: TestResults, missing: str) -> str:
    """Why no model can be compared with the champion; empty if one can.

    Raises:
        BadData: the champion was not evaluated, and the evaluation does not say why.
    """
    if champion is None or champion in results.evaluations:
        return ""
    if champion in results.test.not_scored:
        why = results.test.not_scored[champion]
        return f"{champion} stays champion, because the models cannot be compared: {why} {WHAT_TO_DO}"
    if missing:
        return f"{champion} stays champion, because no model can be compared with it: {missing}"
    raise BadData(
        f"The champion {champion!r} was not evaluated. Evaluated models: {', '.join(sorted(results.evaluations))}."
    )


def _correction(params: Promotion, results: TestResults) -> tuple[Correction, list[str]]:
    """The correction for the champion's selection bias, and a sentence if the bias cannot be estimated."""
    history = params.history
    if params.champion is None or params.champion not in results.evaluations:
        return NO_CORRECTION, []
    shared = fraction_held(results.test.sketch, history.sketch) if history else None
    if history is None or shared is None:
        why = (
            "the ledger has no earlier result of it on comparable titles"
            if history is None
            else "the decision that promoted it does not record the titles that it was selected on"
        )
        said = f"The champion's balanced accuracy is not corrected for selection bias: {why}."
        return NO_CORRECTION, [said] if params.ledger or history else []  # without a ledger, no correction is expected
    return Correction(luck_of(history.champion, history.measured, history.error), shared, history.error), []


def _bias_when_promoted(correction: Correction, history: TestHistory | None) -> float | None:
    """The selection bias of the figure that the champion was promoted with; None if it cannot be estimated.

    If most titles have been replaced since then, the bias on the new titles says nothing about the old figure.
    """
    promoted = history is not None and history.promoted
    return correction.luck.bias if promoted and correction.luck.known else None


def _compared(
    nomination: Nomination,
    gates: Mapping[str, Sequence[Gate]],
    results: TestResults,
    params: Promotion,
    correction: Correction,
) -> Compared | None:
    """Compare the nominated challenger with the champion, if there is one of each."""
    label, champion = nomination.label, params.champion
    if label is None:
        return None
    validation, others = results.validation.get(label), gates[label]
    if champion is None:
        return Compared(Candidate(label=label, gates=tuple(others), validation=validation))
    differs = difference(results.labels, results.correct[champion], results.correct[label])
    found = comparison(differs, correction)
    unseen = [gate for gate in others if gate.name == "unseen_titles"]
    all_gates = (
        *unseen,
        *accuracy_gates(found, params, nomination.corrected(params.min_probability)),
        category_gate(champion, label, results, params),
        *(gate for gate in others if gate not in unseen),
    )
    candidate = Candidate(label=label, comparison=found, gates=all_gates, validation=validation)
    keeps = verdict_of(candidate, params)[0] == "keep"
    bias = 0.0 if keeps else _bias_of_nominated(label, champion, results, params.history, differs.error)
    return Compared(candidate, differs.error, bias)


def _bias_of_nominated(
    label: str, champion: str, results: TestResults, history: TestHistory | None, error: float
) -> float:
    """The selection bias that the nominated model's figure will have if the model becomes champion."""
    if history is None:
        return 0.0
    offset = history.champion - results.evaluations[champion].balanced_accuracy
    tonight = {name: found.balanced_accuracy + offset for name, found in results.evaluations.items()}
    others = [(value, 1) for name, value in tonight.items() if name != champion]
    return luck_of(tonight[label], [*history.measured, *others], history.error or error).bias


def _passed_over(label: str, nomination: Nomination, results: TestResults, gates: Sequence[Gate]) -> Candidate:
    """A challenger that was not compared with the champion; of its gates, those that need no comparison."""
    return Candidate(
        label=label,
        gates=tuple(gates),
        nominated=False,
        validation=results.validation.get(label),
        note=why_not(label, nomination, results, gates),
    )


def _by_validation(candidate: Candidate) -> tuple[float, str]:
    return -(candidate.validation or 0.0), candidate.label
