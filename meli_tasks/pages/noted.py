"""What people wrote about a model. One immutable object per change, so that nobody overwrites what they have not seen.

`notes/KEY/00000001.json`, `notes/KEY/00000002.json`, … The last one counts; an empty text removes the note. KEY is that
of the training or the ensemble, so a note stands in every run that evaluated the model, and a training run that failed
can have one too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from pydantic import Field

from meli_tasks.artifacts import paths, reading
from meli_tasks.artifacts.seals import sealed
from meli_tasks.core.errors import BadHyperparameters, Conflict, NotFound, Unreachable
from meli_tasks.pages.models import ModelRow, Note
from meli_tasks.pages.read_cache import ReadCache
from meli_tasks.stages.stored import Stored
from meli_tasks.store import Store
from meli_tasks.wording import printable

MAX_CHARACTERS = 2_000


class StoredNote(Stored):
    """A note as it is stored."""

    version: int = 1
    number: int = Field(description="of the change, 1 for the first")
    text: str = Field(description="plain text; empty if this change removed the note")
    by: str
    at: datetime


class Notes:
    """The notes of a store. Each change is read only once."""

    def __init__(self, cache: ReadCache) -> None:
        self._cache = cache

    def add_to(self, rows: Iterable[ModelRow]) -> list[ModelRow]:
        """These rows with their notes. A note that cannot be read is left out and listed in the cache's `skipped`."""
        newest = self._newest()
        return [
            row.model_copy(update={"note": self._note(newest[row.train])}) if row.train in newest else row
            for row in rows
        ]

    def write(self, row: ModelRow, text: str, *, by: str, seen: int) -> Note:
        """Write the note of a model, or remove it.

        Args:
            row: The model.
            text: Plain text; empty to remove the note.
            by: Who writes it.
            seen: The number of the note that this person has seen; 0 if there was none.

        Raises:
            NotFound: the row has no model.
            BadHyperparameters: the text is too long.
            Conflict: somebody else has changed the note in the meantime.
        """
        if not row.train:
            raise NotFound(f"{row.set} of the run {row.run_id} is no model, so it cannot have a note.")
        store = self._cache.store
        last = max(_numbers(store.names(paths.notes(row.train))), default=0)
        if last != seen:
            raise _changed(row, last, seen)
        stored = StoredNote(
            number=last + 1, text=checked_text(text), by=by, at=datetime.now(UTC).replace(microsecond=0)
        )
        _create(store, row, stored)
        self._cache.forget_listing(paths.NOTES)
        return _shown(stored)

    def _newest(self) -> dict[str, str]:
        """The name of the last change of each note, by the model's key."""
        found: dict[str, tuple[int, str]] = {}
        for name in self._cache.listing(paths.NOTES):
            key, number = paths.key_and_number_of_note(name)
            if number > found.get(key, (0, ""))[0]:
                found[key] = (number, name)
        return {key: name for key, (_, name) in found.items()}

    def _note(self, name: str) -> Note | None:
        version = self._cache.listing(paths.NOTES).get(name, "")
        stored = self._cache.read_version(name, StoredNote.model_validate_json, version)
        return _shown(stored) if stored else None


def checked_text(text: str) -> str:
    """The text of a note as it is stored: control characters are written as escape sequences.

    Raises:
        BadHyperparameters: it is too long.
    """
    plain = printable("\n".join(line.expandtabs().rstrip() for line in text.splitlines())).strip()
    if len(plain) > MAX_CHARACTERS:
        raise BadHyperparameters(
            f"The note has {len(plain):,} characters, but at most {MAX_CHARACTERS:,} are kept: shorten it."
        )
    return plain


def _create(store: Store, row: ModelRow, stored: StoredNote) -> None:
    """Write a change under its number, unless somebody else's has it; an answer that was lost is looked up."""
    name, data = paths.note(row.train, stored.number), stored.model_dump_json().encode()
    try:
        reading.write(store, name, data, if_absent=True)
    except (Conflict, Unreachable) as error:
        blob = store.read(name)
        if blob is None:
            raise
        if blob.data != sealed(name, data):
            raise _changed(row, stored.number, stored.number - 1) from error


def _changed(row: ModelRow, last: int, seen: int) -> Conflict:
    return Conflict(
        f"The note of {row.set} ({row.train[:8]}) was changed in the meantime: its number is {last}, not {seen}. "
        "Nothing was written: read the note again, then write yours."
    )


def _numbers(names: Iterable[str]) -> Sequence[int]:
    return [paths.key_and_number_of_note(name)[1] for name in names]


def _shown(stored: StoredNote) -> Note:
    return Note(number=stored.number, text=stored.text, by=stored.by, at=stored.at.isoformat(timespec="seconds"))
