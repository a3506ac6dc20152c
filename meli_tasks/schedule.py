"""The nightly schedule: a cron expression and a time zone in one text, checked as Airflow's timetable will read it.

An expression that only Airflow refuses takes the DAG away when its file is read, or stops the scheduler when it looks
for the next run. So the same library reads it here, and has to find a next and a previous run.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

CRON_FIELDS = 5
UTC = "UTC"
NONE = "none"
# Airflow's own; the others that begin with @ are croniter's. tests/dags/test_schedule.py compares them.
PRESETS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@quarterly": "0 0 1 */3 *",
    "@yearly": "0 0 1 1 *",
}
EXAMPLE = "write 5 fields and a time zone, as in '0 3 * * * America/Sao_Paulo', a word such as @daily, or 'none'"
_FIELD = re.compile(r"[\d*?,/#LWHR-]+", re.IGNORECASE)


@dataclass(frozen=True)
class Schedule:
    """When the nightly run starts. `cron` is None if there is none."""

    cron: str | None
    timezone: str = UTC

    @classmethod
    def split(cls, text: str) -> Schedule:
        """Separate the expression from the time zone after it, without checking either."""
        words = text.split()
        keyword = bool(words) and (words[0].startswith("@") or words[0].lower() == NONE)
        zoned = len(words) > 1 if keyword else len(words) > CRON_FIELDS
        zone = words.pop() if zoned else UTC
        cron = " ".join(words)
        return cls(None if cron.lower() == NONE else cron, UTC if zone.upper() == UTC else zone)

    @classmethod
    def parse(cls, text: str) -> Schedule:
        """Read and check a schedule.

        Raises:
            ValueError: Airflow could not use it.
        """
        schedule = cls.split(text)
        if schedule.cron is not None:
            _check_fields(text)
            _check_cron(schedule.cron)
        _check_zone(schedule.timezone)
        return schedule


def _check_fields(text: str) -> None:
    words = text.split()
    if len(words) > CRON_FIELDS and not words[0].startswith("@") and _FIELD.fullmatch(words[-1]):
        raise ValueError(f"{text!r} has {len(words)} fields; seconds and years are not supported: {EXAMPLE}")


def _check_cron(expression: str) -> None:
    from croniter import CroniterError, croniter

    try:
        cron = croniter(PRESETS.get(expression, expression), datetime(2026, 1, 1))
        cron.get_next(datetime)
        cron.get_prev(datetime)
    except (CroniterError, ValueError, KeyError) as error:
        reason = "no date matches it" if "find" in str(error) else str(error)
        raise ValueError(f"{expression!r} is not a valid cron expression ({reason}): {EXAMPLE}") from None


def _check_zone(zone: str) -> None:
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError):  # OSError: a folder of zones, such as America
        raise ValueError(f"{zone!r} is not a time zone; write a name such as America/Sao_Paulo") from None
