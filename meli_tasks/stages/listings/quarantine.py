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
from meli_tasks.rowfiles.text import likely_encoding

BAD_ENCODING = "bad encoding"

_EXAMPLES = 3
_NAMED_LINES = 20


class Quarantine:
    """A gzipped JSON Lines file with a line for each row that is not used: file, line, reason, and its beginning."""

    def __init__(self, path: Path) -> None:
        self.rows: Counter[str] = Counter()
        """Bad rows by reason."""
        self._examples: dict[str, list[str]] = {}
        self._undecodable: dict[str, list[int]] = {}
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
            if row.reason == BAD_ENCODING and sum(map(len, self._undecodable.values())) < _NAMED_LINES:
                self._undecodable.setdefault(file, []).append(row.line)
        self.record(file, bad)

    def record(self, file: str, rows: Sequence[BadRow]) -> None:
        """Write excluded rows to the file: nothing is wrong with them, so they do not count as bad."""
        for row in rows:
            record = {"file": file, "line": row.line, "reason": row.reason, "seen": row.excerpt}
            self._zip.write((json.dumps(record, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace"))

    def check_rate(self, rows: int, limit: float, undecodable: Sequence[str], some_utf8: bool) -> None:
        """Refuse a source with too many bad rows.

        Args:
            rows: how many rows could be bad.
            limit: the largest fraction of bad rows that is accepted.
            undecodable: some texts with bytes that are not UTF-8, as they were decoded.
            some_utf8: whether other texts hold letters in UTF-8, so that converting whole files would damage them.

        Raises:
            BadData: more than `limit` of the rows are bad.
        """
        bad = self.rows.total()
        if not rows or bad / rows <= limit:
            return
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in self.rows.most_common())
        advice = f"Correct the source, or raise max_bad_fraction (now {limit:.1%}) to continue without them."
        if undecodable:
            advice = f"{self._encoding_advice(likely_encoding(undecodable), some_utf8)} {advice}"
        examples = "\n  ".join(self._some_examples())
        raise BadData(f"{bad:,} of {rows:,} rows ({bad / rows:.1%}) cannot be used: {reasons}.\n  {examples}\n{advice}")

    def _encoding_advice(self, encoding: str, some_utf8: bool) -> str:
        if not some_utf8:
            return f"The encoding looks like {encoding}; convert it: iconv -f {encoding} -t UTF-8 old > new."
        lines = "; ".join(f"{file}: {', '.join(map(str, numbers))}" for file, numbers in self._undecodable.items())
        named = sum(map(len, self._undecodable.values()))
        more = f" and {self.rows[BAD_ENCODING] - named:,} more" if self.rows[BAD_ENCODING] > named else ""
        return (
            f"Some lines look like {encoding} in a source that is otherwise UTF-8: {lines}{more}. "
            "Correct those lines only; converting a whole file would damage the others."
        )

    def _some_examples(self) -> list[str]:
        """Three examples: one of each frequent reason first, then more of the most frequent."""
        reasons = [reason for reason, _ in self.rows.most_common()]
        ranked = [self._examples[reason][turn : turn + 1] for turn in range(_EXAMPLES) for reason in reasons]
        return [example for examples in ranked for example in examples][:_EXAMPLES]
