"""Which titles can be classified: the same that training accepts."""

from __future__ import annotations

from collections.abc import Sequence

from meli_tasks.core.hyperparameters import Ingest
from meli_tasks.core.text.whitespace import collapse
from meli_tasks.rowfiles.text import has_foreign_bytes

LONGEST_TITLE: int = Ingest.model_fields["max_title_characters"].default


def cleaned(titles: Sequence[str | None]) -> list[str]:
    """Titles as training reads them: on one line, without spaces at the ends, with single spaces within."""
    return collapse([title or "" for title in titles])


def problem_of(title: str) -> str:
    """Why a cleaned title cannot be classified, "" if it can."""
    if not title:
        return "no title"
    if len(title) > LONGEST_TITLE:
        return "title too long"
    if has_foreign_bytes(title):
        return "bad encoding"
    return ""
