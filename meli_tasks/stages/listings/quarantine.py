"""The bad rows: written to a file with their reasons, counted, and told of when they are too many."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Self

from meli_tasks.core.errors import BadData
from meli_tasks.rowfiles.rows import BadRow
from meli_tasks.rowfiles.text import likely_encoding

_EXAMPLES = 3


class Quarantine:
    """A gzipped JSON Lines file with a line for each bad row: file, line, reason, seen."""

    def __init__(self, path: Path) -> None:
        self.rows: Counter[str] = Counter()
        """Bad rows by reason."""
        self._examples: dict[str, list[str]] = {}
        self._raw = path.open("wb")
        # No name and no time in the gzip header: the same source gives the same bytes.
        self._zip = gzip.GzipFile("", "wb", compresslevel=3, fileobj=self._raw, mtime=0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._zip.close()
        finally:
            self._raw.close()

    def add(self, file: str, bad: list[BadRow]) -> None:
        """Takes bad rows in, and counts them."""
        self.rows.update(row.reason for row in bad)
        for row in bad:
            kept = self._examples.setdefault(row.reason, [])
            if len(kept) < _EXAMPLES:
                kept.append(f"{file} line {row.line}: {row.reason}: {row.excerpt}")
        self.set_aside(file, bad)

    def set_aside(self, file: str, rows: list[BadRow]) -> None:
        """Writes rows down that are not used though nothing is wrong with them; they do not count as bad."""
        for row in rows:
            record = {"file": file, "line": row.line, "reason": row.reason, "seen": row.excerpt}
            self._zip.write((json.dumps(record, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace"))

    def refuse(self, rows: int, max_bad_fraction: float, foreign: list[str]) -> None:
        """Raises BadData when more than that share of the source's rows is bad.

        `foreign` are texts in another encoding than UTF-8, as they were decoded.
        """
        bad = self.rows.total()
        if not rows or bad / rows <= max_bad_fraction:
            return
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in self.rows.most_common())
        advice = f"Mend the source, or raise max_bad_fraction (now {max_bad_fraction:.1%}) to go on without them."
        if foreign:
            encoding = likely_encoding(foreign)
            advice = f"It looks like {encoding}; convert it: iconv -f {encoding} -t UTF-8 old > new. " + advice
        examples = "\n  ".join(self._some_examples())
        raise BadData(f"{bad:,} of {rows:,} rows ({bad / rows:.1%}) cannot be used: {reasons}.\n  {examples}\n{advice}")

    def _some_examples(self) -> list[str]:
        """Three examples: one of each frequent reason first, then more of the most frequent."""
        reasons = [reason for reason, _ in self.rows.most_common()]
        ranked = [self._examples[reason][turn : turn + 1] for turn in range(_EXAMPLES) for reason in reasons]
        return [example for examples in ranked for example in examples][:_EXAMPLES]
