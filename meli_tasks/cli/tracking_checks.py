"""The checks of `meli doctor` that try MLflow: what its user may write, and whether the registered champion loads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from meli_tasks.cli.check_result import CheckResult
from meli_tasks.core.errors import BadData, BadSettings, NotFound, TrackingRejected, TrackingUnavailable

if TYPE_CHECKING:
    from meli_tasks.settings import Settings
    from meli_tasks.store import Store
    from meli_tasks.tracking.outbox import Tracking

RIGHTS, LOADED = "mlflow: rights", "registered model"
RIGHTS_ADVICE = (
    "Give this user the right to edit the experiment meli_training and the registered model "
    "(MELI_REGISTERED_MODEL), and MLflow's server the right to write to its artifact storage."
)
LOAD_ADVICE = "Delete this version in MLflow and run `meli champion`: it registers the champion again from the store."
AGAIN = "Run `meli doctor` again once MLflow answers."


def mlflow_rights(settings: Settings) -> Iterator[CheckResult]:
    """Write to MLflow as a night does, and delete it again."""
    from meli_tasks.tracking.rights import try_rights

    opened = _opened(settings)
    if isinstance(opened, str):
        yield CheckResult(RIGHTS, "skipped", opened)
        return
    done: list[str] = []
    try:
        done.extend(try_rights(opened[1]))
    except TrackingRejected as error:
        yield CheckResult(RIGHTS, "failed", "; ".join([*done, str(error)]), RIGHTS_ADVICE)
    except TrackingUnavailable as error:
        yield CheckResult(RIGHTS, "skipped", f"not tried, since MLflow did not answer: {error}", AGAIN)
    else:
        yield CheckResult(RIGHTS, "ok", "; ".join(done))


def registered_model(settings: Settings) -> Iterator[CheckResult]:
    """Load the champion from MLflow by its alias, as a user of the registry does."""
    from meli_tasks.ledger import Ledger
    from meli_tasks.tracking.loading import load_by_alias

    opened = _opened(settings)
    if isinstance(opened, str):
        yield CheckResult(LOADED, "skipped", opened)
        return
    last = Ledger(opened[0]).last()
    if last is None or last.champion is None:
        yield CheckResult(LOADED, "skipped", "there is no champion yet")
        return
    name = settings.registered_model
    try:
        opened[1].projection().server.registered_model(name)
    except TrackingUnavailable as error:  # not a fault of the version
        yield CheckResult(LOADED, "skipped", f"not loaded, since MLflow did not answer: {error}", AGAIN)
        return
    except TrackingRejected as error:
        yield CheckResult(LOADED, "failed", str(error), RIGHTS_ADVICE)
        return
    try:
        load_by_alias(settings, Ledger(opened[0]))
    except (BadData, NotFound) as error:  # they say what to do
        yield CheckResult(LOADED, "failed", str(error))
    except (TrackingRejected, TrackingUnavailable) as error:
        yield CheckResult(LOADED, "failed", str(error), LOAD_ADVICE)
    else:
        observed = f"models:/{name}@champion holds the files that were registered, and it classifies a title"
        yield CheckResult(LOADED, "ok", observed)


def _opened(settings: Settings) -> tuple[Store, Tracking] | str:
    """The store and its tracking server, or why neither can be reached."""
    from meli_tasks.tracking.outbox import Tracking

    if not settings.mlflow_uri:
        return "MLFLOW_TRACKING_URI is not set, so nothing is tracked"
    try:
        store = settings.open_store()
    except BadSettings:
        return "there is no store to look into: see above"
    return store, Tracking.of(settings, store)
