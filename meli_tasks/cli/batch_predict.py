"""`meli batch-predict`: files of titles, scored part by part, with a record of what was found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from meli_tasks.cli import completion
from meli_tasks.cli.console import Json, echo, print_json, warn
from meli_tasks.cli.options import AsOf, run_date
from meli_tasks.core.errors import BadData
from meli_tasks.wording import count

if TYPE_CHECKING:
    from meli_tasks.scoring.records import BatchPlan, BatchRecord

EXAMPLES = (
    "meli batch-predict titles.parquet",
    "meli batch-predict 's3://bucket/titles/{ds}/' --as-of 2026-11-20 --output s3://bucket/scored/2026-11-20",
    "meli batch-predict 'titles/*.jsonl' --output beside",
    "meli batch-predict 'titles/*.csv.gz' --set mlp --output scored --abstain-below 0.5 --json",
)


def batch_predict(
    source: Annotated[
        str,
        typer.Argument(
            metavar="[SOURCE]",
            help="A file, folder, glob, s3://bucket/prefix or https:// with a column title; {ds} in it is the date. By "
            "default MELI_BATCH_SOURCE.",
            show_default=False,
        ),
    ] = "",
    *,
    model: Annotated[
        str, typer.Option("--model", help="A model's key or its beginning, instead of the champion.")
    ] = "",
    set_name: Annotated[
        str,
        typer.Option(
            "--set",
            help="The newest model of a set, or ensemble, instead of the champion.",
            autocompletion=completion.sets,
        ),
    ] = "",
    output: Annotated[
        str,
        typer.Option(
            "--output",
            help="Copies of the results: a folder or s3:// prefix, [bold]beside[/bold] for a folder _scored beside the "
            "files, or [bold]store[/bold] for none. By default MELI_BATCH_OUTPUT.",
            show_default=False,
        ),
    ] = "",
    as_of: AsOf = None,
    top: Annotated[int, typer.Option("--top", min=1, max=100, help="How many categories each row gets.")] = 5,
    abstain_below: Annotated[
        float,
        typer.Option(
            "--abstain-below",
            min=0.0,
            max=1.0,
            help="Count rows with a lower probability as abstentions; their category is written nevertheless.",
        ),
    ] = 0.0,
    as_json: Json = False,
) -> None:
    """Score files of titles with the champion, part by part.

    Every file is a part; a large Parquet file has several. Each row keeps its columns and gets the same ones as from
    [bold]meli predict[/bold], in the format of its file. What was scored before with the same model is not scored
    again, and a batch that was interrupted goes on with the parts that are missing.

    A file that cannot be read does not stop the others. It is named at the end, and the command fails.
    """
    from meli_tasks.scoring.batch import score_here
    from meli_tasks.scoring.request import BatchRequest
    from meli_tasks.settings import Settings

    settings = Settings.from_environment()
    params = {"source": source, "model": model, "set_name": set_name, "output": output}
    request = BatchRequest.check({**params, "top": top, "abstain_below": abstain_below}, settings)

    def report(plan: BatchPlan, index: int) -> None:
        if not as_json:
            echo(f"{index + 1} of {len(plan.parts)}: {plan.parts[index].label}")

    scored = score_here(request, settings, settings.open_store(), run_date(as_of), report)
    record = scored.record
    if as_json:
        print_json({**record.model_dump(mode="json", exclude={"profile"}), "reused_parts": scored.reused})
    else:
        _print(record, scored.reused)
    if record.problems:
        raise BadData(f"{count(len(record.problems), 'file')} could not be scored: {'; '.join(record.problems)}")


def _print(record: BatchRecord, reused: int) -> None:
    before = f", {count(reused, 'part')} scored before" if reused else ""
    echo(f"{count(record.rows, 'row')} in {count(len(record.parts), 'part')} by {record.model_name}{before}")
    if record.bad_rows:
        reasons = "; ".join(f"{reason}: {rows:,}" for reason, rows in record.bad_by_reason.items())
        warn(f"{count(record.bad_rows, 'row')} got an empty category ({reasons}).")
    if record.unknown_rows:
        warn(f"{count(record.unknown_rows, 'row')} got no category, because the model knows no word of the title.")
    if record.abstained:
        echo(f"{count(record.abstained, 'row')} below a probability of {record.abstain_below:g}")
    most = sorted(record.categories.items(), key=lambda entry: (-entry[1], entry[0]))[:5]
    if most:
        echo("most frequent: " + ", ".join(f"{name} ({rows:,})" for name, rows in most))
    for file in record.without_use:
        warn(f"{file}: no row could be used.")
    for part in record.parts:
        if part.address:
            echo(part.address)
