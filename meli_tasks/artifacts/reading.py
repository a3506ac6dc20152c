"""Reading what other versions, other programs and broken disks may have left in the store.

`write` seals what it writes (`seals`), and `parsed` checks the seal, so that damage at rest is noticed before use.

Whoever lists objects (runs, decisions, trials, notes) reads them through `LenientReader`: what cannot be read is
skipped, counted and reported in one warning that names it. Whoever decides, or writes over what it read, uses `read`,
which refuses: a decision that a later version made must not be misjudged by this one.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from pydantic import ValidationError

from meli_tasks.artifacts.seals import sealed, unsealed
from meli_tasks.core.errors import BadData, NotFound
from meli_tasks.store import Store
from meli_tasks.wording import count, printable

logger = logging.getLogger("meli_tasks")

T = TypeVar("T")
Parse = Callable[[bytes], T]

READERS = 8  # objects read at once, which hides the store's latency
NAMED = 5
"""How many of the skipped objects a warning names."""
# What parsers raise on bytes that are not what they expect; errors of pydantic, JSON and UTF-8 are ValueErrors.
PARSE_ERRORS = (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError, OverflowError)
_EMPTY = "it is empty"
LATER = "later version"
"""What the message of `stages.stored.refuse_later_version` says."""
UPGRADE = "Upgrade meli-tasks, or restore the object from a backup."
MEND = "`meli verify --repair` mends what can be computed again; otherwise restore the object from a backup."


@dataclass(frozen=True)
class Skipped:
    """An object that could not be read, and why."""

    name: str
    reason: str

    def __str__(self) -> str:
        return printable(f"{self.name} ({self.reason})")


class LenientReader:
    """Reads objects of a store for display, and keeps what it had to skip. Safe to use from several threads."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._skipped: dict[str, Skipped] = {}
        self._lock = threading.Lock()

    @property
    def skipped(self) -> list[Skipped]:
        """What could not be read, by name."""
        with self._lock:
            return [self._skipped[name] for name in sorted(self._skipped)]

    def read(self, name: str, parse: Parse[T]) -> T | None:
        """The object at `name`; None if there is none, or if it cannot be read."""
        return self.attempt(name, lambda: read(self.store, name, parse))

    def attempt(self, name: str, load: Callable[[], T]) -> T | None:
        """What `load` returns; None if the object `name` was deleted meanwhile, or cannot be read (BadData)."""
        try:
            return load()
        except NotFound:
            return None
        except BadData as error:
            self.skip(name, error.reason if isinstance(error, NotReadable) else str(error))
            return None

    def skip(self, name: str, reason: str) -> None:
        """Leave an object out."""
        with self._lock:
            self._skipped[name] = Skipped(name, reason)

    def read_all(self, names: Iterable[str], load: Callable[[str], T]) -> list[T]:
        """What `load` returns for each name, in their order, without those that it cannot read."""
        with ThreadPoolExecutor(READERS) as readers:
            found = readers.map(lambda name: self.attempt(name, lambda: load(name)), names)
            return [each for each in found if each is not None]

    def warn(self) -> None:
        """Log one warning that counts and names what was skipped, if anything was."""
        if message := warning(self.store, self.skipped):
            logger.warning("%s", message)


class NotReadable(BadData):
    """An object of the store is not what its name promises; `reason` says why, without the name."""

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason

    @property
    def is_damage(self) -> bool:
        """Whether it may be overwritten, which is not so for what a later version wrote."""
        return LATER not in self.reason


def write(store: Store, name: str, data: bytes, *, if_absent: bool = False, if_version: str | None = None) -> str:
    """Write an object with a seal; see `Store.write`."""
    return store.write(name, sealed(name, data), if_absent=if_absent, if_version=if_version)


def read(store: Store, name: str, parse: Parse[T]) -> T | None:
    """The object at `name`; None if there is none.

    Raises:
        BadData: it cannot be read; the message names it and says why.
    """
    blob = store.read(name)
    return parsed(store, name, blob.data, parse) if blob else None


def read_again(store: Store, name: str) -> bytes | None:
    """The bytes of an object that can be generated again at any time: a damaged one counts as missing."""
    try:
        return read(store, name, bytes)
    except NotReadable as error:
        logger.warning("%s It is generated again.", error)
        return None


def parsed(store: Store, name: str, data: bytes, parse: Parse[T]) -> T:
    """What `parse` makes of an object's bytes.

    Raises:
        BadData: it cannot be read; the message names it and says why.
    """
    try:
        return parse(unsealed(name, data))
    except PARSE_ERRORS as error:
        raise not_readable(store, name, reason_of(error, data)) from error


def not_readable(store: Store, name: str, reason: str) -> NotReadable:
    """The error for an object that cannot be read as what its name says it is."""
    advice = UPGRADE if LATER in reason else MEND
    return NotReadable(printable(f"{name} in {store.url} cannot be read: {reason}. {advice}"), reason)


def reason_of(error: BaseException, data: bytes | None = None) -> str:
    """Say in a few words why an object could not be parsed."""
    if data is not None and not data.strip():
        return _EMPTY
    if isinstance(error, UnicodeDecodeError):
        return "it is not text"
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        message = first["msg"].removeprefix("Value error, ")
        return f"{where}: {message}" if where else message
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, KeyError):
        return f"{error.args[0]!r} is missing"
    return str(error) or type(error).__name__


def warning(store: Store, skipped: list[Skipped]) -> str:
    """Count and name what was skipped; an empty string if nothing was."""
    if not skipped:
        return ""
    named = "; ".join(map(str, skipped[:NAMED]))
    more = f"; and {len(skipped) - NAMED:,} more" if len(skipped) > NAMED else ""
    were = "was" if len(skipped) == 1 else "were"
    return f"{count(len(skipped), 'object')} in {store.url} could not be read and {were} skipped: {named}{more}"
