"""Promotions for the tests of the registry: runs with real models, and where the alias is afterwards."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

from mlflow.tracking import MlflowClient

from meli_tasks.settings import DEFAULT_REGISTERED_MODEL as MODEL
from meli_tasks.store import Store
from meli_tasks.tracking.registry import Registry
from tests.past_run import PastRun


def past_run(store: Store, folder: Path, accuracies: dict[str, float] | None = None) -> PastRun:
    """A run with real models."""
    unique = uuid4().int % 10**9
    run = PastRun(store, f"manual__{unique}", accuracies or {"mlp": 0.94, "cnn": 0.92}, seed=unique)
    for name in run.accuracies:
        run.with_real_model(name, folder / f"{unique}-{name}")
    return run


def promote(registry: Registry, run: PastRun, label: str | None) -> str | None:
    """Let the run promote; the version that the alias is at afterwards."""
    decide(registry, run, label)
    return aliased_version(registry)


def decide(registry: Registry, run: PastRun, label: str | None) -> None:
    """Let the run promote, whether or not MLflow answers."""
    last = registry.ledger.last()
    evaluated = run.evaluation().model_copy(update={"ledger": last.number if last else 0})
    registry.apply(run.plan, evaluated, run.promotion(evaluated, label))


def aliased_version(registry: Registry) -> str | None:
    """The version that the alias is at, according to MLflow's own client."""
    client = MlflowClient(registry.tracking.uri)
    return client.get_registered_model(registry.tracking.model).aliases.get("champion")


def versions(client: MlflowClient, run: PastRun) -> list[str]:
    """The numbers of the versions that hold models of a run."""
    keys = set(run.models.values())
    found = client.search_model_versions(f"name = '{MODEL}'")
    return [version.version for version in found if version.tags["meli.artifact_key"] in keys]


def spoil(store: Store, name: str, how: str) -> None:
    """Damage an object."""
    blob = store.read(name)
    assert blob is not None
    store.delete(name)
    if how != "missing":
        store.write(name, blob.data[:-1] + (b"" if how == "shorter" else b"x"))
