"""Sets (named hyperparameter configurations): YAML files in the package or in the store, validated by one schema.

The package's sets take precedence: no set in the store can replace one of them. A file may say `extends: <set>` and
contain only what differs. Overrides have dotted keys, {"train.epochs": 5}. Every mistake becomes a BadHyperparameters
that names the set, the value, and the closest valid alternative.
"""

from __future__ import annotations

import copy
import difflib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, get_args, get_origin

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from meli_tasks.concealed import conceal, conceal_all
from meli_tasks.core.errors import BadHyperparameters
from meli_tasks.core.hyperparameters import HyperparameterSet
from meli_tasks.core.section import Section
from meli_tasks.sets import stored as stored_sets

if TYPE_CHECKING:
    from meli_tasks.settings import Settings
    from meli_tasks.store import Store

SECTIONS = tuple(
    name
    for name, field in HyperparameterSet.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, Section)
)
"""The stages with hyperparameters. Read from the schema: the list of stages would load all their summaries, 30 ms."""
_ORDER = ("default", "quick", "faithful", "corrected")
_BOUNDS = ("ge", "gt", "le", "lt")
_KEYS_HINT = "keys start with preprocess., embed. or train., for example train.epochs"


@cache
def names() -> tuple[str, ...]:
    """The package's sets: the default and quick ones, then the lab's, each faithful one before its corrected one."""
    rank = {variant: min(place, 2) for place, variant in enumerate(_ORDER)}
    variants = {name: str(_values(name).get("variant", "default")) for name in _shipped_names()}
    return tuple(sorted(variants, key=lambda name: (rank.get(variants[name], 2), name)))


@cache
def load(name: str) -> HyperparameterSet:
    """Load a set of the package.

    Raises:
        BadHyperparameters: there is no such set, or its file is not valid.
    """
    return checked(_values(name), f"Set '{name}'")


def resolve(name: str, overrides: Mapping[str, object], settings: Settings | None = None) -> HyperparameterSet:
    """Load a set and apply overrides to it.

    Args:
        name: The name of the set.
        overrides: Values by dotted key, for example {"train.epochs": 5, "train.hidden": "512,256"}.
        settings: Where to find the store with further sets. It is opened only if the package has no set of that name.

    Raises:
        BadHyperparameters: the set or a key does not exist, no set may have that name, or a value is not valid.
    """
    shipped = is_shipped(name)
    if shipped and not overrides:
        return load(name)
    if not shipped:
        stored_sets.check_not_reserved(name)
    store = None if shipped else stored_sets.store_of(settings)
    values = {key: dict(value) if isinstance(value, dict) else value for key, value in _values(name, store).items()}
    for key, value in _with_current_keys(overrides).items():
        field = parameter(key)
        section, _, name_inside = key.partition(".")
        if isinstance(value, bool) and field.annotation is not bool:  # Python would accept true as 1
            raise BadHyperparameters(f"Overrides: {key} = {str(value).lower()}, expected {expected(field)}")
        inside = values.setdefault(section, {})
        if isinstance(inside, dict):  # a stored document may contain anything here; `checked` rejects it
            inside[name_inside] = _listed(value) if is_list(field) else value
    return checked(values, f"Set '{name}' with the overrides" if overrides else f"Set '{name}'")


def made_by(name: str, settings: Settings) -> dict[str, object]:
    """The record of who created a set in the store, and how; empty for the package's sets."""
    store = None if is_shipped(name) else stored_sets.store_of(settings)
    text = stored_sets.read(store, name) if store else None
    made_by = stored_sets.parsed(text, name).get("made_by") if text else None
    return made_by if isinstance(made_by, dict) else {}


def is_shipped(name: str) -> bool:
    """Whether the package has a set of that name."""
    return _shipped_text(name) is not None


def _shipped_text(name: str) -> str | None:
    file = resources.files("meli_tasks") / "sets" / f"{name}.yaml"
    return file.read_text(encoding="utf-8") if stored_sets.is_name(name) and file.is_file() else None


