"""What the DAG `meli_verify` does: check everything, and send a notification only if something is damaged."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field

from meli_tasks.core.errors import MeliError
from meli_tasks.execution.runner import Runner
from meli_tasks.integrity.repair import Mended, Repair
from meli_tasks.integrity.verify import Checked, Verification
from meli_tasks.ledger import Ledger
from meli_tasks.notifications.delivery import send
from meli_tasks.notifications.message import DagRun, Notification, links_of
from meli_tasks.settings import Settings
from meli_tasks.store import Store
from meli_tasks.tracking.agreement import findings
from meli_tasks.tracking.outbox import Tracking
from meli_tasks.tracking.patience import QUICK
from meli_tasks.wording import count

logger = logging.getLogger("meli_tasks")

NAMED = 10
"""How many damaged objects a notification names; the log names all."""


@dataclass(frozen=True)
class VerifiedNight:
    """What a night found: how many objects were checked and damaged, and what a person still has to do."""

    objects: int
    damaged: int = 0
    open: int = 0
    registry: list[str] = field(default_factory=list)
    """Where MLflow's registry differs from the ledger."""


def verify_night(settings: Settings, store: Store, dag_run: DagRun) -> VerifiedNight:
    """Check the store, the ledger, this worker's cache and MLflow's registry; repair them if MELI_VERIFY_REPAIR is set.

    Every finding is in the log. A notification is sent if anything is damaged, mended or not: disks that flip a bit
    flip more.

    Raises:
        MeliError: the store does not answer.
    """
    runner = Runner(settings, store, run_id=dag_run.run_id)
    checked = Verification(store, runner.cache).run()
    repair = Repair(runner).run if settings.verify_repair else lambda found: map(Mended, found)
    mended = list(repair(checked.findings))
    for each in mended:
        logger.warning("%s", _sentence(each))
    registry = _registry(settings, store)
    still_open = [each for each in mended if not each.done or each.advice]
    logger.info("%s checked, %s damaged", count(checked.objects, "object"), f"{len(mended):,}")
    if mended or registry:
        send(_notification(settings, dag_run, checked, mended, registry), settings, store)
    return VerifiedNight(checked.objects, len(mended), len(still_open), registry)


def _registry(settings: Settings, store: Store) -> list[str]:
    """Where MLflow's registry differs from the ledger. An outage of MLflow is no damage, so it is only logged."""
    if not settings.mlflow_uri:
        return []
    try:
        found = [one for one in findings(Ledger(store), Tracking.of(settings, store, QUICK)) if not one.agrees]
    except MeliError as error:
        logger.warning("MLflow's registry was not compared with the ledger: %s", error)
        return []
    for one in found:
        logger.warning("MLflow's registry: %s. %s", one.observed, one.advice)
    return [f"{one.observed}. {one.advice}".strip() for one in found]


def _sentence(each: Mended) -> str:
    parts = (f"{each.finding.name} is damaged: {each.finding.reason}", each.done, each.advice)
    return "; ".join(filter(None, parts))


def _notification(
    settings: Settings, dag_run: DagRun, checked: Checked, mended: Sequence[Mended], registry: Sequence[str]
) -> Notification:
    still_open = [each for each in mended if not each.done or each.advice]
    ordered = [*still_open, *(each for each in mended if each not in still_open)]
    lines = [_sentence(each) for each in ordered[:NAMED]]
    if len(ordered) > NAMED:
        lines.append(f"{len(ordered) - NAMED:,} more are in the log of the task verify.")
    if still_open and not settings.verify_repair:
        lines.append("`meli verify --repair` mends what can be mended; MELI_VERIFY_REPAIR=true does so every night.")
    return Notification(
        "damaged",
        dag_run,
        _title(settings, checked, mended, still_open, registry),
        (*lines, *registry),
        links=links_of(settings, None, dag_run, None),
    )


def _title(
    settings: Settings,
    checked: Checked,
    mended: Sequence[Mended],
    still_open: Sequence[Mended],
    registry: Sequence[str],
) -> str:
    if not mended:
        return f"MLflow's registry differs from the ledger in {count(len(registry), 'point')}"
    title = f"{len(mended):,} of {count(checked.objects, 'object')} in the store are damaged"
    if not settings.verify_repair:
        return title
    return f"{title}; all were mended" if not still_open else f"{title}; {len(still_open):,} could not be mended"
