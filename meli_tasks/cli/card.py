"""`meli card`: the model card of the champion or of another model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from meli_tasks.cli.console import Json, echo, print_json, warn
from meli_tasks.cli.options import file_to_write

EXAMPLES = ("meli card", "meli card 4027490b", "meli card --output MODEL_CARD.md")


def card(
    model: Annotated[
        str,
        typer.Argument(
            metavar="[MODEL]",
            help="Key of a model, or its beginning; KEY@SHA256 names one attempt. Default: the champion.",
            show_default=False,
        ),
    ] = "",
    output: Annotated[Path | None, file_to_write("Write the card to a file instead of stdout.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Make the card again, even if the store has one.")] = False,
    as_json: Json = False,
) -> None:
    """Print the model card of the champion, or of another model: Markdown with Hugging Face's sections.

    The card of a champion is stored when it is promoted. Otherwise it is made from the newest run that evaluated the
    model, and stored.
    """
    from meli_tasks.artifacts import paths
    from meli_tasks.artifacts.reading import write
    from meli_tasks.core.errors import Rejected, Unreachable
    from meli_tasks.disk import atomic_write
    from meli_tasks.prediction.models import find_model
    from meli_tasks.report import load_card, make_card
    from meli_tasks.settings import Settings

    settings = Settings.from_environment()
    store = settings.open_store()
    ref = find_model(store, model).manifest.ref
    text = None if fresh else load_card(store, ref)
    if text is None:
        text = make_card(store, ref, settings.registered_model)
        try:
            write(store, paths.card(str(ref)), text.encode())
        except (Rejected, Unreachable) as error:  # whoever may only read the store sees the card all the same
            warn(f"The card was not stored: {error}")
    if output:
        with atomic_write(output) as part:
            part.write_text(text, encoding="utf-8")
    if as_json:
        print_json({"model": str(ref), "file": str(output) if output else None, "card": text})
    elif output:
        echo(str(output))
    else:
        echo(text.rstrip("\n"))
