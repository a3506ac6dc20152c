"""Rows of a chunk, the bad ones in their places, and values as they are written."""

from __future__ import annotations

import numpy as np

from meli_tasks.rowfiles.rows import BadRow, Chunk, JsonRows, TextRows


def test_bad_rows_of_text_go_to_their_places() -> None:
    rows = TextRows(["title", "n"], [["a", "d"], ["1", "4"]])
    bad = [BadRow(3, "ragged row", "b", ("b", "2,x")), BadRow(9, "quote never closed", "z", ("z", ""))]
    whole = Chunk(rows, np.array([2, 5]), bad).whole()
    assert whole.rows.cells() == [["a", "b", "d", "z"], ["1", "2,x", "4", ""]]
    assert whole.lines.tolist() == [2, 3, 5, 9]
    assert whole.problems == {1: "ragged row", 3: "quote never closed"}
    part = whole.slice(1, 3)
    assert (part.rows.cells(), part.lines.tolist(), part.problems) == (
        [["b", "d"], ["2,x", "4"]],
        [3, 5],
        {0: "ragged row"},
    )


def test_bad_rows_of_json_lines_go_to_a_column_of_their_own() -> None:
    chunk = Chunk(JsonRows.of([{"title": "a"}]), np.array([2]), [BadRow(1, "malformed JSON", "{", ("{",))])
    assert list(chunk.whole().rows.objects()) == [{"unreadable": "{"}, {"title": "a"}]
    assert chunk.whole().rows.names == ["unreadable", "title"]


def test_a_chunk_without_bad_rows_is_whole() -> None:
    rows = TextRows(["title"], [["a"]])
    assert Chunk(rows, np.array([2])).whole().rows is rows
