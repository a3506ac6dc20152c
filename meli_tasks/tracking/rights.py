"""What MLflow's user may do, found out by doing it: sign-ins that may read but not write look healthy until a night."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from uuid import uuid4

from meli_tasks.artifacts.identity import find_identity
from meli_tasks.core.errors import MeliError
from meli_tasks.tracking.alias import OWNER
from meli_tasks.tracking.fields import Metric
from meli_tasks.tracking.outbox import Tracking
from meli_tasks.tracking.runs import EXPERIMENT

RUN_NAME = "meli doctor"


def try_rights(tracking: Tracking) -> Iterator[str]:
    """Write as a night does, and say after each step what was written.

    The run that it makes is deleted again: MLflow hides it, and `mlflow gc` removes it with its one small artifact.

    Raises:
        TrackingUnavailable: MLflow does not answer.
        TrackingRejected: it refused; what came before was allowed.
    """
    projection = tracking.projection()
    server, now = projection.server, round(time.time() * 1e3)
    run = server.create_run(projection.experiment, RUN_NAME, now, {"meli.kind": "doctor"})
    try:
        server.log(run.id, metrics=[Metric("doctor", 1.0, now)], params={"doctor": "yes"})
        server.upload(run, "doctor.txt", b"Written by meli doctor, which tried whether it may.")
    except MeliError:
        with suppress(MeliError):  # the first refusal is what the user has to know
            server.post("runs/delete", run_id=run.id)
        raise
    server.post("runs/delete", run_id=run.id)
    yield f"a run with a metric and an artifact was written to the experiment {EXPERIMENT} and deleted"
    yield _model(tracking)


def _model(tracking: Tracking) -> str:
    """Change the registered model without changing it, or make one and delete it if there is none yet."""
    server, name = tracking.projection().server, tracking.model
    model = server.registered_model(name)
    if model is None:
        tried = f"{name}-doctor-{uuid4().hex[:8]}"
        server.create_registered_model(tried, "Made by meli doctor, which tried whether it may.", {})
        server.delete("registered-models/delete", name=tried)
        return "a registered model was created and deleted"
    identity = find_identity(tracking.store)
    if identity is None or model.tags.get(OWNER) != identity.id:
        return f"the registered model {name} is not this store's, so whether it may be changed was not tried"
    server.post("registered-models/set-tag", name=name, key=OWNER, value=identity.id)
    return f"the registered model {name} may be changed"
