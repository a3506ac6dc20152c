"""Titles that `meli serve` answered, compared by day using the counts that its processes stored."""

from __future__ import annotations

from meli_tasks.core.drift import FEWEST_TITLES
from meli_tasks.monitoring.results import SERVICE, DayResult
from meli_tasks.monitoring.standard import Standard
from meli_tasks.serving.answered import AnsweredDay
from meli_tasks.wording import count

ANSWERED = "answered titles"


def examine_answered(standard: Standard, day: AnsweredDay) -> DayResult:
    """Compare the titles that the champion answered on a day, or a random sample of them, which may be training titles.

    What the callers withhold, by their own thresholds, is compared as if it were not withheld.
    """
    profiles = [each.profile for each in day.processes]
    sampled = sum(profile.titles + profile.bad_titles for profile in profiles)
    result = standard.result(day.day, ANSWERED, SERVICE, sum(profile.titles for profile in profiles))
    result = result.model_copy(update={"batches": day.counted})
    if sampled < FEWEST_TITLES:
        answered = count(sampled, "title")
        return result.model_copy(update={"note": f"The service answered {answered}: {FEWEST_TITLES} are needed."})
    if sampled < day.answered:
        result = result.model_copy(update={"apart": f"a random sample of {day.answered:,} titles"})
    return standard.compared(result, profiles, "The titles were counted by a version that finds words differently.")
