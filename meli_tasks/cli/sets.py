"""`meli sets`: the hyperparameter sets, and every parameter of one explained."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources
from typing import TYPE_CHECKING, Annotated, Any

import typer

from meli_tasks.cli.console import Json, out, print_json

if TYPE_CHECKING:
    from meli_tasks.core.hyperparameters import HyperparameterSet

EXAMPLES = ("meli sets", "meli sets mlp", "meli sets cnn --json", "meli sets mlp --yaml")


def sets(
    name: Annotated[str, typer.Argument(help="A set to explain; without it, all are listed.", show_default=False)] = "",
    as_yaml: Annotated[bool, typer.Option("--yaml", help="Print the set's full parameters as YAML.")] = False,
    as_json: Json = False,
) -> None:
    """List the hyperparameter sets, or explain one: each parameter's value, where it comes from, what it means."""
    from meli_tasks import named_sets

    if as_yaml and not name:
        raise typer.BadParameter("--yaml shows one set; name it.")
    if name and as_yaml:
        import yaml

        values = named_sets.load(name).model_dump(mode="json")
        typer.echo(yaml.safe_dump(values, sort_keys=False, allow_unicode=True), nl=False)
    elif name:
        _explain(name, named_sets.load(name), as_json)
    else:
        _list({name: named_sets.load(name) for name in named_sets.names()}, as_json)


def _list(all_sets: dict[str, HyperparameterSet], as_json: bool) -> None:
    rows = [
        {"name": name, "family": values.train.architecture, "variant": values.variant, "title": values.title}
        for name, values in all_sets.items()
    ]
    if as_json:
        print_json(rows)
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2))
    for column in ("name", "family", "variant", "title"):
        table.add_column(column, overflow="fold", no_wrap=column != "title")
    for row in rows:
        table.add_row(Text(row["name"], style="bold"), row["family"], row["variant"], Text(row["title"]))
    out().print(table)


def _explain(name: str, values: HyperparameterSet, as_json: bool) -> None:
    fields = list(_fields(name, values))
    about = {"name": name, "family": values.train.architecture, "variant": values.variant, "title": values.title}
    about["description"] = values.description
    if as_json:
        print_json({**about, "parameters": {field.pop("name"): field for field in fields}})
        return
    from rich.table import Table
    from rich.text import Text

    console = out()
    console.print(Text(f"{name}: {values.title}", style="bold"))
    if values.description:
        console.print(Text(values.description.strip()))
    console.print()
    table = Table(box=None, pad_edge=False, padding=(0, 2))
    for column in ("parameter", "value", "from", "meaning"):
        table.add_column(column, overflow="fold", no_wrap=column == "parameter")
    for field in fields:
        style = "dim" if field["from"] == "default" else ""
        cells = (field["name"], _shown(field["value"]), field["from"], field["description"])
        table.add_row(*(Text(cell, style=style) for cell in cells))
    console.print(table)


def _fields(name: str, values: HyperparameterSet) -> Iterator[dict[str, Any]]:
    """Every parameter: dotted name, value, the file it was written in (or `default`), and its description."""
    written = _written(name)
    for section in ("preprocess", "embed", "train"):
        part = getattr(values, section)
        plain = part.model_dump(mode="json")
        for field, info in type(part).model_fields.items():
            path = f"{section}.{field}"
            yield {
                "name": path,
                "value": plain[field],
                "from": written.get(path, "default"),
                "description": info.description or "",
            }


def _written(name: str) -> dict[str, str]:
    """The file in which each parameter that is not a default was written, going from a set to those it extends."""
    import yaml

    written: dict[str, str] = {}
    above: str | None = name
    while above:
        values = yaml.safe_load((resources.files("meli_tasks") / "sets" / f"{above}.yaml").read_text(encoding="utf-8"))
        for section, part in values.items():
            for key in part if isinstance(part, dict) else ():
                written.setdefault(f"{section}.{key}", f"{above}.yaml")
        above = values.get("extends")
    return written


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(map(_shown, value)) + "]"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value) if value != "" else "''"
