"""The notification of what changed: what, since when, with examples. There is none while nothing has changed."""

from __future__ import annotations

from collections.abc import Sequence

from meli_tasks.monitoring.advice import Advice
from meli_tasks.monitoring.findings import sentence
from meli_tasks.monitoring.monitor import Look
from meli_tasks.monitoring.results import ACCURACY, DayResult, since
from meli_tasks.notifications.message import DagRun, Notification, links_of
from meli_tasks.settings import Settings
from meli_tasks.wording import count, enumeration

MOST_NAMED = 3
_EXAMPLES = 3


def alert_of(settings: Settings, look: Look, dag_run: DagRun, advice: Advice | None = None) -> Notification | None:
    """The notification of the changes of a look that nobody was notified of; None if there are none."""
    changed = look.unannounced
    if not changed:
        return None
    newest = changed[-1]
    others = f", and {count(len(changed) - 1, 'other result')}" if len(changed) > 1 else ""
    names = enumeration(newest.alarms, MOST_NAMED)
    return Notification(
        "changed",
        dag_run,
        f"{look.champion} may no longer fit the titles: {names}",
        (
            f"{newest.day}, {newest.subject}{others}.",
            *_changes(newest, look.results),
            *([advice.sentence] if advice else []),
            "`meli monitor` lists every day.",
        ),
        links=(*links_of(settings, None, dag_run, None), *_page(settings)),
    )


def _page(settings: Settings) -> tuple[tuple[str, str], ...]:
    """The page with the charts, if Airflow's address is known."""
    return (("Monitoring", f"{settings.airflow_url}/plugin/models?monitoring=1"),) if settings.airflow_url else ()


def _changes(result: DayResult, results: Sequence[DayResult]) -> list[str]:
    lines = []
    if result.accuracy and result.accuracy.worse:
        lines.append(f"{result.accuracy.sentence} Since {since(results, ACCURACY, result)}.")
    for finding in result.changes:
        lines.append(f"{sentence(finding)} Since {since(results, finding.statistic, result)}.")
        lines += [f"    {example}" for example in finding.examples[:_EXAMPLES]]
    return lines
