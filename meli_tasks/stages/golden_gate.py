"""The gate `golden_titles`: a model that misclassifies a golden title is not promoted.

The gate also applies to the first champion, and to a challenger whose champion misclassifies the same title: a golden
title must keep its category, whatever was promoted before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from meli_tasks.stages.evaluation import Evaluation
from meli_tasks.stages.figures import GoldenResult, GoldenTitles
from meli_tasks.stages.summaries import Gate
from meli_tasks.wording import count

NAME = "golden_titles"
_NAMED = 3
"""How many of the lost titles a message names."""


def golden_gates(found: GoldenResult | None, about: GoldenTitles | None) -> tuple[Gate, ...]:
    """The gate of a challenger. There is none if the run has no golden titles.

    Args:
        found: What the challenger does with them.
        about: Which golden titles the models were checked with; None without any.
    """
    if about is None:
        return ()
    if found is None or not found.titles:
        detail = "; ".join(about.notes()) if found else "the golden titles were not checked for this model"
        return (Gate(name=NAME, passed=None, limit=0, detail=detail.rstrip(".")),)
    if not found.lost_titles:
        return (
            Gate(
                name=NAME,
                passed=True,
                value=0,
                limit=0,
                detail=f"{count(found.titles, 'golden title')} classified correctly",
            ),
        )
    return (Gate(name=NAME, passed=False, value=found.lost_titles, limit=0, detail=lost_text(found)),)


def golden_notes(
    label: str | None,
    examined: Mapping[str, Sequence[Gate]],
    champion: str | None,
    evaluations: Mapping[str, Evaluation],
    about: GoldenTitles | None,
) -> list[str]:
    """The sentences about golden titles that a decision adds to the gates of its candidate.

    Args:
        label: The candidate that the decision is about; None without one.
        examined: The gates of every candidate, by label.
        champion: The champion, if there is one.
        evaluations: What evaluate found, by label.
        about: Which golden titles the models were checked with; None without any.
    """
    if about is None:
        return []
    notes = about.notes()
    for other, gates in examined.items():
        lost = [gate for gate in gates if gate.name == NAME and gate.passed is False]
        notes += [f"{other} cannot be promoted: {failure_text(gate)}." for gate in lost if other != label]
    before = evaluations[champion].golden if champion and champion in evaluations else None
    if before and before.lost_titles:
        notes.append(
            f"The champion {champion} misclassifies {count(before.lost_titles, 'golden title')}: {lost_text(before)}."
        )
    return notes


def lost_text(found: GoldenResult) -> str:
    """Which golden titles a model misclassifies: "'Taza azul' is predicted CUPS, not MUGS"."""
    named = [f"{lost.title!r} is predicted {lost.predicted}, not {lost.category}" for lost in found.lost[:_NAMED]]
    more = found.lost_titles - len(named)
    return "; ".join(named) + (f"; and {more:,} more" if more else "")


def failure_text(gate: Gate) -> str:
    """The gate's failure as a part of a sentence."""
    return f"it misclassifies {count(int(gate.value or 0), 'golden title')} ({gate.detail})"
