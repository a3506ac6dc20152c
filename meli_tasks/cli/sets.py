"""`meli sets`: list the hyperparameter sets, or explain every parameter of one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Annotated

import typer

from meli_tasks.cli import completion
from meli_tasks.cli.console import Json, echo, out, print_json, warn
from meli_tasks.core.errors import BadHyperparameters, MeliError
from meli_tasks.wording import UNPRINTABLE

if TYPE_CHECKING:
    from meli_tasks.core.hyperparameters import HyperparameterSet
    from meli_tasks.settings import Settings

EXAMPLES = (
    "meli sets",
    "meli sets mlp",
    "meli sets cnn --json",
    "meli sets mlp --yaml",
    "meli sets search_mlp_20261122 --remove",
)
PACKAGE, STORE, DEFAULT = "package", "store", "default"


@dataclass(frozen=True)
class SetRow:
    """A set in the list."""

    name: str
    family: str
    variant: str
    where: str
    title: str


@dataclass(frozen=True)
class Parameter:
    """A parameter of a set. `origin` is the file that sets it, or `default`."""

    name: str
    value: object
    origin: str
    description: str

    def to_json(self) -> dict[str, object]:
        """Return the parameter as `meli sets NAME --json` prints it."""
        return {"value": self.value, "from": self.origin, "description": self.description}


def sets(
    name: Annotated[
        str,
        typer.Argument(
            help="Set to explain; by default all sets are listed.",
            show_default=False,
            autocompletion=completion.sets,
        ),
    ] = "",
    as_yaml: Annotated[bool, typer.Option("--yaml", help="Print all parameters of the set as YAML.")] = False,
    remove: Annotated[
        bool, typer.Option("--remove", help="Remove a set from the store. The models trained with it are kept.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List the hyperparameter sets, or explain one: the value, origin and meaning of each parameter.

    A set is a named hyperparameter configuration. Some come with the package; `meli search` adds others to the store,
    and both kinds are used by name.
    """
    from meli_tasks.sets import catalog as named_sets
    from meli_tasks.settings import Settings

    if as_yaml and (as_json or remove):
        raise typer.BadParameter(f"--yaml and {'--json' if as_json else '--remove'} exclude each other; give only one.")
    if as_yaml and not name:
        raise typer.BadParameter("--yaml prints a single set; give its name.")
    if remove and not name:
        raise typer.BadParameter("--remove removes a single set; give its name.")
    settings = Settings.from_environment()
    if remove:
        _remove(name, settings, as_json)
    elif name and as_yaml:
        import yaml

        values = named_sets.resolve(name, {}, settings).model_dump(mode="json")
        text = yaml.safe_dump(values, sort_keys=False, allow_unicode=True)
        if UNPRINTABLE.search(text):  # YAML writes them as escape sequences then
            text = yaml.safe_dump(values, sort_keys=False, allow_unicode=False)
        typer.echo(text, nl=False)
    elif name:
        _explain(name, named_sets.resolve(name, {}, settings), settings, as_json)
    else:
        shipped = {name: named_sets.load(name) for name in named_sets.names()}
        _list(shipped, _stored(settings), as_json)


def _remove(name: str, settings: Settings, as_json: bool) -> None:
    from meli_tasks.sets import catalog as named_sets
    from meli_tasks.sets import stored as stored_sets

    if named_sets.is_shipped(name):
        raise BadHyperparameters(
            f"The set '{name}' is part of the package and cannot be removed; only sets in the store can."
        )
    stored_sets.remove(settings.open_store(), name)
    if as_json:
        print_json({"removed": name})
    else:
        echo(f"Removed {name} from {settings.store}.")


def _stored(settings: Settings) -> dict[str, HyperparameterSet]:
    """Return the sets in the store, with a note about each that cannot be read or used."""
    from meli_tasks.sets import catalog as named_sets
    from meli_tasks.sets import stored as stored_sets

    found = {}
    try:
        store = stored_sets.store_of(settings)
        for name in stored_sets.names(store) if store else ():
            try:
                found[name] = named_sets.resolve(name, {}, settings)
            except BadHyperparameters as error:
                warn(f"{error}. This set cannot be used; `meli sets {name} --remove` removes it.")
    except MeliError as error:
        warn(f"Only the sets of the package are listed: {error}")
    return found


def _list(shipped: dict[str, HyperparameterSet], stored: dict[str, HyperparameterSet], as_json: bool) -> None:
    rows = [
        SetRow(name, values.train.architecture, values.variant, STORE if name in stored else PACKAGE, values.title)
        for name, values in {**stored, **shipped}.items()
    ]
    rows.sort(key=lambda row: row.where == STORE)  # the sets of the package first, in their order
    if as_json:
        print_json(rows)
        return
    from rich.text import Text

    from meli_tasks.terminal import Column, Listing

    columns = [Column(name, rank=rank) for rank, name in enumerate(("name", "family", "variant", "where"))]
    listing = Listing([*columns, Column("title", whole=False, room=24)])
    for row in rows:
        listing.add(Text(row.name, style="bold"), row.family, row.variant, row.where, row.title)
    out().print(listing)


def _explain(name: str, values: HyperparameterSet, settings: Settings, as_json: bool) -> None:
    from meli_tasks.sets import catalog as named_sets

    made_by = named_sets.made_by(name, settings)
    parameters = list(_parameters(name, values))
    if as_json:
        print_json(
            {"name": name, "family": values.train.architecture, "variant": values.variant, "title": values.title}
            | {"description": values.description, **({"made_by": made_by} if made_by else {})}
            | {"parameters": {parameter.name: parameter.to_json() for parameter in parameters}}
        )
        return
    from rich.text import Text

    from meli_tasks.terminal import Column, Listing

    console = out()
    console.print(Text(f"{name}: {values.title}", style="bold"))
    if values.description:
        console.print(Text(values.description.strip()))
    console.print()
    columns = [Column("parameter"), Column("value"), Column("from", rank=1)]
    listing = Listing([*columns, Column("meaning", whole=False, room=24, rank=2)])
    for parameter in parameters:
        style = "dim" if parameter.origin == DEFAULT else ""
        cells = (parameter.name, _as_text(parameter.value), parameter.origin, parameter.description)
        listing.add(*cells, style=style)
    console.print(listing)


def _parameters(name: str, values: HyperparameterSet) -> Iterator[Parameter]:
    written = _written(name)
    from meli_tasks.core.choices import described
    from meli_tasks.sets.catalog import SECTIONS

    for section in SECTIONS:
        part = getattr(values, section)
        plain = part.model_dump(mode="json")
        for field, info in type(part).model_fields.items():
            path = f"{section}.{field}"
            yield Parameter(path, plain[field], written.get(path, DEFAULT), described(info))


def _written(name: str) -> dict[str, str]:
    """Map each parameter that is not a default to the file that sets it: the set's own, or one that it extends."""
    import yaml

    from meli_tasks.sets import catalog as named_sets

    written: dict[str, str] = {}
    if not named_sets.is_shipped(name):
        return dict.fromkeys(named_sets.parameters(), STORE)
    above: str | None = name
    while above:
        values = yaml.safe_load((resources.files("meli_tasks") / "sets" / f"{above}.yaml").read_text(encoding="utf-8"))
        for section, part in values.items():
            for key in part if isinstance(part, dict) else ():
                written.setdefault(f"{section}.{key}", f"{above}.yaml")
        above = values.get("extends")
    return written


def _as_text(value: object) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(map(_as_text, value)) + "]"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value) if value != "" else "''"
