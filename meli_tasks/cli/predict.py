"""`meli predict`: predict categories for titles on the command line, or for every row of a file."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from meli_tasks.cli import completion
from meli_tasks.cli.console import Json, echo, err, print_json, warn
from meli_tasks.cli.options import file_to_write
from meli_tasks.cli.predicted_titles import ask_service, classify, print_tables
from meli_tasks.core.errors import BadData
from meli_tasks.wording import count, doubtful_note, duration

if TYPE_CHECKING:
    from meli_tasks.prediction.files import Progress
    from meli_tasks.prediction.ranking import Ranker

EXAMPLES = (
    'meli predict "Funda Silicona Iphone 11"',
    'meli predict "Zapatillas Running 42" "Fone De Ouvido Bluetooth" --top 3 --json',
    "meli predict --input titles.csv.gz --output categories.csv.gz",
    "meli predict --input titles.parquet --output categories.jsonl --set cnn",
)

_NAMED_LINES = 20
_FEW_TITLES = 100


def predict(  # noqa: PLR0917 options, all given by name
    titles: Annotated[
        list[str] | None, typer.Argument(help="Titles to classify; quote each one.", show_default=False)
    ] = None,
    input: Annotated[
        Path | None,
        typer.Option(
            "--input",
            "-i",
            metavar="FILE",
            help="CSV, JSON Lines or Parquet file with a column [bold]title[/bold], gzipped or not.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        file_to_write(
            "File to write: the columns of the input, and category, probability, categories, probabilities and known."
        ),
    ] = None,
    top: Annotated[
        int, typer.Option(min=1, max=1000, metavar="NUMBER", help="Number of categories to predict for each title.")
    ] = 5,
    model: Annotated[
        str,
        typer.Option(
            metavar="KEY",
            help="Use the model with this key (or key prefix) instead of the champion; KEY@SHA256 names one attempt.",
        ),
    ] = "",
    set_name: Annotated[
        str,
        typer.Option(
            "--set",
            metavar="NAME",
            help="Use the newest model of this set instead of the champion.",
            autocompletion=completion.sets,
        ),
    ] = "",
    as_json: Json = False,
) -> None:
    """Predict the most likely categories of titles with the current champion.

    Titles are given on the command line or in a file of any length, which is read and written in chunks. Rows of a file
    that have no usable title keep their place, get an empty category and are counted; if no row at all can be
    classified, the command fails. A title of which the model knows no word gets no category either, as it would be a
    guess: [bold]known[/bold] is false then, and the command succeeds. Input columns with the name of an added column
    are kept as given_category and so on. The output file appears only when it is complete.

    Titles on the command line are answered by the service at MELI_SERVING_URL if that is set and no model is named; if
    the service does not answer, the model is loaded here.
    """
    _check_options(titles or [], input, output, model, set_name)
    for title in titles or []:
        _check_title(title)
    if input and output:
        from meli_tasks.prediction.files import check_files

        check_files(
            input, output
        )  # before the model is fetched, which takes seconds that a wrong file name should not cost
    if input and output:
        name, classifier = _classifier(model, set_name)
        _predict_file(classifier, name, input, output, top=top, as_json=as_json)
        return
    predicted = None if model or set_name else ask_service(titles or [], top)
    if predicted is None:
        name, classifier = _classifier(model, set_name, for_few_titles=len(titles or []) <= _FEW_TITLES)
        predicted = name, classify(classifier, titles or [], top)
    name, predictions = predicted
    if as_json:
        print_json({"model": name, "titles": [asdict(prediction) for prediction in predictions]})
    else:
        print_tables(predictions, name)


def _check_options(titles: list[str], source: Path | None, target: Path | None, model: str, set_name: str) -> None:
    if bool(source) != bool(target):
        raise typer.BadParameter("--input and --output must be given together.")
    if bool(titles) == bool(source):
        raise typer.BadParameter("give titles, or --input and --output" + (", not both." if titles else "."))
    if model and set_name:
        raise typer.BadParameter("--model and --set both choose the model; give only one.")


def _check_title(title: str) -> None:
    from meli_tasks.rowfiles.titles import cleaned, problems_of

    if problem := problems_of(cleaned([title]))[0]:
        given = f"{title[:60]!r} and {count(len(title) - 60, 'more character')}" if len(title) > 60 else repr(title)
        raise BadData(f"This title cannot be classified: {problem}. It was {given}.")


def _classifier(key: str, set_name: str, *, for_few_titles: bool = False) -> tuple[str, Ranker]:
    from meli_tasks.prediction import models
    from meli_tasks.settings import Settings

    settings = Settings.from_environment()
    store = settings.open_store()
    model = models.find_model(store, key, set_name)
    if model.warning:
        warn(model.warning)
    load = models.load_for_few_titles if for_few_titles else models.load
    return model.name, load(settings, store, model)


def _predict_file(classifier: Ranker, name: str, source: Path, target: Path, *, top: int, as_json: bool) -> None:
    from meli_tasks.prediction.files import predict_file

    with _progress_bar(source, quiet=as_json) as report:
        done = predict_file(classifier, source, target, top=top, report=report)
    _report_file(done, name, target, as_json=as_json)
    if done.failed:
        raise BadData(
            f"No row of {source} could be classified ({_reasons(done)}). "
            f"{target} was written nevertheless; the category is empty in all of its {count(done.rows, 'row')}."
        )


def _by_column(values: Mapping[str, int]) -> str:
    return ", ".join(f"{name} ({count(number, 'value')})" for name, number in sorted(values.items()))


def _report_file(done: Progress, name: str, target: Path, *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "model": name,
                "output": str(target),
                "rows": done.rows,
                "classified": done.rows - done.bad_rows - done.unknown_rows,
                "unknown_rows": done.unknown_rows,
                "bad_rows": done.bad_rows,
                "bad_by_reason": dict(done.bad),
                "bad_lines": done.bad_lines,
                "renamed": done.renamed,
                "base64_values": dict(done.base64),
                "escaped_values": dict(done.escaped),
                "lists_as_json": done.lists_as_json,
                "encoding": done.encoding_advice,
                "doubtful_lines": done.doubtful_lines,
                "seconds": round(done.seconds, 3),
                "rows_per_second": round(done.rows_per_second, 1),
            }
        )
        return
    echo(
        f"{target}: {count(done.rows, 'row')} by {name} in {duration(done.seconds)}, {done.rows_per_second:,.0f} rows/s"
    )
    if done.bad and not done.failed:
        warn(f"{count(done.bad_rows, 'row')} got an empty category ({_reasons(done)}).")
    if done.unknown_rows:
        warn(
            f"{count(done.unknown_rows, 'row')} got no category, because the model knows no word of the title: "
            "known is false."
        )
    if done.encoding_advice:
        warn(done.encoding_advice)
    if lines := done.doubtful_lines:
        named = ", ".join(map(str, lines[:_NAMED_LINES])) + (", ..." if len(lines) > _NAMED_LINES else "")
        warn(doubtful_note(len(lines), f"line{'' if len(lines) == 1 else 's'} {named}"))
    if done.base64:
        warn(f"bytes that are not text were written in base64: {_by_column(done.base64)}.")
    if done.escaped:
        warn(rf"bytes that are not UTF-8 were written as escapes such as \xf1: {_by_column(done.escaped)}.")
    if done.lists_as_json:
        warn("a category's name contains ' | ', so categories and probabilities are JSON lists.")
    if done.renamed:
        warn(
            "columns of the input with the same names were kept as "
            + ", ".join(f"{new} (was {old})" for old, new in sorted(done.renamed.items()))
        )


def _reasons(done: Progress) -> str:
    """Why rows were not classified, how many, and the first lines on which they are."""
    parts = []
    for reason, rows in done.bad.most_common():
        lines = done.bad_lines[reason]
        named = f"line{'' if rows == 1 else 's'} {', '.join(map(str, lines))}{', ...' if rows > len(lines) else ''}"
        parts.append(f"{reason}: {rows:,}, {named}")
    return "; ".join(parts)


@contextmanager
def _progress_bar(source: Path, quiet: bool) -> Iterator[Callable[[Progress], None]]:
    """Show progress on stderr if it is a terminal."""
    if quiet or not sys.stderr.isatty():
        yield lambda progress: None
        return
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    title = TextColumn("{task.description}", markup=False)
    columns = (title, BarColumn(), TextColumn("{task.fields[rate]}"), TimeRemainingColumn())
    with Bars(*columns, console=err(), transient=True) as bars:
        task = bars.add_task(source.name, total=1.0, rate="")

        def report(progress: Progress) -> None:
            rate = f"{count(progress.rows, 'row')}, {progress.rows_per_second:,.0f} rows/s"
            bars.update(task, completed=progress.fraction, rate=rate)

        yield report
