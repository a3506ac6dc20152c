"""Writes sets.json: `python -m benchmarks.gpu.write_sets`, after a change of one of its sets."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.gpu.workloads import SETS
from meli_tasks.sets import catalog

FILE = Path(__file__).with_name("sets.json")


def text() -> str:
    """The file as it should be."""
    sets = {name: catalog.load(name) for name in SETS}
    values = {
        name: {"dimensions": found.embed.dimensions, "train": found.train.model_dump(mode="json")}
        for name, found in sets.items()
    }
    return json.dumps(values, indent=1) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
