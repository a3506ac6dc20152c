"""A run's day has its files, or the message says what was looked for."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from meli_tasks.planning.late_files import late_files
from meli_tasks.planning.request import Request
from meli_tasks.settings import Settings

SETTINGS = Settings()
DAY = date(2026, 11, 28)


def missing(source: str, day: date | None = DAY, **more: object) -> str:
    return late_files(Request.check({"source": source, **more}, SETTINGS), SETTINGS, day)


def test_the_files_of_the_runs_day_are_looked_for(tmp_path: Path) -> None:
    source = f"{tmp_path}/{{ds}}.csv"
    assert "2026-11-28.csv" in missing(source)
    (tmp_path / "2026-11-28.csv").write_text("title,category\n")
    assert missing(source) == ""
    assert "2026-11-27.csv" in missing(source, as_of="2026-11-27")


def test_of_a_window_the_newest_day_counts(tmp_path: Path) -> None:
    (tmp_path / "2026-11-27.csv").write_text("title,category\n")
    assert "2026-11-28.csv" in missing(f"{tmp_path}/{{ds}}.csv", window_days=7)


def test_what_has_no_dates_is_never_late(tmp_path: Path) -> None:
    assert missing(f"{tmp_path}/titles.csv") == ""
    assert missing(f"{tmp_path}/{{ds}}.csv", None) == ""
