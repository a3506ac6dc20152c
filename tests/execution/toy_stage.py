"""A small stage for tests of what runs stages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ConfigDict

from meli_tasks.core.section import Section
from meli_tasks.stages.hooks import Hooks, Inputs
from meli_tasks.stages.summaries import Summary

Body = Callable[[Mapping[str, Path], Path, dict[str, Any]], dict[str, Any]]


class ToyParams(Section):
    """Any parameters."""

    model_config = ConfigDict(extra="allow")


class ToySummary(Summary):
    """Any numbers."""

    model_config = ConfigDict(extra="allow")


class Toy:
    """A stage whose body a test gives. It counts how often it ran, and keeps the hooks of the last time."""

    def __init__(self, body: Body) -> None:
        self.body = body
        self.calls = 0
        self.hooks = Hooks()

    def run(self, inputs: Inputs, out: Path, params: ToyParams, hooks: Hooks) -> ToySummary:
        self.calls += 1
        self.hooks = hooks
        hooks.log.progress(step=1, steps=1)
        return ToySummary.model_validate(self.body(inputs, out, params.model_dump()))


def writes_its_params(inputs: Mapping[str, Path], out: Path, params: dict[str, Any]) -> dict[str, Any]:
    (out / "folder").mkdir()
    (out / "folder" / "result.txt").write_text(str(params["value"]))
    return {"value": params["value"]}
