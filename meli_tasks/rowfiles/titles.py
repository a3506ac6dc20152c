"""Which titles can be classified: those that training accepts, too."""

from __future__ import annotations

from collections.abc import Sequence

from meli_tasks.core.stage_parameters import Ingest
from meli_tasks.core.text.invisible import INVISIBLE, is_blank
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
    return [""] * len(titles) if _are_usable(titles) else list(map(_problem_of, titles))


def _are_usable(titles: Sequence[str]) -> bool:
    """Whether none of these has a problem, by a few looks at all of them; False if only a closer look can tell."""
    if not all(map(str.strip, titles)) or max(map(len, titles), default=0) > MAX_TITLE_CHARACTERS:
        return False
    first = {title[0] for title in titles}
    return first.isdisjoint(INVISIBLE) and not any(map(str.isspace, first))


def _problem_of(title: str) -> str:
    if is_blank(title):
        return "no title"
    return "title too long" if len(title) > MAX_TITLE_CHARACTERS else ""