@cache
def _parsed(text: str, name: str) -> dict[str, object]:
    """A file of the package, parsed only once: otherwise, listing all sets would parse common ancestors 144 times."""
    return stored_sets.parsed(text, name)


def _shipped_names() -> list[str]:
    folder = resources.files("meli_tasks") / "sets"
    return sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml"))


def _values(name: str, store: Store | None = None, children: tuple[str, ...] = ()) -> dict[str, object]:
    """The values of a file, merged over those of the set it extends."""
    if name in children:
        raise BadHyperparameters(f"Set '{children[0]}' extends itself: {' -> '.join((*children, name))}")
    text = _shipped_text(name)
    stored = stored_sets.read(store, name) if text is None and store is not None else None
    if text is None and stored is None:
        raise BadHyperparameters(_unknown_set(name, store, children))
    values = stored_sets.parsed(stored or "", name) if text is None else copy.deepcopy(_parsed(text, name))
    if stored is not None:
        values.pop("made_by", None)
    parent = values.pop("extends", None)
    values = _with_current_names(values, name)
    return _merged(_values(str(parent), store, (*children, name)), values) if parent is not None else values


def _merged(base: dict[str, object], override: dict[str, object]) -> dict[str, object]:
    """Merge two documents: `override` takes precedence; sections are merged key by key, anything else is replaced."""
    merged = dict(base)
    for key, value in override.items():
        section = base.get(key)
        merged[key] = {**section, **value} if isinstance(section, dict) and isinstance(value, dict) else value
    return merged


def _unknown_set(name: str, store: Store | None, children: tuple[str, ...]) -> str:
    known = _shipped_names() + (stored_sets.names(store) if store else [])
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    message = f"There is no set '{name[: stored_sets.MAX_NAME_LENGTH]}'"
    if children:
        message = f"Set '{children[-1]}' extends '{name}', but there is no such set"
    return f"{message}. " + (f"Did you mean {' or '.join(near)}?" if near else f"Sets: {', '.join(known)}.")


def checked(values: dict[str, object], where: str) -> HyperparameterSet:
    """Validate values as a set, whose path to word vectors is without its secrets.

    Raises:
        BadHyperparameters: they are not valid. The message starts with `where` and lists every problem.
    """
    try:
        return without_secrets(HyperparameterSet.model_validate(values))
    except ValidationError as error:
        problems = "; ".join(_problem(details) for details in error.errors(include_url=False))
        raise BadHyperparameters(f"{where}: {problems}") from None


def without_secrets(values: HyperparameterSet) -> HyperparameterSet:
    """A set whose path to word vectors, if it is an address with secrets, is without them."""
    path = conceal(values.embed.path)
    if path == values.embed.path:
        return values
    return values.model_copy(update={"embed": values.embed.model_copy(update={"path": path})})


def _problem(details: ErrorDetails) -> str:
    """Describe one validation error in a short sentence."""
    path = tuple(str(part) for part in details["loc"])
    key = ".".join(part for part in path if not part.isdigit())
    value = conceal_all(details["input"])
    match details["type"]:
        case "extra_forbidden":
            return _unknown_key(key)
        case "missing" if key not in parameters() or len(path) == 2:
            return f"{key} is missing"
        case "value_error":
            reason = str(details.get("ctx", {}).get("error", details["msg"]))
            return f"{key}: {reason}" if key and key not in reason else reason
        case "model_type" | "model_attributes_type" | "dict_type":
            return f"{key} = {value!r}, expected a section of keys"
    field = parameters().get(key)
    return f"{key} = {value!r}, expected {expected(field)}" if field else f"{key} = {value!r}: {details['msg']}"


@cache
def parameters() -> dict[str, FieldInfo]:
    """Every parameter by its dotted key, for example train.epochs."""
    found: dict[str, FieldInfo] = {}
    for section in SECTIONS:
        found |= {f"{section}.{name}": field for name, field in _section(section).model_fields.items()}
    return found


