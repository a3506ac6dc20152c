"""Delivery: a notice through every channel that is set, once for each run and verdict.

What does not get through is logged with the place and the reason, and fails nothing. Airflow ends a callback of its
dag-processor after 50 s: both channels fit in that.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from meli_tasks.core.errors import Conflict, MeliError
from meli_tasks.notifications.mail import mail
from meli_tasks.notifications.message import Notice
from meli_tasks.notifications.webhook import post
from meli_tasks.settings import Settings
from meli_tasks.store import Store

logger = logging.getLogger("meli_tasks")

CLAIM_TRIES = 3


def channels(settings: Settings) -> dict[str, Callable[[Notice], None]]:
    """The ways in which a notice goes out under these settings, by name."""
    found: dict[str, Callable[[Notice], None]] = {}
    if settings.webhook:
        found["webhook"] = lambda notice: post(settings.webhook, notice)
    if settings.email:
        found["e-mail"] = lambda notice: mail(settings, notice)
    return found


def tell(notice: Notice, settings: Settings, store: Store | None) -> dict[str, str]:
    """Send a notice through every channel that has not sent it; what became of each. Never raises for a delivery.

    The store remembers what was sent, by run and verdict. Without a store (it is away) the notice is sent
    unremembered: better twice than not at all, when the store is what failed.
    """
    ways = channels(settings)
    if not ways or not notice.matters(settings.notify):
        logger.info("no notice of %s (%s): MELI_NOTIFY=%s", notice.dag_run.run_id, notice.verdict, settings.notify)
        return {}
    due = _claim(store, notice, list(ways)) if store else list(ways)
    outcomes = {name: _outcome(name, ways[name], notice) for name in due}
    if store and outcomes:
        _remember(store, notice, outcomes)
    return outcomes


def _outcome(name: str, send: Callable[[Notice], None], notice: Notice) -> str:
    try:
        send(notice)
    except MeliError as error:
        logger.error("THE NOTICE %r OF %s WAS NOT SENT by %s: %s", notice.title, notice.dag_run.run_id, name, error)
        return f"failed: {error}"
    logger.info("sent by %s: %s (%s)", name, notice.title, notice.dag_run.run_id)
    return "sent"


def _claim(store: Store, notice: Notice, names: Sequence[str]) -> list[str]:
    """The channels that this call is to use: not those that sent it, nor those that another call is about to use.

    A call that dies between here and `_remember` leaves its channels claimed: a notice may be lost, never doubled.
    """
    try:
        for _ in range(CLAIM_TRIES):
            blob = store.read(notice.name)
            known: dict[str, str] = json.loads(blob.data)["channels"] if blob else {}
            due = [name for name in names if known.get(name, "failed").startswith("failed")]
            if not due:
                logger.info("%s was told before: %s", notice.name, known)
                return []
            claimed = _record(notice, {**known, **dict.fromkeys(due, "being sent")})
            try:
                store.write(notice.name, claimed, if_absent=blob is None, if_version=blob.version if blob else None)
            except Conflict:
                continue
            return due
    except MeliError as error:
        logger.warning("the notice is sent unremembered, for the store does not take it: %s", error)
        return list(names)
    logger.info("%s is being told by another", notice.name)
    return []


def _remember(store: Store, notice: Notice, outcomes: Mapping[str, str]) -> None:
    try:
        blob = store.read(notice.name)
        known: dict[str, str] = json.loads(blob.data)["channels"] if blob else {}
        store.write(notice.name, _record(notice, {**known, **outcomes}), if_version=blob.version if blob else None)
    except MeliError as error:
        logger.warning("what became of the notice cannot be remembered: %s", error)


def _record(notice: Notice, states: Mapping[str, str]) -> bytes:
    about = {"run_id": notice.dag_run.run_id, "verdict": notice.verdict, "title": notice.title}
    at = datetime.now(UTC).isoformat(timespec="seconds")
    return json.dumps({**about, "at": at, "channels": dict(states)}, ensure_ascii=False).encode()
