"""Which titles can be classified: those that training accepts, too."""

from __future__ import annotations

from collections.abc import Sequence

from meli_tasks.core.stage_parameters import Ingest
from meli_tasks.core.text.invisible import is_blank
from meli_tasks.core.text.whitespace import collapse
from meli_tasks.rowfiles.encodings import BAD_ENCODING
from meli_tasks.rowfiles.text import has_foreign_bytes

MAX_TITLE_CHARACTERS: int = Ingest.model_fields["max_title_characters"].default


def cleaned(titles: Sequence[str | None]) -> list[str]:
    """Titles as training reads them: on one line, without spaces at the ends, with single spaces within."""
    return collapse([title or "" for title in titles])


def problems_of(titles: Sequence[str]) -> list[str]:
    """Why each cleaned title cannot be classified, "" if it can."""
    if has_foreign_bytes("\n".join(titles)):
        return [_problem_of(title) or (BAD_ENCODING if has_foreign_bytes(title) else "") for title in titles]
    return list(map(_problem_of, titles))


def _problem_of(title: str) -> str:
    if is_blank(title):
        return "no title"
    return "title too long" if len(title) > MAX_TITLE_CHARACTERS else ""
