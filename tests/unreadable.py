"""What may lie in a store in the place of an object: of a later version, cut short, or no object of ours at all."""

from __future__ import annotations

import json
from typing import Any

from meli_tasks.artifacts import paths
from meli_tasks.store import Store

CONTENTS: dict[str, bytes] = {
    "empty": b"",
    "blank": b"\n",
    "cut short": b'{"version": 2, "run_id": "manual__2026-11-2',
    "binary": bytes(range(256)),
    "not UTF-8": b'{"run_id": "\xff\xfe"}',
    "a list": b"[]",
    "a number": b"7",
    "null": b"null",
    "a text": b'"plan"',
    "an empty object": b"{}",
    "another object": b'{"models": 1, "trials": 2, "channels": 3, "outputs": 4, "dates": 5}',
    "nested deeply": b"[" * 100_000,
    "large": b"x" * 5_000_000,
}


def of_a_later_version(stored: bytes) -> bytes:
    """The same object as a later version would write it, which this one could misread."""
    fields = {name: value for name, value in json.loads(stored).items() if name != "seal"}
    return json.dumps({**fields, "version": 99}).encode()


def put(store: Store, name: str, content: str) -> str:
    """Put one of the contents at a name, which is returned; a decision loses its copy, from which it would be read."""
    store.write(name, CONTENTS[content])
    if number := paths.decision_number(name):
        store.delete(paths.decision_copy(number))
    return name


def names_of(skipped: Any) -> set[str]:
    """The names in a list of skipped objects, as types or as JSON."""
    return {each["name"] if isinstance(each, dict) else each.name for each in skipped}