def parameter(key: str) -> FieldInfo:
    """The parameter of a dotted key, which may be a former one.

    Raises:
        BadHyperparameters: there is no such parameter. The message names the nearest.
    """
    key = current_key(key)
    if key not in parameters():
        raise BadHyperparameters(f"Overrides: {_unknown_key(key)}")
    return parameters()[key]


def current_key(key: str) -> str:
    """The current dotted key of a parameter, e.g. train.warmup_fraction for train.warmup_share."""
    section, _, name = key.partition(".")
    return f"{section}.{_section(section).former_names.get(name, name)}" if name and section in SECTIONS else key


def _section(name: str) -> type[Section]:
    model = HyperparameterSet.model_fields[name].annotation
    assert isinstance(model, type) and issubclass(model, Section)
    return model


def _with_current_names(values: dict[str, object], name: str) -> dict[str, object]:
    """A document's values with former names of parameters replaced, so that documents can be merged by name."""
    try:
        return {
            key: _section(key).with_current_names(value) if key in SECTIONS and isinstance(value, dict) else value
            for key, value in values.items()
        }
    except ValueError as error:
        raise BadHyperparameters(f"Set '{name}': {error}") from None


def _with_current_keys(overrides: Mapping[str, object]) -> dict[str, object]:
    for key in overrides:
        if current_key(key) != key and current_key(key) in overrides:
            raise BadHyperparameters(f"Overrides: {key} is the former name of {current_key(key)}: give only the latter")
    return {current_key(key): value for key, value in overrides.items()}


def _unknown_key(key: str) -> str:
    """Say what is wrong with a key, and name the closest valid ones."""
    known = list(parameters())
    if key in SECTIONS:
        inside = [name for name in known if name.startswith(f"{key}.")]
        return f"'{key}' is a section: override its keys one by one, for example {inside[0]}"
    section, _, last = key.rpartition(".")
    near = [name for name in known if name.endswith(f".{last}")]
    near = near or difflib.get_close_matches(key, known, n=1, cutoff=0.75)
    if not near:
        close = difflib.get_close_matches(last, [name.partition(".")[2] for name in known], n=1)
        near = [name for name in known if close and name.endswith(f".{close[0]}")]
    inside = [name for name in known if section and name.startswith(f"{section}.")]
    hint = (
        f"did you mean {' or '.join(near)}?"
        if near
        else f"valid keys are {', '.join(inside)}"
        if inside
        else _KEYS_HINT
    )
    return f"there is no parameter '{key}'; {hint}"


def is_list(field: FieldInfo) -> bool:
    """Whether a field is a list of numbers."""
    return get_origin(field.annotation) is tuple


def _listed(value: Any) -> Any:
    """Convert a list written as text ("512,256", "[512, 256]", "512", "") to a list; keep any other value."""
    if isinstance(value, int) and not isinstance(value, bool):
        return [value]
    if isinstance(value, str):
        return [part.strip() for part in value.strip().strip("[]()").split(",") if part.strip()]
    return value


def expected(field: FieldInfo) -> str:
    """What values a field accepts, for example "a whole number from 1 to 10000"; empty if its type says it all."""
    choices = get_args(field.annotation)
    if choices and all(isinstance(choice, str) for choice in choices):
        return "one of " + ", ".join(map(repr, choices))
    if is_list(field):
        return "a pair of whole numbers" if len(choices) == 2 and choices[1] is int else "a list of whole numbers"
    kinds: dict[Any, str] = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
    kind = kinds.get(field.annotation, "")
    bounds = {name: getattr(rule, name) for rule in field.metadata for name in _BOUNDS if hasattr(rule, name)}
    low = f"from {bounds['ge']}" if "ge" in bounds else f"above {bounds['gt']}" if "gt" in bounds else ""
    high = f"to {bounds['le']}" if "le" in bounds else f"below {bounds['lt']}" if "lt" in bounds else ""
    between = " " if "ge" in bounds and "le" in bounds else ", "
    return f"{kind} {low}{between if low and high else ''}{high}".rstrip()
