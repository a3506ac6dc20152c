"""Addresses with a user, a password or a signature in them, which only the request to their server has.

Where an address enters the program (a setting, a run's parameters, a set, the command line), `conceal` takes its
secrets off: plans, keys, logs, pages, MLflow and notifications know `https://...@host/titles.csv?...`. The process
remembers the whole address, and whatever opens a connection asks for it (`revealed`). It is stored nowhere. Another
process of the same run knows it because it reads the same settings and parameters.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Annotated, Any

from pydantic import AfterValidator

from meli_tasks.core.errors import BadData
from meli_tasks.redaction import HIDDEN, remember, secrets_of, without_secrets

_MOST = 1_000
"""Addresses that a process remembers; the oldest is forgotten first."""
_DAY = re.compile(r"\{ds\}|\{\d{4}-\d\d-\d\d\.\.\d{4}-\d\d-\d\d\}")
"""In a requested address: the place of a day, in which a plan's address has a date or a window of days."""
_FILLED = r"\d{4}-\d\d-\d\d|\{\d{4}-\d\d-\d\d\.\.\d{4}-\d\d-\d\d\}"
_CONCEALED = re.compile(rf"[A-Za-z][A-Za-z0-9+.-]*://({re.escape(HIDDEN)}@|[^?#]*\?([^#]*&)?{re.escape(HIDDEN)}(#|$))")

_whole: dict[str, str] = {}
_lock = Lock()


class SecretsUnknown(BadData):
    """An address is needed with its secrets, and this process does not know them."""


def conceal(address: str) -> str:
    """An address without its secrets, which this process remembers. A path, or an address without any, is unchanged."""
    if "://" not in address:
        return address
    concealed = without_secrets(address)
    if concealed != address:
        with _lock:
            _whole.pop(concealed, None)
            _whole[concealed] = address
            while len(_whole) > _MOST:
                del _whole[next(iter(_whole))]
        for secret in secrets_of(address):
            remember(secret)
    return concealed


def conceal_all(value: Any) -> Any:
    """Parameters with every address in them concealed, at any depth."""
    return _each(value, conceal)


def is_concealed(address: str) -> bool:
    """Whether an address lacks secrets that it had."""
    return bool(_CONCEALED.match(address))


def revealed(address: str) -> str:
    """The whole address, for a request to its server and nothing else.

    Raises:
        SecretsUnknown: it was concealed in another process, whose settings or parameters this one does not have.
    """
    if not is_concealed(address):
        return address
    with _lock:
        known = dict(_whole)
    for concealed in reversed(known):
        if concealed == address:
            return known[concealed]
        if day := _filled(concealed, address):
            return _DAY.sub(lambda _: day, known[concealed])
    raise SecretsUnknown(
        f"The password or signature of {address} is not known here, as it is stored nowhere. Request the run again "
        "with the whole address, or put that into the setting from which it comes or into MELI_ADDRESSES."
    )


def revealed_all(value: Any) -> Any:
    """Parameters with every address whole, as far as this process knows it: to pass them on to another one."""

    def reveal(address: str) -> str:
        try:
            return revealed(address)
        except SecretsUnknown:
            return address

    return _each(value, reveal)


def restored(value: Any, given: Any) -> Any:
    """Parameters in which those addresses are whole that `given` has with their secrets."""
    whole: dict[str, str] = {}

    def note(address: str) -> str:
        if (concealed := conceal(address)) != address:
            whole[concealed] = address
        return address

    _each(given, note)
    return _each(value, lambda address: whole.get(address, address))


def _each(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {name: _each(inside, change) for name, inside in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_each(inside, change) for inside in value)
    return value


def _filled(concealed: str, address: str) -> str:
    """The day that makes the second address of the first; empty if it is another address."""
    pieces = _DAY.split(concealed)
    if len(pieces) == 1:
        return ""
    head, *others = (re.escape(piece) for piece in pieces)
    found = re.fullmatch(rf"{head}({_FILLED})" + r"\1".join(others), address)
    return found[1] if found else ""


Concealed = Annotated[str, AfterValidator(conceal)]
"""The type of a field that holds an address without its secrets."""
ConcealedValues = Annotated[dict[str, object], AfterValidator(conceal_all)]
"""The type of a field that holds values, some of which may be such addresses."""
