"""Files that are not UTF-8 throughout: which rows are not, what they are instead, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from meli_tasks.rowfiles.text import has_foreign_bytes, likely_encoding
from meli_tasks.rowfiles.text_columns import TextColumn

BAD_ENCODING = "bad encoding"
"""Why a row is bad whose texts are not all UTF-8."""

_NAMED_LINES = 20
_FOREIGN_TEXTS = 1_000


@dataclass
class FileEncoding:
    """What is found out about the encoding of one file while it is read."""

    name: str
    typed: bool
    """Whether it is Parquet, whose texts are converted by whoever writes it."""
    some_utf8: bool = False
    """Whether a text holds letters beyond ASCII in UTF-8, which a conversion of the whole file would damage."""
    foreign_rows: int = 0
    lines: list[int] = field(default_factory=list)
    """Where the first of them are."""
    _texts: list[str] = field(default_factory=list)

    def add(self, columns: Iterable[Sequence[str | None]], foreign_lines: Sequence[int]) -> None:
        """Look at some rows.

        Args:
            columns: their texts.
            foreign_lines: where those are that hold bytes which are not UTF-8.
        """
        if foreign_lines:
            self.foreign_rows += len(foreign_lines)
            self.lines += foreign_lines[: _NAMED_LINES - len(self.lines)]
        elif self.some_utf8:
            return
        for column in columns:
            if isinstance(column, TextColumn):
                self.some_utf8 = self.some_utf8 or not column.utf8().isascii()
                continue
            joined = "".join(filter(None, column))
            if joined.isascii():
                continue
            if not has_foreign_bytes(joined):
                self.some_utf8 = True
                continue
            letters = [text for text in column if text and not text.isascii()]
            foreign = list(filter(has_foreign_bytes, letters))
            self.some_utf8 = self.some_utf8 or len(foreign) < len(letters)
            self._texts += foreign[: _FOREIGN_TEXTS - len(self._texts)]

    def advice(self) -> str:
        """What the file is, and what to do about it; "" if all of it is UTF-8."""
        if not self.foreign_rows:
            return ""
        encoding = likely_encoding(self._texts)
        more = f" and {self.foreign_rows - len(self.lines):,} more" if self.foreign_rows > len(self.lines) else ""
        numbers = ", ".join(map(str, self.lines)) + more
        unit = "row" if self.typed else "line"
        where = f"{unit}{'' if self.foreign_rows == 1 else 's'} {numbers}"
        if self.typed:
            return (
                f"{self.name} has text that is not UTF-8 and looks like {encoding}: {where}. Decode it as {encoding} "
                "before the file is written."
            )
        if not self.some_utf8:
            return (
                f"The encoding of {self.name} looks like {encoding}; convert it: "
                f"iconv -f {encoding} -t UTF-8 old > new. Not UTF-8: {where}."
            )
        return (
            f"The encodings are mixed. Some lines look like {encoding} in a source that is otherwise UTF-8: "
            f"{self.name}: {numbers}. Correct those lines only; converting a whole file would damage the others."
        )


def encoding_advice(files: Iterable[FileEncoding], most: int = 5) -> str:
    """The advice about some files, for the first ones that need any."""
    advice = list(filter(None, (file.advice() for file in files)))
    more = f" {len(advice) - most:,} more files are not UTF-8 throughout." if len(advice) > most else ""
    return " ".join(advice[:most]) + more
