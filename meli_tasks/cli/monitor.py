"""`meli monitor`: whether the champion still fits the titles."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from meli_tasks.cli.console import Json, echo, out, print_json, warn

if TYPE_CHECKING:
    from meli_tasks.monitoring.advice import Advice
    from meli_tasks.monitoring.monitor import Look
    from meli_tasks.monitoring.results import DayResult
    from meli_tasks.store import Store

EXAMPLES = (
    "meli monitor",
    "meli monitor --runs 30",
    "meli monitor --labels labels.csv",
    "meli monitor --report monitoring.html",
    "meli monitor --json",
)
_FEWEST_RUNS = 1
_MOST_RUNS = 366


def monitor(
    runs: Annotated[
        int,
        typer.Option(
            "--runs",
            min=_FEWEST_RUNS,
            max=_MOST_RUNS,
            help="How many of the newest runs, and of the newest days of batches and of the service, to examine.",
        ),
    ] = 7,
    again: Annotated[
        bool, typer.Option("--again", help="Examine runs and days again, even if the store has their results.")
    ] = False,
    labels: Annotated[
        str | None,
        typer.Option(
            "--labels",
            help="Files with labels of scored titles: columns title and category, or an id column and category.",
        ),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            "--report",
            metavar="FILE",
            help="Write all results to a single HTML file, which needs no network.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Compare the newest titles, ingested, scored or answered, with those that the champion was validated on.

    Unknown words, predicted categories, confidence, languages, title lengths, accents, broken characters and unusable
    rows are compared. A difference is reported if it is more than chance would give.

    The accuracy on scored titles is measured when labels arrive, from later runs and from `--labels` or
    MELI_MONITORING_LABELS.

    The results are stored, so each run and each day is examined a single time for a champion, unless titles were
    added to it. The exit code is 0 even if something has changed.
    """
    from dataclasses import asdict

    from meli_tasks.monitoring.advice import advise
    from meli_tasks.monitoring.monitor import Monitor
    from meli_tasks.monitoring.results import newest_of
    from meli_tasks.settings import Settings

    settings = Settings.from_environment()
    if labels is not None:
        settings = settings.model_copy(update={"monitoring_labels": labels})
    store = settings.open_store()
    look = Monitor(settings, store).look(runs=runs, again=again)
    advice = advise(store, newest_of(look.results)) if look.results else None
    if report is not None:
        _write(report, store, look, advice)
    if as_json:
        print_json({**_document(look), "advice": asdict(advice) if advice else None})
        return
    if look.warning:
        warn(look.warning)
    _print(look)
    if advice:
        echo(f"\n{advice.sentence}")


def _write(path: Path, store: Store, look: Look, advice: Advice | None) -> None:
    from meli_tasks.core.errors import NotFound
    from meli_tasks.disk import atomic_write
    from meli_tasks.monitoring.report import write_monitoring_report

    if advice is None:
        raise NotFound(
            f"There is nothing to report: nothing was ingested or scored since {look.champion} was promoted."
        )
    html = write_monitoring_report(store, look.champion, look.results, advice)
    with atomic_write(path) as part:
        part.write_bytes(html)


def _document(look: Look) -> dict[str, object]:
    from meli_tasks.monitoring.results import since

    def described(result: DayResult) -> dict[str, object]:
        document = result.model_dump(mode="json", exclude={"profile"})
        for finding in document["findings"]:
            changed = finding["changed"]
            finding["since"] = since(look.results, finding["statistic"], result) if changed else None
        return document

    new = {result.name for result in look.new}
    return {
        "champion": look.champion,
        "model": look.model,
        "new": [result.source for result in look.results if result.name in new],
        "days": [described(result) for result in look.results],
    }


def _print(look: Look) -> None:
    from rich.text import Text

    from meli_tasks.monitoring.findings import sentence
    from meli_tasks.monitoring.results import newest_of, since
    from meli_tasks.terminal import Column, Listing

    if not look.results:
        sources = "Nothing was ingested, scored or answered"
        echo(f"{sources} since {look.champion} became champion, so there is nothing to compare.")
        return
    numbers = (Column("titles", justify="right"), Column("accuracy", justify="right"))
    columns = [Column("day"), Column("source", rank=1), *numbers, Column("result")]
    listing = Listing(columns, f"Titles beside the validation titles of champion {look.champion}")
    for result in look.results:
        accuracy = result.accuracy
        figure = f"{accuracy.balanced_accuracy:.4f}" if accuracy and not accuracy.missing else "-"
        listing.add(result.day, result.source, f"{result.titles:,}", figure, Text(result.verdict))
    out().print(listing)
    for newest in newest_of(look.results):
        if newest.accuracy:
            echo(f"\n{newest.day}, {newest.subject}: {newest.accuracy.sentence}")
        if newest.changes:
            echo(f"\nWhat changed on {newest.day} in {newest.subject}:")
        for finding in newest.changes:
            echo(f"- {sentence(finding)} Since {since(look.results, finding.statistic, newest)}.")
            for example in finding.examples:
                echo(f"    {example}")
