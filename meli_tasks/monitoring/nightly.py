"""What the DAG `meli_monitoring` does: look at the new titles, and send a notification only if something changed."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from meli_tasks.ledger import Ledger
from meli_tasks.monitoring.advice import advise
from meli_tasks.monitoring.alert import alert_of
from meli_tasks.monitoring.findings import sentence
from meli_tasks.monitoring.monitor import RUNS, Look, Monitor
from meli_tasks.monitoring.report import write_monitoring_report
from meli_tasks.monitoring.results import newest_of
from meli_tasks.notifications.delivery import send
from meli_tasks.notifications.message import DagRun
from meli_tasks.settings import Settings
from meli_tasks.store import Store

logger = logging.getLogger("meli_tasks")

SENT = "sent"


@dataclass(frozen=True)
class Night:
    """What a night found. `skipped` says why there was nothing to do; empty if something was examined."""

    examined: int = 0
    changed: tuple[str, ...] = ()
    retrain: str = ""
    """Why to retrain; empty if there is no reason, or if MELI_MONITORING_RETRAIN is off."""
    skipped: str = ""


def monitor_night(settings: Settings, store: Store, dag_run: DagRun, runs: int = RUNS) -> Night:
    """Examine the newest runs and scored days, log the findings, and send a notification of changes not yet sent.

    A retry examines nothing twice. Changes whose notification could not be sent are in the next night's.

    Args:
        settings: Where things are.
        store: The store.
        dag_run: The run of the DAG that calls this.
        runs: How many of the newest runs to examine, and how many of the newest days of batches and of the service.

    Raises:
        NotFound, BadData: the champion or its listings cannot be read.
    """
    if Ledger(store).champion() is None:
        return Night(skipped="There is no champion yet, so there is nothing to compare titles with.")
    look = Monitor(settings, store).look(runs=runs, strict=False)
    _log(look)
    advised = advise(store, newest_of(look.results)) if look.new else None
    if advised is not None:
        write_monitoring_report(store, look.champion, look.results, advised)
    advice = advised if settings.monitoring_retrain != "off" else None
    if advice is not None:
        logger.info("%s", advice.sentence)
    alert = alert_of(settings, look, dag_run, advice)
    if alert is not None:
        outcomes = send(alert, settings, store)
        if outcomes and all(outcome == SENT for outcome in outcomes.values()):
            for result in look.unannounced:
                result.model_copy(update={"announced": True}).save(store)
    if not look.new:
        return Night(skipped="Nothing was ingested, scored or answered since monitoring last ran.")
    changes = dict.fromkeys(name for result in look.changed for name in result.alarms)
    return Night(len(look.new), tuple(changes), advice.sentence if advice and advice.retrain else "")


def _log(look: Look) -> None:
    if look.warning:
        logger.warning("%s", look.warning)
    for result in look.new:
        logger.info("%s, %s: %s", result.day, result.subject, result.verdict)
        if result.accuracy:
            logger.info("  %s", result.accuracy.sentence)
        for finding in result.findings:
            logger.info("  %s", sentence(finding))
            for example in finding.examples:
                logger.info("    %s", example)
