"""The bad rows of a source: written to a file with their reasons, counted, and reported if there are too many."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from meli_tasks.core.errors import BadData
from meli_tasks.rowfiles.rows import BadRow

_EXAMPLES = 3


class Quarantine:
    """A gzipped JSON Lines file with a line for each row that is not used: file, line, reason, and its beginning."""

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

    def add(self, file: str, bad: Sequence[BadRow]) -> None:
        """Write bad rows to the file, and count them."""
        self.rows.update(row.reason for row in bad)
        for row in bad:
            examples = self._examples.setdefault(row.reason, [])
            if len(examples) < _EXAMPLES:
                examples.append(f"{file} line {row.line}: {row.reason}: {row.excerpt}")
        self.record(file, bad)

    def record(self, file: str, rows: Sequence[BadRow]) -> None:
        """Write excluded rows to the file: nothing is wrong with them, so they do not count as bad."""
        for row in rows:
            record = {"file": file, "line": row.line, "reason": row.reason, "seen": row.excerpt}
            self._zip.write((json.dumps(record, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace"))

    def check_rate(self, rows: int, limit: float, encoding_advice: str) -> None:
        """Refuse a source with too many bad rows.

        Args:
            rows: how many rows could be bad.
            limit: the largest fraction of bad rows that is accepted.
            encoding_advice: what to do about files that are not UTF-8; "" if all are.

        Raises:
            BadData: more than `limit` of the rows are bad.
        """
        bad = self.rows.total()
        if not rows or bad / rows <= limit:
            return
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in self.rows.most_common())
        advice = f"Correct the source, or raise max_bad_fraction (now {limit:.1%}) to continue without them."
        if encoding_advice:
            advice = f"{encoding_advice} {advice}"
        examples = "\n  ".join(self._some_examples())
        raise BadData(f"{bad:,} of {rows:,} rows ({bad / rows:.1%}) cannot be used: {reasons}.\n  {examples}\n{advice}")

    def _some_examples(self) -> list[str]:
        """Three examples: one of each frequent reason first, then more of the most frequent."""
        reasons = [reason for reason, _ in self.rows.most_common()]
        ranked = [self._examples[reason][turn : turn + 1] for turn in range(_EXAMPLES) for reason in reasons]
        return [example for examples in ranked for example in examples][:_EXAMPLES]
