"""Where the processes of one training run meet: a file on one machine, a TCP store of torch for several machines."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from torch.distributed import (  # type: ignore[attr-defined]
    DistNetworkError,
    FileStore,
    PrefixStore,
    Store,
    TCPStore,
)

from meli_tasks.core.errors import Unreachable
from meli_tasks.stages.training.job import MEETING, Job

SECONDS_TO_MEET = 600
"""How long machines wait for each other, and processes for the first of them."""
SECONDS_TO_CONNECT = 10.0
OFFER, FAILURE = "meli/offer", "meli/failure"


def open_meeting(job: Job, folder: Path) -> Store:
    """The store over which the processes of a job find each other."""
    store = FileStore(str(folder / MEETING), job.world_size) if job.machines == 1 else _connect(job.rendezvous)
    store.set_timeout(timedelta(seconds=SECONDS_TO_MEET))
    return PrefixStore(f"workers/{job.run_id}", store)


def host_meeting(job: Job) -> TCPStore:
    """Listen at the rendezvous of several machines, and offer them the job. It ends with this process.

    Raises:
        Unreachable: the port is in use.
    """
    _, port = address_of(job.rendezvous)
    try:
        store = TCPStore("localhost", port, is_master=True, wait_for_workers=False)
    except (DistNetworkError, RuntimeError) as error:
        raise Unreachable(
            f"MELI_RENDEZVOUS={job.rendezvous}: this machine cannot listen on port {port}. Another training run may be "
            f"using it: with several machines, MELI_SLOTS must be 1. ({str(error).splitlines()[0]})"
        ) from error
    offer = {**job.offer, "run_id": job.run_id, "device": job.device, "devices": job.devices}
    store.set(OFFER, json.dumps(offer))
    return store


def find_offer(rendezvous: str) -> Mapping[str, Any] | None:
    """What the training run that listens at a rendezvous offers to other machines; None if none listens there."""
    try:
        # torch's client logs every attempt that fails.
        socket.create_connection(address_of(rendezvous), timeout=SECONDS_TO_CONNECT).close()
        store = _connect(rendezvous)
        store.set_timeout(timedelta(seconds=SECONDS_TO_CONNECT))
        offer: dict[str, Any] = json.loads(store.get(OFFER))
    except (OSError, RuntimeError):
        return None
    return offer


def report_failure(job: Job, failure: str) -> None:
    """Leave the reason of a failure to the machine that runs the stage, if it still listens."""
    try:
        _connect(job.rendezvous).set(FAILURE, failure)
    except RuntimeError:
        return


def reported_failure(store: Store) -> str:
    """The reason of a failure on another machine; empty if none was left."""
    return store.get(FAILURE).decode() if store.check([FAILURE]) else ""


def address_of(rendezvous: str) -> tuple[str, int]:
    """The host and port of a rendezvous."""
    host, _, port = rendezvous.rpartition(":")
    return host.strip("[]"), int(port)


def _connect(rendezvous: str) -> TCPStore:
    host, port = address_of(rendezvous)
    return TCPStore(host, port, is_master=False, timeout=timedelta(seconds=SECONDS_TO_CONNECT))
