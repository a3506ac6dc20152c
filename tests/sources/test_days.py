"""The days of a source: `{ds}` as one day or as a window of the last ones, in every kind of place."""

from __future__ import annotations

import logging
from datetime import date, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from meli_tasks import sources
from meli_tasks.core.errors import BadData
from tests.sources.test_sources import NO_SETTINGS, fetched

LAST = date(2026, 11, 21)
MISSING = "changed after this run was planned"


def window(spec: str, folder: Path, days: int, as_of: date = LAST) -> dict[str, bytes]:
    return fetched(spec, folder, as_of=as_of, window_days=days)


def write_days(folder: Path, *days: date, name: str = "{ds}.csv") -> None:
    for day in days:
        path = folder / name.replace("{ds}", str(day))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(f"title,category\nSilla {day},CHAIRS\n".encode())


def test_a_window_is_every_day_in_order(tmp_path: Path) -> None:
    write_days(tmp_path, *(LAST - timedelta(days=number) for number in range(-1, 5)))
    found = window(f"{tmp_path}/{{ds}}.csv", tmp_path / "fetched", 3)
    assert list(found) == ["2026-11-19.csv", "2026-11-20.csv", "2026-11-21.csv"]
    assert b"Silla 2026-11-19" in found["2026-11-19.csv"]


def test_files_of_one_name_are_told_apart_by_their_day(tmp_path: Path) -> None:
    write_days(tmp_path, LAST - timedelta(days=1), LAST, name="{ds}/b.csv")
    write_days(tmp_path, LAST, name="{ds}/a.csv")
    expected = ["2026-11-20-b.csv", "2026-11-21-a.csv", "2026-11-21-b.csv"]
    assert list(window(f"{tmp_path}/{{ds}}/*.csv", tmp_path / "glob", 2)) == expected
    assert list(window(f"file://{tmp_path}/{{ds}}", tmp_path / "folder", 2)) == expected


def test_a_date_that_stands_twice_is_one_day(tmp_path: Path) -> None:
    write_days(tmp_path, LAST - timedelta(days=1), LAST, name="{ds}/titles-{ds}.csv")
    found = window(f"{tmp_path}/{{ds}}/titles-{{ds}}.csv", tmp_path / "fetched", 5)
    assert list(found) == ["titles-2026-11-20.csv", "titles-2026-11-21.csv"]


def test_a_window_s_identity_is_that_of_its_files(tmp_path: Path) -> None:
    write_days(tmp_path / "a", LAST - timedelta(days=1), LAST)
    write_days(tmp_path / "b", LAST - timedelta(days=1), LAST, name="year=2026/{ds}.csv")

    def identity(spec: str, days: int) -> str:
        return sources.identify(spec, LAST, NO_SETTINGS, days).identity

    two_days = identity(f"{tmp_path}/a/{{ds}}.csv", 2)
    assert two_days == identity(f"{tmp_path}/b/*/{{ds}}.csv", 30) == identity(f"{tmp_path}/a/*.csv", 1)
    assert two_days != identity(f"{tmp_path}/a/{{ds}}.csv", 1)


def test_days_without_files_are_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_days(tmp_path, LAST - timedelta(days=3), LAST - timedelta(days=1))
    with caplog.at_level(logging.WARNING):
        assert len(window(f"{tmp_path}/{{ds}}.csv", tmp_path / "fetched", 4)) == 2
    (message,) = caplog.messages
    assert "{2026-11-18..2026-11-21}.csv has no files for 2 of its 4 days" in message
    assert message.endswith(": 2026-11-19, 2026-11-21")


def test_a_window_without_any_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadData, match=r"any of the 2 days from 2026-11-20 to 2026-11-21.*2026-11-21.csv matches no"):
        sources.identify(f"{tmp_path}/{{ds}}.csv", LAST, NO_SETTINGS, 2)


def test_a_day_that_comes_late_or_goes_is_a_change(tmp_path: Path) -> None:
    write_days(tmp_path, LAST)
    planned = sources.identify(f"{tmp_path}/{{ds}}.csv", LAST, NO_SETTINGS, 2)
    sources.confirm(planned.spec, NO_SETTINGS, planned.identity)
    write_days(tmp_path, LAST - timedelta(days=1))
    (tmp_path / "fetched").mkdir()
    with pytest.raises(BadData, match=MISSING):
        sources.fetch(planned.spec, tmp_path / "fetched", NO_SETTINGS, planned.identity)
    with pytest.raises(BadData, match=MISSING):
        sources.confirm(planned.spec, NO_SETTINGS, planned.identity)


