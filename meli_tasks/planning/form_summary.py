"""The first field of each trigger form: what happens if nothing else is changed.

Airflow 3.3 has no place for text in its form but a field's description. This field takes null only, so it holds nothing
and sends nothing: its one option is the summary in a line, and its description has the steps.
"""

from __future__ import annotations

import re
from typing import Any

from meli_tasks.planning.request import Request
from meli_tasks.settings import Settings

GREY = (
    "*Trigger* is grey only while a field with a red asterisk is empty or a value is not valid: the section that holds "
    "it is marked in red."
)
PLAN = "The first task, *plan*, logs which results exist already and about how long the others will take."


def training_summary(settings: Settings) -> dict[str, Any]:
    """Return the keyword arguments of the `Param` on top of the training form."""
    sets = _names(settings)
    defaults = Request.model_fields
    steps = [
        f"The titles of **{_source(settings)}** are read, checked and split, for the day of *Logical Date* above.",
        f"{_list(sets, '**')} {'is' if len(sets) == 1 else 'are each'} trained with the values of the set"
        f"{'' if len(sets) < 2 else ', and combined into an ensemble'}. Results that exist already are reused.",
        "Every model is compared with the champion on the test titles. The best becomes champion if its balanced "
        f"accuracy is better by at least {defaults['min_gain'].default:g}, with a probability of at least "
        f"{defaults['min_probability'].default:.0%}.",
    ]
    return _field(f"Train {_list(sets)}, and promote the best if it is better", steps, [PLAN, GREY])


def backfill_summary(settings: Settings) -> dict[str, Any]:
    """Return the keyword arguments of the `Param` on top of the backfill's form."""
    steps = [
        "**You choose the first and the last date**, in the two fields below; leave *Logical Date* above as it is. "
        "Without them nothing is trained: the first task fails and names what is missing.",
        f"A preview lists each date, what exists already, and about how long the rest will take. It waits for your "
        f"approval, and trains {_list(_names(settings), '**')} on the titles of each date once it has it.",
        "No model becomes champion: that takes *Promotion: always*.",
    ]
    notes = ["Each date is a run of its own of *meli_training*, which must not be paused.", GREY]
    return _field(f"Train {_list(_names(settings))} on every date that you choose", steps, notes)


def _field(line: str, steps: list[str], notes: list[str]) -> dict[str, Any]:
    numbered = "\n".join(f"{number}. {step}" for number, step in enumerate(steps, 1))
    return {
        "type": ["null"],
        "default": None,
        "enum": [None],
        "values_display": {"null": line},
        "title": "What will happen",
        # Airflow displays Markdown only in a field without a plain description.
        "description_md": "\n\n".join(["If you change nothing else:", numbered, *notes]),
    }


def _names(settings: Settings) -> list[str]:
    return [name.strip() for name in settings.sets.split(",") if name.strip()]


def _list(names: list[str], mark: str = "") -> str:
    marked = [f"{mark}{name}{mark}" for name in names]
    return " and ".join(part for part in (", ".join(marked[:-1]), *marked[-1:]) if part) or "no set"


def _source(settings: Settings) -> str:
    """The source as plain text in Markdown: what would be markup there is escaped."""
    return re.sub(r"([\\`*_{}\[\]<>|~])", r"\\\1", settings.source)
