"""The checks of `meli doctor` that the ledger is whole, and that the champion is there, loadable, and in MLflow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from meli_tasks.cli.check_result import CheckResult, State

if TYPE_CHECKING:
    from meli_tasks.settings import Settings
    from meli_tasks.store import Store

ADVICE = (
    "Compute it again with `meli verify --repair`, restore an earlier champion with `meli rollback`, or restore the "
    "model's files from a backup of the store."
)


def ledger(settings: Settings) -> Iterator[CheckResult]:
    """Check that no decision of the ledger is missing, damaged or exchanged, and that none is dated in the future."""
    from datetime import UTC, datetime

    from meli_tasks.core.errors import BadSettings
    from meli_tasks.ledger import Ledger
    from meli_tasks.stored_decisions import FAR_AHEAD, RESTORE, StoredDecisions
    from meli_tasks.wording import count

    try:
        store = settings.open_store()
    except BadSettings:
        yield CheckResult("ledger", "skipped", "there is no store to look into: see above")
        return
    damaged = StoredDecisions(store).damage()
    for name, reason in damaged:
        advice = f"`meli verify ledger --repair` puts it back if the other copy is whole. {RESTORE}"
        yield CheckResult("ledger", "failed", f"{name}: {reason}", advice)
    if damaged:
        return
    last = Ledger(store).last()
    if last and last.at > datetime.now(UTC) + FAR_AHEAD:
        observed = f"decision {last.number} is dated {last.at:%Y-%m-%d %H:%M} UTC, which is in the future"
        advice = "Set the clocks of the machines that run tasks. The next decision gets its own time again."
        yield CheckResult("ledger", "failed", observed, advice)
    elif last is None:
        yield CheckResult("ledger", "skipped", "there is no decision yet")
    else:
        yield CheckResult("ledger", "ok", f"{count(last.number, 'decision')}, none missing, damaged or exchanged")


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