def test_a_window_needs_what_tells_its_days_apart(tmp_path: Path) -> None:
    write_days(tmp_path, LAST)
    spec = str(tmp_path / f"{LAST}.csv")
    with pytest.raises(
        BadData, match=r"window_days is 7\. Write \{ds\} in .*set date_column .*, or set window_days to 1"
    ):
        sources.identify(spec, LAST, NO_SETTINGS, 7)
    assert sources.identify(spec, LAST, NO_SETTINGS, 7, dated_rows=True) == sources.identify(spec, LAST, NO_SETTINGS)
    with pytest.raises(BadData, match="this run has none: set `as_of`"):
        sources.identify(f"{tmp_path}/{{ds}}.csv", None, NO_SETTINGS, 7)


@pytest.mark.parametrize(
    "spec",
    [
        "{2026-11-21..2026-11-20}.csv",
        "{2026-02-01..2026-02-30}.csv",
        "{0001-01-01..2026-11-21}.csv",
        "{2026-11-20..2026-11-21}/{2026-11-01..2026-11-21}.csv",
    ],
)
def test_a_window_that_cannot_be_is_refused(spec: str) -> None:
    with pytest.raises(BadData, match="a window of days that cannot be read"):
        sources.identify(spec, None, NO_SETTINGS)


def test_the_first_days_of_the_calendar(tmp_path: Path) -> None:
    write_days(tmp_path, date(1, 1, 1))
    assert list(window(f"{tmp_path}/{{ds}}.csv", tmp_path / "fetched", 10, as_of=date(1, 1, 3))) == ["0001-01-01.csv"]


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(st.sets(st.integers(-12, 12), min_size=1), st.integers(1, 15))
def test_nothing_newer_or_older_than_the_window_is_found(
    tmp_path_factory: pytest.TempPathFactory, there: set[int], days: int
) -> None:
    folder = tmp_path_factory.mktemp("days")
    write_days(folder, *(LAST + timedelta(days=number) for number in there))
    expected = [f"{LAST + timedelta(days=number)}.csv" for number in sorted(there) if -days < number <= 0]
    if not expected:
        with pytest.raises(BadData, match=r"nothing for any of the|matches no file"):
            sources.identify(f"{folder}/{{ds}}.csv", LAST, NO_SETTINGS, days)
    else:
        assert list(window(f"{folder}/{{ds}}.csv", folder / "fetched", days)) == expected


def test_the_sample_has_a_table_for_each_day(tmp_path: Path) -> None:
    spec = "sample:rows=300,seed=7,day={ds}"
    days = list(window(spec, tmp_path / "three", 3))
    assert days == [f"sample-300-7-2026-11-{day}.parquet" for day in (19, 20, 21)]
    titles = [set(pq.read_table(tmp_path / "three" / name)["title"].to_pylist()) for name in days]
    assert len(set.union(*titles)) > 0.98 * 900
    (today,) = window(spec, tmp_path / "one", 1).values()
    assert today == (tmp_path / "three" / days[-1]).read_bytes()


def test_a_day_is_part_of_a_sample_s_identity_and_none_is_as_before() -> None:
    def identity(spec: str, as_of: date = LAST, days: int = 1) -> str:
        return sources.identify(spec, as_of, NO_SETTINGS, days).identity

    # Of the sample as it was before there were days: what is computed from it stays found.
    assert identity("sample:rows=20000,seed=1") == "4ed2d3173f18f0a1f67e11626629df34"
    day_before = LAST - timedelta(days=1)
    dated = [identity("sample:day={ds}"), identity("sample:day={ds}", day_before), identity("sample:day={ds}", days=2)]
    assert len({*dated, identity("sample")}) == 4
    assert identity("sample:day={ds}") == identity(f"sample:seed=1, day={LAST}", day_before)


@pytest.mark.parametrize("day", ["today", "2026-02-30", ""])
def test_a_day_that_is_none_is_refused(day: str) -> None:
    with pytest.raises(BadData, match=r"it must be a date like 2026-11-21, or \{ds\} for the run's date, as in"):
        sources.identify(f"sample:day={day}", None, NO_SETTINGS)
