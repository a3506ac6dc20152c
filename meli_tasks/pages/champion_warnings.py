"""What about the champion's data needs attention: it is old, or newer titles are of another kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from meli_tasks.pages.night_models import NightChange
from meli_tasks.wording import count, enumeration

OLD_NIGHTS = 7
"""After so many dates of newer titles the champion's are old."""
RISE = 1.5
RISE_POINTS = 0.01
"""Unknown words have risen if there are half as many again, and at least one in a hundred words more."""
NAMED = 5


@dataclass(frozen=True)
class ChampionData:
    """What is known of the titles that the champion was trained on, and of newer ones of the same source.

    Attributes:
        as_of: The day of the champion's titles; empty if they have none.
        newer_nights: The dates of newer titles.
        then: The run that promoted it; None if it is not in the store.
        newest: The newest run of the same source with titles of a later day; None if there is none.
    """

    as_of: str
    newer_nights: int
    then: NightChange | None
    newest: NightChange | None


def data_warnings(data: ChampionData) -> list[str]:
    """A sentence for each thing that needs attention."""
    return [sentence for sentence in (_old(data), *_changed(data.then, data.newest)) if sentence]


def _old(data: ChampionData) -> str:
    if data.newer_nights < OLD_NIGHTS:
        return ""
    return (
        f"The champion's titles are of {data.as_of}. Since then {count(data.newer_nights, 'night')} brought newer "
        "ones, and no model that was trained on them replaced it."
    )


def _changed(then: NightChange | None, newest: NightChange | None) -> Sequence[str]:
    if newest is None:
        return ()
    found = []
    if newest.new_names:
        names = enumeration(newest.new_names, NAMED)
        found.append(f"The titles of {newest.day} have {count(len(newest.new_names), 'new category')}: {names}.")
    before, now = then.unknown_words if then else None, newest.unknown_words
    if before is not None and now is not None and now >= RISE * before and now - before >= RISE_POINTS:
        found.append(
            f"Unknown words are rising: {now:.1%} of the words of the validation titles of {newest.day}, against "
            f"{before:.1%} on {then.day if then else ''}."
        )
    return found
