"""`meli search`: better hyperparameters within a budget of minutes, kept as a named set."""

from __future__ import annotations

from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Annotated, Any

import typer

from meli_tasks.cli.console import Json, print_json
from meli_tasks.cli.options import (
    AsOf,
    DateColumn,
    KeptLanguage,
    Language,
    MaxBadShare,
    MinCategoryRows,
    ReliableOnly,
    Source,
    Window,
    overrides,
)

EXAMPLES = (
    "meli search --minutes 10 --family mlp",
    "meli search --minutes 30 --family cnn --source titles.csv.gz --name cnn_november",
    "meli search --minutes 10 --from mlp --override train.epochs=5 --seed 2 --json",
)
INTERRUPTED = 130


class Family(StrEnum):
    """The architectures."""

    mlp = "mlp"
    cnn = "cnn"


Minutes = Annotated[
    float, typer.Option(min=0.01, max=1_440, metavar="MINUTES", help="How long, preparing the titles included.")
]
SearchedFamily = Annotated[
    Family | None,
    typer.Option(help="The architecture that is searched. Default: that of --from, or mlp.", show_default=False),
]
Start = Annotated[
    str,
    typer.Option(
        "--from",
        metavar="SET",
        help="The set to start from. Default: the best of the family that was trained on these titles, else the "
        "family's default.",
    ),
]
Name = Annotated[
    str, typer.Option(metavar="NAME", help="The new set's name. Default: search_FAMILY_DATE, numbered if taken.")
]
Seed = Annotated[int, typer.Option(min=0, metavar="SEED", help="Seed of what is proposed.")]
Trials = Annotated[
    int, typer.Option(min=0, metavar="TRIALS", help="Trials at most; 0 for as many as the minutes allow.")
]
Held = Annotated[
    list[str] | None,
    typer.Option(
        "--override",
        metavar="KEY=VALUE",
        help="A parameter to hold, e.g. train.epochs=5: it is not searched. Repeatable.",
        show_default=False,
    ),
]


def search(  # noqa: PLR0917 options, all given by name
    minutes: Minutes,
    family: SearchedFamily = None,
    source: Source = "",
    start: Start = "",
    name: Name = "",
    seed: Seed = 1,
    trials: Trials = 0,
    held: Held = None,
    window_days: Window = 1,
    date_column: DateColumn = "",
    language: KeptLanguage = Language.any,
    reliable_only: ReliableOnly = False,
    max_bad_share: MaxBadShare = None,
    min_category_rows: MinCategoryRows = None,
    as_of: AsOf = None,
    as_json: Json = False,
) -> None:
    """Search for better hyperparameters within a budget of minutes, and keep the best as a named set in the store.

    Trials train on the training titles and are measured on the validation titles; poor ones are ended early. The test
    titles are not looked at. The winner's model is in the store too, so a run that names the new set computes nothing
    for it. Interrupted, the best so far is kept. Trials on the same titles are remembered by the next search.
    """
    params: dict[str, Any] = {
        "source": source,
        "overrides": overrides(held or []),
        "window_days": window_days,
        "date_column": date_column,
        "language": language.value,
        "reliable_only": reliable_only,
        "max_bad_share": max_bad_share,
        "min_category_rows": min_category_rows,
    }
    day = (as_of or datetime.now(UTC)).date()
    asked = {"minutes": minutes, "start": start, "name": name, "seed": seed, "most_trials": trials}
    _search(params, asked | ({"family": family.value} if family else {}), day, as_json)


def _search(params: dict[str, Any], asked: dict[str, Any], day: date, as_json: bool) -> None:
    from meli_tasks.cli.search_report import SearchReport
    from meli_tasks.execution.runner import Runner
    from meli_tasks.local_run import new_run_id
    from meli_tasks.planning.request import Request
    from meli_tasks.search import Asked, Search
    from meli_tasks.sets import catalog as named_sets
    from meli_tasks.settings import Settings

    settings = Settings.from_environment()
    request = Request.check(params, settings)
    if asked["start"] and "family" not in asked:
        asked["family"] = named_sets.resolve(asked["start"], request.overrides, settings).train.architecture
    with SearchReport(quiet=as_json) as report:
        outcome = Search(Asked(**asked), request, Runner(settings, run_id=new_run_id()), report, as_of=day).run()
    if as_json:
        print_json(outcome.to_json())
    else:
        report.found(outcome)
    if outcome.interrupted:
        raise typer.Exit(INTERRUPTED)
