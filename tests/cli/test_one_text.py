"""The form and the command line say the same about the same parameter."""

from __future__ import annotations

import pytest
import typer

from meli_tasks.backfill.request import Backfill
from meli_tasks.cli.meli import app
from meli_tasks.planning.request import Request

RENAMED = {"every": "every_days", "from": "from_date", "to": "to_date", "source": "source"}


def options(command: str) -> dict[str, str]:
    """The help of each option of a command, by its name."""
    found = typer.main.get_command(app).commands[command]  # type: ignore[attr-defined]
    named = {str(option.name): option.help or "" for option in found.params}
    return {RENAMED.get(name, name): text for name, text in named.items()}


@pytest.mark.parametrize(("command", "model"), [("run", Request), ("backfill", Backfill)])
def test_an_option_begins_with_the_text_of_the_form(command: str, model: type[Request]) -> None:
    shared = {name: text for name, text in options(command).items() if name in model.model_fields}
    assert len(shared) >= 12
    for name, text in shared.items():
        assert text.startswith(str(model.model_fields[name].description)), name
