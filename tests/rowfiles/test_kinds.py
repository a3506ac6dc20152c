"""The kind of file to write, by its suffixes."""

from __future__ import annotations

from pathlib import Path

import pytest

from meli_tasks.core.errors import BadData
from meli_tasks.rowfiles.kinds import kind_of, named_json_lines


def test_kinds_by_name() -> None:
    assert kind_of(Path("a.b.CSV.gz")) == ("csv", True)
    assert kind_of(Path("a.ndjson")) == ("jsonl", False)
    assert kind_of(Path("a.pq")) == ("parquet", False)
    for name in ("a.txt", "csv", "a.gz"):
        with pytest.raises(BadData, match="does not say what kind"):
            kind_of(Path(name))
    with pytest.raises(BadData, match=r"leave out the \.gz"):
        kind_of(Path("a.parquet.gz"))
    assert named_json_lines("a.jsonl.gz") and not named_json_lines("a.csv")
