"""The request for a backfill: its model, the one place that validates it, and the form generated from it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import Field

from meli_tasks.core.choices import Choices
from meli_tasks.core.errors import BadHyperparameters
from meli_tasks.planning import texts
from meli_tasks.planning.form import OPEN, OVERRIDES, Form, Sections, fields_of, with_summary
from meli_tasks.planning.form_summary import backfill_summary
from meli_tasks.planning.request import Request
from meli_tasks.settings import Settings
from meli_tasks.wording import count

MAX_RUNS = 366
# Slots of the pool `backfill`, which limits the runs of all backfills together. There are fewer of them than concurrent
# runs of meli_training, so that a nightly run does not have to wait.
POOL_SLOTS = 2

UNSUPPORTED = {
    "as_of": "from_date and to_date set the dates",
    "force": "existing results are reused",
    "search_minutes": "search on the titles of one date with `meli search`, then use the set that it found",
}
SECTIONS: Sections = {
    OPEN: ("from_date", "to_date", "every_days", "source", "sets", "stored_sets"),
    "Data": ("window_days", "date_column", "language", "reliable_only", "max_bad_fraction", "min_category_rows"),
    OVERRIDES: (),
    "Models": ("ensemble", "ensemble_members", "folds"),
    "Promotion": ("promotion", "min_gain", "min_probability", "golden"),
    "Run": ("at_once", "ask"),
}  # fmt: skip


class Backfill(Request):
    """The request for a backfill: the parameters of a run, and a range of dates."""

    from_date: date = Field(description=texts.FROM_DATE)
    to_date: date = Field(description=texts.TO_DATE)
    every_days: int = Field(1, ge=1, le=MAX_RUNS, description=texts.EVERY_DAYS)
    promotion: Annotated[
        Literal["never", "always"],
        Choices(never="only evaluate the models", always="a better model becomes champion, whatever its date"),
    ] = Field("never", description=texts.BACKFILL_PROMOTION)
    at_once: int | None = Field(None, ge=1, le=64, description=texts.AT_ONCE)
    ask: bool = Field(True, description="Show a preview and wait for approval before anything runs.")

    @classmethod
    def check(cls, params: Mapping[str, object], settings: Settings) -> Backfill:
        """Validate parameters, with defaults from the settings.

        Raises:
            BadHyperparameters: A key is unknown (the error suggests the nearest one), a value is out of range, or a
                date is in the future.
        """
        for key, instead in UNSUPPORTED.items():
            if params.get(key):
                raise BadHyperparameters(f"A backfill has no parameter {key!r}: {instead}.")
        if params.get("promotion") in ("approval", "auto"):
            raise BadHyperparameters(
                f"promotion {params['promotion']!r} is not for a backfill, whose dates run with nobody to ask: use "
                "never, and promote a model on the page Models or with `meli promote`; or always, without a person."
            )
        absent = [key for key in ("from_date", "to_date") if not params.get(key)]
        if absent:
            raise BadHyperparameters(f"{' and '.join(absent)} must be given as a date such as 2026-11-01.")
        request = super().check(params, settings)
        assert isinstance(request, Backfill)
        request._check_dates(datetime.now(ZoneInfo(settings.timezone)).date(), settings.timezone)
        return request

    def dates(self) -> list[date]:
        """Return the dates in order."""
        days = (self.to_date - self.from_date).days
        return [self.from_date + timedelta(days=day) for day in range(0, days + 1, self.every_days)]

    def _check_dates(self, today: date, zone: str) -> None:
        if self.from_date > self.to_date:
            raise BadHyperparameters(f"from_date {self.from_date} is after to_date {self.to_date}.")
        if self.to_date > today:
            raise BadHyperparameters(f"to_date {self.to_date} is in the future: today is {today} ({zone}).")
        if (runs := len(self.dates())) > MAX_RUNS:
            raise BadHyperparameters(
                f"{self.from_date} to {self.to_date} are {count(runs, 'run')}, but a backfill has at most {MAX_RUNS}. "
                "Choose fewer dates, or a longer interval (every_days)."
            )

    def request(self, day: date) -> Request:
        """Return the request for the run of one date."""
        values = {name: getattr(self, name) for name in Request.model_fields}
        return Request.model_validate({**values, "as_of": day, "force": False})


def backfill_form_fields(settings: Settings) -> Form:
    """Return the keyword arguments of an Airflow `Param` for each field of the backfill form, in display order."""
    return with_summary(backfill_summary(settings), fields_of(Backfill, SECTIONS, settings))
