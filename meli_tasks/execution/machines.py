"""What the machine that trains a set offers to the others of MELI_NODES: what to train, with which versions."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, JsonValue

from meli_tasks.execution.about import installed_version
from meli_tasks.settings import Settings
from meli_tasks.stages import STAGES
from meli_tasks.stages.hooks import Machines


class Offer(BaseModel):
    """A training run that other machines may take part in.

    `inputs` are the content keys of the stage's inputs, which each machine fetches from the store by itself. `versions`
    are those of the stage, of this package and of torch: with others, the processes would compute different things.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    run_id: str
    params: dict[str, JsonValue]
    inputs: dict[str, str]
    device: str
    devices: int
    versions: dict[str, str]


def versions() -> dict[str, str]:
    """The versions that all machines must have."""
    packages = {name: installed_version(name) or "" for name in ("meli-tasks", "torch")}
    return {"train": str(STAGES["train"].version), **packages}


def machines_of(settings: Settings, params: Mapping[str, JsonValue], inputs: Mapping[str, str]) -> Machines:
    """The machines that train a set together, and what the others need to know."""
    if settings.nodes == 1:
        return Machines()
    offer = {"params": dict(params), "inputs": dict(inputs), "versions": versions()}
    return Machines(settings.nodes, settings.rendezvous, offer)
