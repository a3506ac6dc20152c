"""What is asked of a backfill: its model, checked at one door, and the form made from it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from pydantic import Field

from meli_tasks.core.errors import BadHyperparameters
from meli_tasks.planning.form import OVERRIDES, Sections, fields_of
from meli_tasks.planning.request import Request
from meli_tasks.settings import Settings
from meli_tasks.wording import count

MOST_RUNS = 366
# Slots of the pool `backfill`, which caps the runs of all backfills together. Fewer than meli_training runs at once,
# so that a night's run finds its place beside them.
POOL_SLOTS = 2

NOT_OF_A_BACKFILL = {
    "as_of": "from_date and to_date say the dates",
    "force": "what is there is kept",
    "search_minutes": "search on the titles of one date with `meli search`, then name the set it found",
}
SECTIONS: Sections = {
    "Dates": ("from_date", "to_date", "every_days"),
    "Data": (
        "source", "window_days", "date_column", "language", "reliable_only", "max_bad_fraction", "min_category_rows",
    ),
    "Sets": ("sets", "stored_sets", "ensemble", "ensemble_members"),
    OVERRIDES: (),
    "Promotion": ("promotion", "min_gain", "min_probability"),
    "Run": ("at_once", "ask"),
}  # fmt: skip


class Backfill(Request):
    """What is asked of a backfill: a run's parameters for a range of dates."""

    from_date: date = Field(description="the first date, e.g. 2026-11-01")
    to_date: date = Field(description="the last date, itself included")
    every_days: int = Field(1, ge=1, le=MOST_RUNS, description="days from one date to the next")
    promotion: Literal["never", "always"] = Field(
        "never", description="'never': measure only; 'always': a better model becomes champion, whatever its date"
    )
    at_once: int | None = Field(
        None, ge=1, le=64, description="runs at once at most; empty for as many as the pool backfill has slots"
    )
    ask: bool = Field(True, description="show the preview and wait for a person's approval before anything runs")

    @classmethod
    def check(cls, params: Mapping[str, Any], settings: Settings) -> Backfill:
        """Check what was asked for, filling in what was not from the settings.

        Raises:
            BadHyperparameters: an unknown key (the nearest is named), a value out of range, a date that has not come.
        """
        for key, instead in NOT_OF_A_BACKFILL.items():
            if params.get(key):
                raise BadHyperparameters(f"A backfill has no parameter {key!r}: {instead}")
        absent = [key for key in ("from_date", "to_date") if not params.get(key)]
        if absent:
            raise BadHyperparameters(f"{' and '.join(absent)} must be given: a date such as 2026-11-01")
        asked = super().check(params, settings)
        assert isinstance(asked, Backfill)
        asked._must_be_dates(datetime.now(ZoneInfo(settings.timezone)).date(), settings.timezone)
        return asked

    def dates(self) -> list[date]:
        """The dates, first to last."""
        days = (self.to_date - self.from_date).days
        return [self.from_date + timedelta(days=day) for day in range(0, days + 1, self.every_days)]

    def _must_be_dates(self, today: date, zone: str) -> None:
        if self.from_date > self.to_date:
            raise BadHyperparameters(f"from_date {self.from_date} is after to_date {self.to_date}")
        if self.to_date > today:
            raise BadHyperparameters(f"to_date {self.to_date} has not come: today is {today} ({zone})")
        if (runs := len(self.dates())) > MOST_RUNS:
            raise BadHyperparameters(
                f"{self.from_date} to {self.to_date} are {count(runs, 'run')}, and {MOST_RUNS} are the most: "
                "ask for fewer dates, or for every few days (every_days)"
            )

    def request(self, day: date) -> Request:
        """What is asked of one date's run."""
        values = {name: getattr(self, name) for name in Request.model_fields}
        return Request.model_validate({**values, "as_of": day, "force": False})


def backfill_form_fields(settings: Settings) -> dict[str, dict[str, Any]]:
    """Keyword arguments of an Airflow `Param` for each field of the backfill's form, in the order shown."""
    return fields_of(Backfill, SECTIONS, settings)
