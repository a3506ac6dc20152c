"""Ingest of one growing table: a run as of a day reads nothing newer, however the dates are written."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from meli_tasks.core.errors import BadData
from meli_tasks.core.stage_parameters import Ingest
from meli_tasks.stages.listings.dates import NO_DATE, UNREADABLE, days_of
from tests.stages.listings.listing_files import FEW, as_json_lines, as_parquet, csv_of, listings, quarantine, run, write

UNTIL = date(2026, 11, 21)
AS_OF: dict[str, Any] = {**FEW, "date_column": "created_at", "until": UNTIL}
WRITERS = {"csv": csv_of, "json lines": as_json_lines, "parquet": as_parquet}


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def dated_rows(*dates: Any) -> list[dict[str, Any]]:
    """Two rows a date, one of each category."""
    return [
        {"title": f"Silla {number} {category}", "category": category, "created_at": written}
        for number, written in enumerate(dates)
        for category in ("CHAIRS", "TABLES")
    ]


def numbers(out: Path) -> list[int]:
    """Which of the dates are among the listings."""
    return [int(str(row["title"]).split()[1]) for row in listings(out)][::2]


@pytest.mark.parametrize("form", WRITERS)
@pytest.mark.parametrize(("since", "expected"), [(None, [0, 2, 3]), ("2026-11-20", [2, 3]), ("2026-11-21", [3])])
def test_rows_of_other_days_are_left_out(
    tmp_path: Path, out: Path, form: str, since: str | None, expected: list[int]
) -> None:
    rows = dated_rows("2026-11-01", "2026-11-22", "2026-11-20T23:59:59-03:00", "2026-11-21 00:30:00", "2027-01-01")
    summary = run(write(tmp_path, "a", WRITERS[form](rows)), out, {**AS_OF, "since": since})
    assert numbers(out) == expected
    assert [row["row"] for row in listings(out)] == [2 * number + place for number in expected for place in (0, 1)]
    assert summary.excluded == {"date": 10 - 2 * len(expected)}
    assert (summary.source_rows, summary.bad_rows) == (10, 0)


@pytest.mark.parametrize("form", WRITERS)
def test_the_day_of_each_row_is_kept_if_asked_for(tmp_path: Path, out: Path, form: str) -> None:
    rows = dated_rows("2026-11-01", "", "2026-11-20T23:59:59-03:00", "2026-11-22", "2026-11-21 00:30:00")
    rows.insert(2, {"title": "", "category": "CHAIRS", "created_at": "2026-11-03"})
    rows.append({"title": "Mesa", "category": "RARE", "created_at": "2026-11-04"})
    params = {**AS_OF, "min_category_rows": 2, "max_bad_fraction": 1.0}
    source = write(tmp_path, "a", WRITERS[form](rows))
    without = run(source, out, params)
    assert "day" not in listings(out)[0]
    summary = run(source, out, {**params, "keep_days": True})
    kept = [(str(row["title"]), row["day"]) for row in listings(out)]
    days = {0: date(2026, 11, 1), 2: date(2026, 11, 20), 4: date(2026, 11, 21)}
    assert kept == [(f"Silla {number} {name}", day) for number, day in days.items() for name in ("CHAIRS", "TABLES")]
    assert summary == without  # the fingerprint too


def test_days_are_kept_only_with_a_date_column_and_change_no_other_key() -> None:
    with pytest.raises(ValidationError, match="keep_days needs date_column"):
        Ingest(keep_days=True)
    assert "keep_days" not in Ingest.key_values(Ingest().model_dump())


@pytest.mark.parametrize("form", WRITERS)
def test_rows_without_a_date_are_bad_rows(tmp_path: Path, out: Path, form: str) -> None:
    rows = dated_rows("2026-11-01", "", "21/11/2026", "2026-02-30", None, "2026-11-22", "  ")
    summary = run(write(tmp_path, "a", WRITERS[form](rows)), out, {**AS_OF, "max_bad_fraction": 1.0})
    assert numbers(out) == [0]
    assert summary.bad_by_reason == {"no date": 6, "unreadable date": 4}
    assert next(bad["seen"] for bad in quarantine(out) if bad["reason"] == "unreadable date") == (
        "title=Silla 2 CHAIRS, category=CHAIRS, date=21/11/2026"
    )


WRITTEN = {
    "date": "2026-11-21",
    "basic date": "20261121",
    "week date": "2026-W47-6",
    "date-time": "2026-11-21T23:59:59",
    "nanoseconds": "2026-11-21 23:59:59.123456789",
    "of Greenwich": "2026-11-21T23:59:59Z",
    "of Greenwich, in words": "2026-11-21 23:59:59.123 UTC",
    "with a zone": "2026-11-21T23:59:59-03:00",
    "with a zone of hours": "2026-11-21 00:00:01+00",
    "with a zone behind a space": "2026-11-21 00:00:01 +0530",
    "seconds since 1970": str(int(datetime(2026, 11, 21, 23, 59, tzinfo=UTC).timestamp())),
    "seconds with a fraction": f"{datetime(2026, 11, 21, 0, 0, tzinfo=UTC).timestamp()}25",
    "milliseconds since 1970": f"{int(datetime(2026, 11, 21, 23, 59, tzinfo=UTC).timestamp())}999",
    "milliseconds, as floats are written": "1.795219200000e+12",
    "among spaces": " 2026-11-21\t",
}
"""One day, in every way it may be written."""


@pytest.mark.parametrize("case", WRITTEN)
def test_every_way_to_write_a_day_is_read_and_the_same_in_any_company(case: str) -> None:
    text = WRITTEN[case]
    assert days_of([text]).tolist() == [UNTIL.toordinal()]
    assert days_of(["2026-11-20", text, None, "soon"]).tolist() == [
        UNTIL.toordinal() - 1,
        UNTIL.toordinal(),
        NO_DATE,
        UNREADABLE,
    ]


@pytest.mark.parametrize(
    "text", ["21/11/2026", "2026", "2026-1-5", "0000-00-00", "7", "-1", "1e400", "nan", "²" * 10, "١" * 10]
)
def test_what_is_not_a_date_is_unreadable(text: str) -> None:
    assert days_of([text]).tolist() == [UNREADABLE]


@given(st.datetimes(), st.sampled_from(["", "Z", "-03:00", "+14:00", "-1200"]), st.sampled_from(["T", " "]))
def test_the_day_is_the_one_that_is_written(at: datetime, zone: str, separator: str) -> None:
    assert days_of([at.isoformat(separator) + zone]).tolist() == [at.toordinal()]
    assert days_of(["", at.isoformat(separator) + zone]).tolist() == [NO_DATE, at.toordinal()]


LATE = datetime(2026, 11, 22, 1, tzinfo=UTC)  # in Buenos Aires it is still the 21st
COLUMNS = {
    "date32": ([UNTIL, UNTIL + timedelta(days=1)], pa.date32()),
    "date64": ([UNTIL, UNTIL + timedelta(days=1)], pa.date64()),
    "seconds": ([LATE.replace(day=21), LATE], pa.timestamp("s")),
    "nanoseconds": ([LATE.replace(day=21), LATE], pa.timestamp("ns")),
    "UTC": ([LATE.replace(day=21), LATE], pa.timestamp("us", "UTC")),
    "a zone by name": ([LATE, LATE + timedelta(hours=2)], pa.timestamp("ms", "America/Argentina/Buenos_Aires")),
    "a zone by hours": ([LATE, LATE + timedelta(hours=2)], pa.timestamp("ms", "-03:00")),
    "numbers": ([int(LATE.timestamp()) - 7_200, int(LATE.timestamp())], pa.int64()),
    "floats": ([(LATE.timestamp() - 7_200) * 1e3, LATE.timestamp() * 1e3], pa.float64()),
    "texts": (["2026-11-21", "2026-11-22"], pa.dictionary(pa.int8(), pa.string())),
}


@pytest.mark.parametrize("case", COLUMNS)
def test_parquet_columns_of_every_type_give_the_day(tmp_path: Path, out: Path, case: str) -> None:
    (before, after), kind = COLUMNS[case]
    table = pa.Table.from_pylist(dated_rows(*range(3))).drop_columns(["created_at"])
    dates = pa.array([value for value in (before, after, None) for _ in range(2)], kind)
    pq.write_table(table.append_column("Created_At", dates), tmp_path / "a.parquet")
    summary = run(tmp_path / "a.parquet", out, {**AS_OF, "max_bad_fraction": 0.5})
    assert numbers(out) == [0]
    assert (summary.excluded, summary.bad_by_reason) == ({"date": 2}, {"no date": 2})


def test_an_unknown_time_zone_is_refused(tmp_path: Path, out: Path) -> None:
    table = pa.Table.from_pylist(dated_rows("x")).drop_columns(["created_at"])
    dates = pa.array([0, 0], pa.timestamp("s", "Mars/Olympus_Mons"))
    pq.write_table(table.append_column("created_at", dates), tmp_path / "a.parquet")
    with pytest.raises(BadData, match=r"'created_at' is in the time zone 'Mars/Olympus_Mons'.*Install"):
        run(tmp_path / "a.parquet", out, AS_OF)


@pytest.mark.parametrize("form", WRITERS)
@pytest.mark.parametrize(
    ("column", "hint"),
    [("created", "Correct date_column: is it 'created_at'?"), ("xyz", "name the column with each title's date")],
)
def test_a_missing_date_column_is_refused(tmp_path: Path, out: Path, form: str, column: str, hint: str) -> None:
    source = write(tmp_path, "a.dat", WRITERS[form](dated_rows("2026-11-21")))
    with pytest.raises(BadData) as caught:
        run(source, out, {**AS_OF, "date_column": column})
    assert f"a.dat: no column {column!r}. Its columns: title, category, created_at." in str(caught.value)
    assert hint in str(caught.value)


def test_without_a_date_column_dates_do_not_matter(tmp_path: Path, out: Path) -> None:
    summary = run(write(tmp_path, "a.csv", csv_of(dated_rows("soon", "", "2999-01-01"))), out)
    assert (summary.rows, summary.bad_rows, summary.excluded) == (6, 0, {})


def test_bad_rows_of_later_days_do_not_count(tmp_path: Path, out: Path) -> None:
    """Otherwise a successful night could not be repeated once the table holds a bad day."""
    good, bad = dated_rows(*["2026-11-20"] * 10), [{**row, "title": ""} for row in dated_rows(*["2026-11-22"] * 90)]
    summary = run(write(tmp_path, "a.csv", csv_of(good + bad)), out, {**AS_OF, "max_bad_fraction": 0.0})
    assert (summary.rows, summary.bad_rows, summary.excluded) == (20, 0, {"date": 180})
    assert quarantine(out) == []
    some_bad = [*good, {**good[0], "title": ""}, *dated_rows(*["2026-11-22"] * 90)]
    with pytest.raises(BadData, match=r"1 of 21 rows \(4.8%\)"):
        run(write(tmp_path, "a.csv", csv_of(some_bad)), out, {**AS_OF, "max_bad_fraction": 0.04})


def test_nothing_on_these_days_says_so(tmp_path: Path, out: Path) -> None:
    source = write(tmp_path, "a.csv", csv_of(dated_rows("2026-11-22", "2026-11-23")))
    with pytest.raises(BadData, match=r"4 rows excluded by date\..*the window of days"):
        run(source, out, AS_OF)


@pytest.mark.parametrize(
    "params",
    [
        {"date_column": "created_at"},
        {"until": UNTIL},
        {"since": UNTIL},
        {"date_column": "created_at", "since": "2026-11-22", "until": UNTIL},
    ],
)
def test_days_that_make_no_sense_are_refused(params: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=r"must be set together|must not be after"):
        Ingest.model_validate(params)


days = st.integers(-5, 5).map(lambda number: UNTIL + timedelta(days=number))
clocks = st.sampled_from(["", "T00:00:00", " 23:59:59.999-03:00", "T12:00:00Z", " 06:00 UTC"])
tables = st.lists(st.tuples(days, clocks, st.sampled_from(["AB", "CD", ""])), max_size=30)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(tables, st.none() | st.integers(0, 6), st.sampled_from(sorted(WRITERS)))
def test_a_run_as_of_a_day_ignores_everything_newer(
    tmp_path_factory: pytest.TempPathFactory, table: list[tuple[date, str, str]], back: int | None, form: str
) -> None:
    folder = tmp_path_factory.mktemp("table")
    since = None if back is None else UNTIL - timedelta(days=back)
    rows = [
        {"title": f"Silla {number} {day}", "category": category, "created_at": f"{day}{clock}"}
        for number, (day, clock, category) in enumerate([*table, (UNTIL, "", "AB"), (UNTIL, "", "CD")])
    ]
    in_window = [row for row in rows if (str(since) if since else "") <= row["title"].split()[2] <= str(UNTIL)]
    found = []
    for name, some in (("whole", rows), ("as it was", in_window)):
        (folder / name).mkdir()
        source = write(folder, f"{name}.dat", WRITERS[form](some))
        summary = run(source, folder / name, {**AS_OF, "since": since, "max_bad_fraction": 1.0})
        titles = [row["title"] for row in listings(folder / name)]
        assert titles == [row["title"] for row in in_window if row["category"]]
        found.append(summary.model_dump(exclude={"source_rows", "excluded"}))
    assert found[0] == found[1]
