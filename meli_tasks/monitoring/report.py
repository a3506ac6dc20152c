"""The results of monitoring a champion as a single HTML file, which needs no network and runs no script."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from meli_tasks.artifacts import paths, reading
from meli_tasks.monitoring.advice import Advice
from meli_tasks.monitoring.findings import sentence
from meli_tasks.monitoring.results import ACCURACY, MOST_DAYS, DayResult, by_stream, since
from meli_tasks.report import charts
from meli_tasks.report.blocks import (
    Block,
    Cell,
    Chart,
    Charts,
    Column,
    Facts,
    LegendEntry,
    Section,
    Table,
    Text,
    figure,
    interval,
    signed,
    whole,
)
from meli_tasks.report.charts import Axis, Line
from meli_tasks.report.templating import html_report
from meli_tasks.store import Store
from meli_tasks.wording import count, duration

_FIRST, _SECOND = 0, 1  # colours
_LEAST_HEIGHT = 0.1


@dataclass(frozen=True)
class _Drawn:
    """Two lines of a chart over days, and their names."""

    title: str
    names: tuple[str, str]
    rows: Sequence[tuple[str, float, float]]
    from_zero: bool = False


def write_monitoring_report(store: Store, champion: str, results: Sequence[DayResult], advice: Advice) -> bytes:
    """Make the report and store it beside the results, where the page Monitoring finds it.

    Args:
        store: Where the results are.
        champion: The champion's set.
        results: The results, oldest day first; not empty.
        advice: Whether to retrain.
    """
    html = render(store.url, champion, results, advice).encode()
    reading.write(store, paths.monitoring_report(results[0].model), html)
    return html


def render(store: str, champion: str, results: Sequence[DayResult], advice: Advice) -> str:
    """The report as HTML."""
    days = sorted({result.day for result in results})[-MOST_DAYS:]
    displayed = [result for result in results if result.day in days]
    sections = [Section("advice", "Should I retrain tonight?", _advice(champion, advice))]
    for number, (stream, of_stream) in enumerate(by_stream(displayed).items()):
        sections.append(Section(f"titles-{number}", f"{stream[0].upper()}{stream[1:]}", _stream(of_stream)))
    return html_report(
        kind="monitoring of a champion",
        title=f"Does {champion} still fit the titles?",
        subtitle=f"{days[0]} to {days[-1]}, compared with the titles that {champion} was validated on",
        sections=sections,
        origin=f"{store}/{paths.monitored_days(results[0].model)}",
    )


def _advice(champion: str, advice: Advice) -> list[Block]:
    past = f"Mean gain of the last {count(advice.decisions, 'decision')}" if advice.decisions else "Expected gain"
    gain = signed(advice.gain) if advice.gain is not None else Cell("unknown: there is no earlier decision")
    time = Cell(duration(advice.seconds) if advice.seconds is not None else "unknown: none was recorded")
    return [
        Text(f"{advice.answer}: {advice.reason}", "warning" if advice.retrain else ""),
        Facts([("Current champion", Cell(champion)), (past, gain), ("Expected training time", time)]),
    ]


def _stream(results: Sequence[DayResult]) -> list[Block]:
    newest = results[-1]
    blocks: list[Block] = [
        Text(
            f"{newest.day}, {newest.subject}: {newest.verdict.removesuffix('.')}.", "warning" if newest.alarms else ""
        ),
    ]
    if newest.accuracy and not newest.accuracy.missing:
        began = f" Since {since(results, ACCURACY, newest)}." if newest.accuracy.worse else ""
        blocks.append(Text(f"{newest.accuracy.sentence}{began}"))
    for finding in newest.changes:
        blocks.append(Text(f"{sentence(finding)} Since {since(results, finding.statistic, newest)}."))
        blocks += [Text(example, "note") for example in finding.examples]
    blocks.append(Charts([_chart(drawn) for drawn in [*_accuracies(results), *_distances(results)]]))
    blocks.append(_days(results))
    return blocks


def _accuracies(results: Sequence[DayResult]) -> list[_Drawn]:
    """The accuracy over days; none if no day has one."""
    measured = [(each.day, each.accuracy) for each in results if each.accuracy and not each.accuracy.missing]
    rows = [(day, found.balanced_accuracy, found.promised) for day, found in measured]
    return [_Drawn("Balanced accuracy", ("measured", "promised"), rows)] if rows else []


def _distances(results: Sequence[DayResult]) -> list[_Drawn]:
    """The distance of each statistic over days."""
    found: dict[str, list[tuple[str, float, float]]] = {}
    for result in results:
        for finding in result.findings:
            if not finding.missing:
                row = result.day, finding.distance, finding.chance_level
                found.setdefault(finding.statistic, []).append(row)
    names = "distance", "chance level"
    return [
        _Drawn(f"{name[0].upper()}{name[1:]}: distance", names, rows, from_zero=True) for name, rows in found.items()
    ]


def _chart(drawn: _Drawn) -> Chart:
    first = date.fromisoformat(drawn.rows[0][0])
    days = [(date.fromisoformat(day) - first).days for day, _, _ in drawn.rows]
    lines = [
        Line(days, [one for _, one, _ in drawn.rows], _FIRST),
        Line(days, [other for _, _, other in drawn.rows], _SECOND, "dashed"),
    ]
    day, one, other = drawn.rows[-1]
    highest = max(max(row[1:]) for row in drawn.rows)
    limits = (0.0, 1.1 * highest or _LEAST_HEIGHT) if drawn.from_zero else None
    return Chart(
        drawn.title,
        charts.draw(lines, Axis(f"days since {first}", whole=True), Axis("", limits)),
        f"{drawn.title} by day. On {day}: {drawn.names[0]} {one:.4f}, {drawn.names[1]} {other:.4f}.",
        [LegendEntry(drawn.names[0], _FIRST), LegendEntry(drawn.names[1], _SECOND, dashed=True)],
        Table(
            drawn.title,
            [Column("Day"), *(Column(name, numeric=True) for name in drawn.names)],
            [[Cell(day), figure(one), figure(other)] for day, one, other in drawn.rows],
            folded="Values",
        ),
    )


def _days(results: Sequence[DayResult]) -> Table:
    columns = [Column("Day"), Column("Source"), Column("Titles", numeric=True), Column("Balanced accuracy", True)]
    columns += [Column("95 % interval", True), Column("Result")]
    return Table("Days, the newest first", columns, [_row(result) for result in reversed(results)])


def _row(result: DayResult) -> list[Cell]:
    accuracy = result.accuracy if result.accuracy and not result.accuracy.missing else None
    return [
        Cell(result.day),
        Cell(result.source),
        whole(result.titles),
        figure(accuracy.balanced_accuracy if accuracy else None),
        interval(accuracy.interval if accuracy else None),
        Cell(result.verdict, tone="warning" if result.alarms else ""),
    ]
