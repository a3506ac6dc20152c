"""Which challenger is compared with the champion: one per run, so that more challengers do not mean more chances.

The choice uses what the comparison does not use, the validation titles, among the challengers that pass the gates which
do not depend on the test titles. It is the run's ensemble, which is a challenger only if the validation titles do not
show that its best member is better: on new titles, an average of models is rarely worse than one of them. Without an
ensemble it is the model with the best balanced accuracy on the validation titles. If no challenger has such a figure,
the most accurate one on the test titles is compared, and the required probability is corrected for that choice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from meli_tasks.stages.deciding.results import TestResults
from meli_tasks.stages.summaries import ENSEMBLE, Gate


@dataclass(frozen=True)
class Nomination:
    """The nominated challenger, if any, and why. `tried` is the number of challengers to correct for."""

    label: str | None
    why: str
    tried: int = 1

    def corrected(self, probability: float) -> float:
        """The required probability, raised so that several models cause no more false promotions (Bonferroni)."""
        return 1 - (1 - probability) / self.tried


def nominate(results: TestResults, gates: Mapping[str, Sequence[Gate]]) -> Nomination:
    """Choose one challenger. `gates` holds, by label, each challenger's gates that need no comparison."""
    eligible = [label for label, found in gates.items() if all(gate.passed is not False for gate in found)]
    if not eligible:
        return Nomination(None, "no challenger passes the gates that do not depend on the test titles")
    out = len(gates) - len(eligible)
    among = f" of the {len(eligible)} challengers" if len(eligible) > 1 else ""
    among += f" (of {len(gates)}) that pass the other gates" if out and len(eligible) > 1 else ""
    if ENSEMBLE in eligible:
        return Nomination(ENSEMBLE, _why_the_ensemble(results.validation, eligible, out))
    validated = [label for label in eligible if label in results.validation]
    if validated:
        label = min(validated, key=lambda label: (-results.validation[label], label))
        figure = f"balanced accuracy on the validation titles ({results.validation[label]:.4f})"
        return Nomination(label, _why(figure, among, len(eligible) - len(validated), out))
    label = min(eligible, key=lambda label: (-results.evaluations[label].balanced_accuracy, label))
    if len(eligible) == 1:
        return Nomination(label, _why("", among, 0, out))
    why = (
        f"the best balanced accuracy on the test titles{among}, because none has a validation result; "
        f"the required probability is corrected for {len(eligible)} challengers"
    )
    return Nomination(label, why, tried=len(eligible))


def why_not(label: str, nomination: Nomination, results: TestResults, gates: Sequence[Gate]) -> str:
    """Why a challenger was not nominated, for the list of evaluated challengers."""
    failed = [gate.name for gate in gates if gate.passed is False]
    if failed:
        return f"not nominated: fails {' and '.join(failed)}"
    chosen = nomination.label or ""
    if nomination.tried > 1:
        return f"not nominated: {chosen} is more accurate on the test titles"
    own = results.validation.get(label)
    if chosen == ENSEMBLE:
        return "not nominated: the run's ensemble is"
    if own is None:
        return "not nominated: it has no validation result"
    best = results.validation[chosen]
    return f"not nominated: balanced accuracy {own:.4f} on the validation titles; {chosen} has {best:.4f}"


def _why_the_ensemble(validation: Mapping[str, float], eligible: Sequence[str], out: int) -> str:
    """The reason, with the validation figures that there are: another model's may be the higher one, within noise."""
    if len(eligible) == 1:
        return _why("", "", 0, out)
    why = "the validation titles do not show that its best member is better"
    others = {label: validation[label] for label in eligible if label != ENSEMBLE and label in validation}
    if ENSEMBLE not in validation or not others:
        return why
    best = min(others, key=lambda label: (-others[label], label))
    return f"{why} (balanced accuracy {validation[ENSEMBLE]:.4f}, {best} {others[best]:.4f})"


def _why(figure: str, among: str, without: int, out: int) -> str:
    if not among:
        return "the only challenger that passes the other gates" if out else "the only challenger"
    missing = f"; {without} without a validation result" if without else ""
    return f"the best {figure}{among}{missing}"
