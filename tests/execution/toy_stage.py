"""A small stage for tests of what runs stages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

Body = Callable[[Mapping[str, Path], Path, dict[str, Any]], dict[str, Any]]


class Toy:
    """A stage whose body a test gives, and that counts how often it ran."""

    def __init__(self, body: Body) -> None:
        self.body = body
        self.calls = 0

    def run(self, inputs: Mapping[str, Path], out: Path, params: dict[str, Any], log: Any) -> dict[str, Any]:
        self.calls += 1
        log.progress(step=1, steps=1)
        return self.body(inputs, out, params)


def writes_its_params(inputs: Mapping[str, Path], out: Path, params: dict[str, Any]) -> dict[str, Any]:
    (out / "folder").mkdir()
    (out / "folder" / "result.txt").write_text(str(params["value"]))
    return {"value": params["value"]}
