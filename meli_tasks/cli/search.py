"""`meli search`: search for better hyperparameters within a time budget, and keep them as a named set."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

import typer

from meli_tasks.cli.console import Json, print_json
from meli_tasks.cli.options import AsOf, TitleOptions, overrides, run_date, takes_titles

EXAMPLES = (
    "meli search --minutes 10 --family mlp",
    "meli search --minutes 30 --family cnn --source titles.csv.gz --name cnn_november",
    "meli search --minutes 10 --from mlp --override train.epochs=5 --seed 2 --json",
)
INTERRUPTED = 130


class Family(StrEnum):
    """The model families."""

    mlp = "mlp"
    cnn = "cnn"


Minutes = Annotated[
    float,
    typer.Option(
        min=0.01, max=1_440, metavar="MINUTES", help="Time budget in minutes, including the preparation of the titles."
    ),
]
SearchedFamily = Annotated[
    Family | None,
    typer.Option(help="Model family to search. Default: the family of --from, or mlp.", show_default=False),
]
Start = Annotated[
    str,
    typer.Option(
        "--from",
        metavar="SET",
        help="Set to start from. Default: the best set of the family that was trained on these titles, or the default "
        "set of the family.",
    ),
]
Name = Annotated[
    str,
    typer.Option(
        metavar="NAME", help="Name of the new set. Default: search_FAMILY_DATE, with a number if it is taken."
    ),
]
Seed = Annotated[int, typer.Option(min=0, metavar="SEED", help="Random seed of the proposals.")]
Trials = Annotated[
    int, typer.Option(min=0, metavar="TRIALS", help="Maximum number of trials; 0 means as many as fit in the budget.")
]
Fixed = Annotated[
    list[str] | None,
    typer.Option(
        "--override",
        metavar="KEY=VALUE",
        help="Hyperparameter to hold fixed in the search, e.g. train.epochs=5. Repeatable.",
        show_default=False,
    ),
]


@takes_titles
def search(
    *,
    minutes: Minutes,
    family: SearchedFamily = None,
    start: Start = "",
    name: Name = "",
    seed: Seed = 1,
    trials: Trials = 0,
    fixed: Fixed = None,
    titles: TitleOptions,
    as_of: AsOf = None,
    as_json: Json = False,
) -> None:
    """Search for better hyperparameters within a time budget, and store the best ones as a named set.

    Trials are trained on the training split and compared on the validation split; poor ones are stopped early. The test
    split is not used. The model of the winner is stored too, so a run with the new set does not train it again. If the
    search is interrupted, the best set so far is kept. Later searches on the same titles reuse the trials.
    """
    from meli_tasks.cli.search_report import SearchReport
    from meli_tasks.execution.runner import Runner
    from meli_tasks.local_run import new_run_id
    from meli_tasks.planning.request import Request
    from meli_tasks.search import Search, SearchOptions
    from meli_tasks.sets import catalog as named_sets
    from meli_tasks.settings import Settings

    settings = Settings.from_environment()
    request = Request.check({**titles.fields(), "overrides": overrides(fixed)}, settings)
    if family:
        architecture: Literal["mlp", "cnn"] = family.value
    else:
        architecture = named_sets.resolve(start, request.overrides, settings).train.architecture if start else "mlp"
    options = SearchOptions(minutes=minutes, family=architecture, start=start, name=name, seed=seed, max_trials=trials)
    runner = Runner(settings, run_id=new_run_id())
    with SearchReport(quiet=as_json) as report:
        outcome = Search(options, request, runner, report, as_of=run_date(as_of)).run()
    if as_json:
        print_json(outcome.to_json())
    else:
        report.found(outcome)
    if outcome.interrupted:
        raise typer.Exit(INTERRUPTED)
