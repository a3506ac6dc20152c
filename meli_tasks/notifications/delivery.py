"""Delivery: a notification through every channel that is set, once for each run and verdict.

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
from meli_tasks.notifications.message import Notification
from meli_tasks.notifications.webhook import post
from meli_tasks.settings import Settings
from meli_tasks.store import Store

logger = logging.getLogger("meli_tasks")

CLAIM_TRIES = 3


def channels(settings: Settings) -> dict[str, Callable[[Notification], None]]:
    """The ways in which a notification goes out under these settings, by name."""
    found: dict[str, Callable[[Notification], None]] = {}
    if settings.webhook:
        found["webhook"] = lambda notification: post(settings.webhook, notification)
    if settings.email:
        found["e-mail"] = lambda notification: mail(settings, notification)
    return found


def send(notification: Notification, settings: Settings, store: Store | None) -> dict[str, str]:
    """Send a notification through every channel that has not sent it; what became of each. Never raises for a delivery.

    The store remembers what was sent, by run and verdict. Without a store (it is away) the notification is sent
    unremembered: better twice than not at all, when the store is what failed.
    """
    ways = channels(settings)
    if not ways or not notification.matters(settings.notify):
        logger.info(
            "no notification of %s (%s): MELI_NOTIFY=%s",
            notification.dag_run.run_id,
            notification.verdict,
            settings.notify,
        )
        return {}
    due = _claim(store, notification, list(ways)) if store else list(ways)
    outcomes = {name: _outcome(name, ways[name], notification) for name in due}
    if store and outcomes:
        _remember(store, notification, outcomes)
    return outcomes


def _outcome(name: str, send: Callable[[Notification], None], notification: Notification) -> str:
    try:
        send(notification)
    except MeliError as error:
        logger.error(
            "THE NOTICE %r OF %s WAS NOT SENT by %s: %s", notification.title, notification.dag_run.run_id, name, error
        )
        return f"failed: {error}"
    logger.info("sent by %s: %s (%s)", name, notification.title, notification.dag_run.run_id)
    return "sent"


def _claim(store: Store, notification: Notification, names: Sequence[str]) -> list[str]:
    """The channels that this call is to use: not those that sent it, nor those that another call is about to use.

    A call that dies between here and `_remember` leaves its channels claimed: a notification may be lost, but is
    never sent twice.
    """
    try:
        for _ in range(CLAIM_TRIES):
            blob = store.read(notification.name)
            known: dict[str, str] = json.loads(blob.data)["channels"] if blob else {}
            due = [name for name in names if known.get(name, "failed").startswith("failed")]
            if not due:
                logger.info("%s was told before: %s", notification.name, known)
                return []
            claimed = _record(notification, {**known, **dict.fromkeys(due, "being sent")})
            try:
                store.write(
                    notification.name, claimed, if_absent=blob is None, if_version=blob.version if blob else None
                )
            except Conflict:
                continue
            return due
    except MeliError as error:
        logger.warning("the notification is sent unremembered, for the store does not take it: %s", error)
        return list(names)
    logger.info("%s is being told by another", notification.name)
    return []


def _remember(store: Store, notification: Notification, outcomes: Mapping[str, str]) -> None:
    try:
        blob = store.read(notification.name)
        known: dict[str, str] = json.loads(blob.data)["channels"] if blob else {}
        store.write(
            notification.name, _record(notification, {**known, **outcomes}), if_version=blob.version if blob else None
        )
    except MeliError as error:
        logger.warning("what became of the notification cannot be remembered: %s", error)


def _record(notification: Notification, states: Mapping[str, str]) -> bytes:
    about = {"run_id": notification.dag_run.run_id, "verdict": notification.verdict, "title": notification.title}
    at = datetime.now(UTC).isoformat(timespec="seconds")
    return json.dumps({**about, "at": at, "channels": dict(states)}, ensure_ascii=False).encode()
