"""Options that several commands take, each told once."""

from __future__ import annotations

from typing import Annotated

import typer

Window = Annotated[
    int,
    typer.Option(
        min=1,
        max=3_660,
        metavar="DAYS",
        help="Days of titles, the last one the run's date; with --date-column, 1 takes all up to it.",
    ),
]
DateColumn = Annotated[
    str, typer.Option(metavar="NAME", help="Column with the date of a title, for a source that is one table.")
]
