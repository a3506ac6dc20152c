"""Sends a notification through every configured channel, once for each run and verdict.

A notification that cannot be sent is logged with the channel and the reason, and fails nothing. Airflow ends a callback
of its dag-processor after 50 s; both channels together take less.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from meli_tasks.artifacts.reading import PARSE_ERRORS, reason_of
from meli_tasks.core.errors import Conflict, MeliError
from meli_tasks.notifications.mail import mail
from meli_tasks.notifications.message import Notification
from meli_tasks.notifications.webhook import post
from meli_tasks.settings import Settings
from meli_tasks.store import Blob, Store

logger = logging.getLogger("meli_tasks")

CLAIM_TRIES = 3


def channels(settings: Settings) -> dict[str, Callable[[Notification], None]]:
    """The channels of these settings, by name: functions that send a notification."""
    found: dict[str, Callable[[Notification], None]] = {}
    if settings.webhook:
        found["webhook"] = lambda notification: post(settings.webhook, notification)
    if settings.email:
        found["e-mail"] = lambda notification: mail(settings, notification)
    return found


def send(notification: Notification, settings: Settings, store: Store | None) -> dict[str, str]:
    """Send a notification through every channel that has not sent it yet.

    The store records what was sent, by run and verdict. While the store is unavailable, the notification is sent
    without a record: if the store itself failed, sending twice is better than not sending at all.

    Returns:
        The outcome of each channel that was used: "sent", or "failed: " with the reason. A failure raises nothing.
    """
    senders = channels(settings)
    if not senders or not notification.matters(settings.notify):
        logger.info(
            "no notification for %s (%s): MELI_NOTIFY=%s",
            notification.dag_run.run_id,
            notification.verdict,
            settings.notify,
        )
        return {}
    due = _claim(store, notification, list(senders)) if store else list(senders)
    outcomes = {name: _outcome(name, senders[name], notification) for name in due}
    if store and outcomes:
        _record_outcomes(store, notification, outcomes)
    return outcomes


def _outcome(name: str, send: Callable[[Notification], None], notification: Notification) -> str:
    try:
        send(notification)
    except MeliError as error:
        logger.error(
            "Could not send the notification %r of %s by %s: %s",
            notification.title,
            notification.dag_run.run_id,
            name,
            error,
        )
        return f"failed: {error}"
    logger.info("sent by %s: %s (%s)", name, notification.title, notification.dag_run.run_id)
    return "sent"


def _claim(store: Store, notification: Notification, names: Sequence[str]) -> list[str]:
    """Claim the channels for this call: those that have not sent it and that no other call is about to use.

    A call that dies between here and `_record_outcomes` leaves its channels claimed: a notification may be lost, but is
    never sent twice.
    """
    try:
        for _ in range(CLAIM_TRIES):
            blob = store.read(notification.name)
            known = _channels_of(blob, notification.name)
            due = [name for name in names if known.get(name, "failed").startswith("failed")]
            if not due:
                logger.info("%s was sent before: %s", notification.name, known)
                return []
            claimed = _record_of(notification, {**known, **dict.fromkeys(due, "being sent")})
            try:
                store.write(
                    notification.name, claimed, if_absent=blob is None, if_version=blob.version if blob else None
                )
            except Conflict:
                continue
            return due
    except MeliError as error:
        logger.warning("sending the notification without a record, because the store is unavailable: %s", error)
        return list(names)
    logger.info("%s is being sent by another process", notification.name)
    return []


def _record_outcomes(store: Store, notification: Notification, outcomes: Mapping[str, str]) -> None:
    try:
        blob = store.read(notification.name)
        known = _channels_of(blob, notification.name)
        store.write(
            notification.name,
            _record_of(notification, {**known, **outcomes}),
            if_version=blob.version if blob else None,
        )
    except MeliError as error:
        logger.warning("could not record whether the notification was sent: %s", error)


def _channels_of(blob: Blob | None, name: str) -> dict[str, str]:
    """What was recorded of each channel; nothing if the record cannot be read: sending twice is better than never."""
    if blob is None:
        return {}
    try:
        return {str(channel): str(state) for channel, state in json.loads(blob.data)["channels"].items()}
    except PARSE_ERRORS as error:
        reason = reason_of(error, blob.data)
        logger.warning("%s cannot be read (%s), so the notification counts as not sent", name, reason)
        return {}


def _record_of(notification: Notification, states: Mapping[str, str]) -> bytes:
    about = {"run_id": notification.dag_run.run_id, "verdict": notification.verdict, "title": notification.title}
    at = datetime.now(UTC).isoformat(timespec="seconds")
    return json.dumps({**about, "at": at, "channels": dict(states)}, ensure_ascii=False).encode()
