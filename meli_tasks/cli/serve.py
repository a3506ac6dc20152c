"""`meli serve`: categories over HTTP."""

from __future__ import annotations

from typing import Annotated

import typer

from meli_tasks.cli import completion
from meli_tasks.cli.console import complain, echo
from meli_tasks.core.errors import BadSettings

ADDRESS_TAKEN = 2

EXAMPLES = (
    "meli serve",
    "meli serve --port 8901 --model mlp --shadow ensemble",
)


def serve(
    host: Annotated[
        str,
        typer.Option(metavar="ADDRESS", help="Address to listen on. Default: MELI_SERVING_HOST.", show_default=False),
    ] = "",
    port: Annotated[
        int | None,
        typer.Option(
            metavar="PORT",
            min=0,
            max=65_535,
            help="Port to listen on; 0 for a free one. Default: MELI_SERVING_PORT.",
            show_default=False,
        ),
    ] = None,
    model: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Set, or key (or key prefix), of the model to answer with, whoever is champion. Default: "
            "MELI_SERVING_MODEL.",
            autocompletion=completion.sets,
            show_default=False,
        ),
    ] = "",
    shadow: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Set or key of a model that classifies the same titles without answering. Default: "
            "MELI_SERVING_SHADOW.",
            autocompletion=completion.sets,
            show_default=False,
        ),
    ] = "",
) -> None:
    """Answer HTTP requests for the categories of titles, with the current champion.

    POST /predict takes {"title": ...} or {"titles": [...]}; /docs describes it. /health/live, /health/ready, /version
    and /metrics are for machines. A new champion is loaded beside the former one and replaces it between two requests.

    Anyone who can connect may ask if the address is one of this machine's own, such as 127.0.0.1, and no key is set;
    otherwise requests need one of the keys in MELI_SERVING_KEYS or MELI_SERVING_KEYS_FILE.
    """
    from meli_tasks.serving.server import address_of, listen, run
    from meli_tasks.serving.service import Service
    from meli_tasks.settings import Settings

    settings = Settings.from_environment()
    given = {"serving_host": host, "serving_port": port, "serving_model": model, "serving_shadow": shadow}
    settings = settings.model_copy(update={name: value for name, value in given.items() if value not in ("", None)})
    try:
        bound = listen(settings.serving_host, settings.serving_port)
    except BadSettings as error:
        complain(str(error))
        raise typer.Exit(ADDRESS_TAKEN) from None
    service = Service.of(settings)
    run(service, bound, lambda: echo(f"Listening on {address_of(bound)}"))
