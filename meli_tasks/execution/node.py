"""One of several machines that train together, other than the one that runs the tasks: `meli node`.

It waits for a training run at MELI_RENDEZVOUS, fetches its inputs from the store, takes part with its devices, and
waits for the next. It writes nothing: the machine that runs the task logs, saves and publishes.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from pydantic import ValidationError

from meli_tasks.artifacts.manifest import need
from meli_tasks.core.errors import BadSettings, Conflict, MeliError
from meli_tasks.core.hyperparameters import Train
from meli_tasks.execution.machines import Offer, versions
from meli_tasks.execution.runner import Runner
from meli_tasks.settings import Settings
from meli_tasks.stages.hooks import SilentLog

SECONDS_BETWEEN_LOOKS = 1.0
INPUTS = ("preprocess", "embed")
Report = Callable[[str], None]


class Node:
    """A machine that takes part in the training runs of another one."""

    def __init__(self, settings: Settings, report: Report) -> None:
        """`report` receives a line for each training run.

        Raises:
            BadSettings: The settings do not say how many machines meet, and where.
        """
        if settings.nodes < 2 or not settings.rendezvous:
            raise BadSettings(
                "`meli node` needs MELI_NODES, the number of machines, and MELI_RENDEZVOUS, the host:port of the one "
                f"that runs the training tasks. They are {settings.nodes} and {settings.rendezvous!r}."
            )
        self._settings = settings
        self._report = report
        self._runner = Runner(settings, run_id="node")
        self._last = ""

    def run(self, *, once: bool = False) -> None:
        """Take part in one training run after the other, until the process is ended; or in one only."""
        self._report(f"Waiting for training runs at {self._settings.rendezvous}")
        while not (self.look() and once):
            time.sleep(SECONDS_BETWEEN_LOOKS)

    def look(self) -> bool:
        """Take part in the training run that is offered now, and return whether there was one."""
        from meli_tasks.stages.training.meeting import find_offer  # imports torch

        found = find_offer(self._settings.rendezvous)
        if found is None or found.get("run_id") == self._last:
            return False
        self._last = str(found.get("run_id"))
        try:
            self._take_part(Offer.model_validate(found))
        except (MeliError, RuntimeError, ValidationError) as error:
            self._report(f"The training run ended here: {error}")
        else:
            self._report("The training run is complete")
        return True

    def _take_part(self, offer: Offer) -> None:
        from meli_tasks.stages.training.group import take_part
        from meli_tasks.stages.training.job import Job
        from meli_tasks.stages.training.setup import chosen_device

        if offer.versions != (own := versions()):
            raise Conflict(
                f"The machine that runs the task has the versions {offer.versions}, this one {own}. Install the same."
            )
        settings = self._settings
        device = chosen_device(settings.device, SilentLog())
        if (offer.device, offer.devices) != (device, settings.devices):
            raise BadSettings(
                f"The machine that runs the task trains on {offer.devices} x {offer.device}, this one on "
                f"{settings.devices} x {device}. MELI_DEVICES and the kind of device must be the same on all machines."
            )
        params = Train.model_validate(offer.params)
        store, inputs = self._runner.store, dict[str, Path]()
        for name in INPUTS:
            inputs[name] = self._runner.folder(need(store, name, offer.inputs[name]))
        self._runner.limit_threads()
        job = Job(
            inputs,
            None,
            params,
            device,
            settings.devices,
            settings.nodes,
            settings.rendezvous,
            run_id=offer.run_id,
            threads=max(1, settings.training_threads() // (settings.devices if device == "cpu" else 1)),
        )
        self._report(f"Taking part in training run {offer.run_id} with {settings.devices} x {device}")
        take_part(job)
