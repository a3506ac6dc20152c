"""The check of `meli doctor` that the champion is there: the exact attempt, whole, loadable, and the one in MLflow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from meli_tasks.cli.check_result import CheckResult, State

if TYPE_CHECKING:
    from meli_tasks.settings import Settings
    from meli_tasks.store import Store

ADVICE = "Restore an earlier champion with `meli rollback`, or the model's files from a backup of the store."


def champion(settings: Settings) -> Iterator[CheckResult]:
    """Load the champion's model from the store, and make MLflow's alias follow the ledger."""
    from meli_tasks.champion import champion_model, check_answers
    from meli_tasks.core.errors import BadSettings, MeliError
    from meli_tasks.ledger import Ledger

    try:
        store = settings.open_store()
    except BadSettings:
        yield CheckResult("champion", "skipped", "there is no store to look into: see above")
        return
    ledger = Ledger(store)
    found = champion_model(ledger, ledger.last())
    if found is None:
        yield CheckResult("champion", "skipped", "there is no champion yet")
        return
    if found.problem or found.model is None:
        yield CheckResult("champion", "failed", found.problem, ADVICE)
    else:
        name = f"{found.champion.set_name} ({found.champion.train[:8]}, sha256 {found.ref.sha256[:12]})"
        try:
            check_answers(store, found.model)
            yield CheckResult("champion", "ok", f"{name} is whole and classifies a title")
        except MeliError as error:
            yield CheckResult("champion", "failed", f"{name}: {error}", ADVICE)
    if found.model is not None:
        yield from _in_mlflow(settings, store)


def _in_mlflow(settings: Settings, store: Store) -> Iterator[CheckResult]:
    """Make MLflow follow the ledger, and check that it does."""
    from meli_tasks.core.errors import MeliError
    from meli_tasks.tracking.agreement import findings
    from meli_tasks.tracking.registry import Registry

    name = "champion: mlflow"
    if not settings.mlflow_uri:
        yield CheckResult(name, "skipped", "MLFLOW_TRACKING_URI is not set, so nothing is registered")
        return
    registry = Registry.quick(settings, store)
    repair = registry.repair()
    again = "Run `meli doctor` again once MLflow and the store answer."
    if repair.synced.warning:
        yield CheckResult(name, "failed", repair.synced.warning, "" if repair.synced.reached else again)
    elif repair.notes:
        yield CheckResult(name, "ok", " ".join(repair.notes))
    if not repair.synced.reached:
        return
    try:
        for found in findings(registry.ledger, registry.tracking):
            state: State = "ok" if found.agrees else "failed"
            # What could not be repaired just now, the same command does not repair either: the warning says what to do.
            advice = f"See {name} above." if found.advice and repair.synced.warning else found.advice
            yield CheckResult(f"champion: {found.name}", state, found.observed, advice)
    except MeliError as error:
        yield CheckResult(name, "failed", f"ledger and registry could not be compared: {error}", again)
