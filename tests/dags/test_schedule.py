"""A schedule that the settings accept is one that Airflow's timetable can run, and the other way round."""

from __future__ import annotations

import itertools

import pendulum
import pytest
from airflow.timetables.base import TimeRestriction
from airflow.timetables.trigger import CronTriggerTimetable
from airflow.utils.dates import cron_presets

from meli_tasks.schedule import PRESETS, Schedule

FIELDS = (
    ("0", "99", "*/5", "*/0", "5/15", "-1", "1,,2", "?", "0-59/7", "60"),
    ("3", "25", "24", "*", "22-2"),
    ("*", "L", "LW", "W", "15W", "0", "31", "32", "L-3", "?", "1.5"),
    ("*", "2", "13", "JAN-MAR", "0", "4,6"),
    ("*", "7", "8", "L", "L5", "5L", "5#3", "FRI#2", "5#6", "MON-FRI", "5-1", "#3", "1,5#2", "mon#L"),
)
USUAL = ("0", "3", "*", "*", "*")
FIELD_BY_FIELD = [
    " ".join([*USUAL[:place], value, *USUAL[place + 1 :]]) for place, values in enumerate(FIELDS) for value in values
]
WORDS = [*cron_presets, "@nightly", "@midnight", "@annually", "@once", "@continuous", "@reboot", "@DAILY", "@"]
ODD = ["0 0 31 2 *", "0 0 30 2 *", "0 0 29 2 *", "0 0 31 4,6 *", "H H * * *", "a b c d e", "٣ 3 * * *", "0 3 * * *,"]
ZONES = ["UTC", "America/Argentina/Buenos_Aires", "America/New_York", "Europe/Lisbon", "Australia/Lord_Howe"]


def runs_in_airflow(schedule: Schedule) -> bool:
    """Whether Airflow can read the schedule and find the next runs, over a year with both changes of the clock."""
    assert schedule.cron
    try:
        timetable = CronTriggerTimetable(schedule.cron, timezone=schedule.timezone)
        timetable.validate()
        start = pendulum.datetime(2026, 1, 1, tz=schedule.timezone)
        for month in (0, 3, 10):
            restriction = TimeRestriction(earliest=start.add(months=month), latest=None, catchup=True)
            assert timetable.next_dagrun_info(last_automated_data_interval=None, restriction=restriction)
    except Exception:  # noqa: BLE001 whatever it raises, the DAG is gone
        return False
    return True


def is_accepted(text: str) -> bool:
    try:
        Schedule.parse(text)
    except ValueError:
        return False
    return True


def test_the_presets_are_airflows() -> None:
    assert cron_presets == PRESETS


@pytest.mark.parametrize("cron", [*FIELD_BY_FIELD, *WORDS, *ODD])
def test_an_expression_is_accepted_exactly_if_airflow_can_run_it(cron: str) -> None:
    for zone in ZONES[:2]:
        assert is_accepted(f"{cron} {zone}") == runs_in_airflow(Schedule(cron, zone)), zone


@pytest.mark.parametrize(
    ("cron", "zone"),
    list(itertools.product(["0 3 * * *", "30 2 * * *", "*/15 * * * *", "@hourly", "0 0 L * *"], ZONES)),
)
def test_an_accepted_schedule_runs_in_zones_that_change_the_clock(cron: str, zone: str) -> None:
    assert is_accepted(f"{cron} {zone}")
    assert runs_in_airflow(Schedule(cron, zone))


@pytest.mark.parametrize(
    "zone", ["America", "Mars/Olympus", "../../etc/passwd", "zone.tab", "a\0b", "America/", "+03:00"]
)
def test_what_is_not_a_zone_is_refused(zone: str) -> None:
    assert not is_accepted(f"0 3 * * * {zone}")
