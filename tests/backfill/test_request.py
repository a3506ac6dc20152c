"""The parameters of a backfill, and its form."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from meli_tasks.backfill.request import MAX_RUNS, Backfill, backfill_form_fields
from meli_tasks.core.errors import BadHyperparameters
from meli_tasks.planning.form import OPEN
from meli_tasks.planning.request import SUMMARY
from meli_tasks.settings import Settings
from tests.backfill.days import REQUEST


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"every_day": 2}, "did you mean 'every_days'"),
        ({"train.epoch": 2}, "did you mean train.epochs"),
        ({"to_date": "2026-10-31"}, "from_date 2026-11-01 is after to_date 2026-10-31"),
        ({"from_date": "2020-01-01"}, f"at most {MAX_RUNS}"),
        ({"to_date": None}, "to_date must be given"),
        ({"to_date": "yesterday"}, "to_date = 'yesterday'"),
        ({"as_of": "2026-11-01"}, "no parameter 'as_of'"),
        ({"force": True}, "no parameter 'force'"),
        ({"promotion": "auto"}, "promotion 'auto' is not for a backfill"),
        ({"at_once": 0}, "at_once = 0"),
    ],
)
def test_invalid_parameters_are_refused_by_name(settings: Settings, wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(BadHyperparameters) as refused:
        Backfill.check({**REQUEST, **wrong}, settings)
    assert said in str(refused.value)


def test_a_date_in_the_future_is_refused(settings: Settings) -> None:
    coming = date.today() + timedelta(days=2)
    with pytest.raises(BadHyperparameters, match=f"{coming} is in the future"):
        Backfill.check({**REQUEST, "from_date": str(coming), "to_date": str(coming)}, settings)


def test_the_last_date_is_included_and_some_may_be_left_out(settings: Settings) -> None:
    request = Backfill.check({**REQUEST, "to_date": "2026-11-10", "every_days": 3}, settings)
    assert [day.day for day in request.dates()] == [1, 4, 7, 10]


@pytest.mark.parametrize("promotion", ["approval", "auto"])
def test_a_backfill_asks_nobody_and_says_what_to_do_instead(settings: Settings, promotion: str) -> None:
    with pytest.raises(BadHyperparameters, match="nobody to ask: use never, and promote a model on the page Models"):
        Backfill.check({**REQUEST, "promotion": promotion}, settings)


def test_the_form_has_the_runs_fields_but_those_a_date_decides(settings: Settings) -> None:
    fields = backfill_form_fields(settings)
    assert {"from_date", "to_date", "every_days", "at_once", "ask", "train.epochs", "source"} <= set(fields)
    assert not {"as_of", "force"} & set(fields)
    assert (fields["from_date"]["type"], fields["from_date"]["format"]) == (["string", "null"], "date")
    assert (fields["promotion"]["enum"], fields["promotion"]["default"]) == (["never", "always"], "never")
    assert fields["at_once"]["type"] == ["integer", "null"]


def test_the_form_opens_with_the_dates_and_without_an_error(settings: Settings) -> None:
    fields = backfill_form_fields(settings)
    assert list(fields)[:3] == [SUMMARY, "from_date", "to_date"]
    assert {name for name, field in fields.items() if field["section"] == OPEN} >= {"from_date", "to_date", "sets"}
    # Airflow marks an empty field whose type does not allow null.
    assert [
        name for name, field in fields.items() if field["default"] in (None, "") and "null" not in field["type"]
    ] == []
    assert fields["from_date"]["description"].startswith("Required. First date")
    with pytest.raises(BadHyperparameters, match="from_date and to_date must be given as a date such as"):
        Backfill.check({name: field["default"] for name, field in fields.items()}, settings)
