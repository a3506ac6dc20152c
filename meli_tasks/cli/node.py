"""`meli node`: a machine that takes part in the training runs of another."""

from __future__ import annotations

from typing import Annotated

import typer

from meli_tasks.cli.console import echo

EXAMPLES = (
    "MELI_NODES=2 MELI_RENDEZVOUS=trainer:29400 meli node",
    "MELI_NODES=2 MELI_RENDEZVOUS=trainer:29400 MELI_DEVICES=4 MELI_DEVICE=cuda meli node --once",
)


def node(
    once: Annotated[bool, typer.Option("--once", help="Exit after the first training run.")] = False,
) -> None:
    """Take part, with the devices of this machine, in the training runs of the machine that runs the tasks.

    It waits for a training run at MELI_RENDEZVOUS, fetches the inputs from the store, trains its part of every batch,
    and waits for the next. MELI_NODES, MELI_DEVICES and MELI_DEVICE must be the same on all machines, and so must the
    versions of meli-tasks and torch.

    The machines find each other without a password: keep the port of MELI_RENDEZVOUS, and those that the processes
    choose, within a private network.
    """
    from meli_tasks.execution.node import Node
    from meli_tasks.settings import Settings

    Node(Settings.from_environment(), echo).run(once=once)
