"""Sends a notification through every configured channel, once for each run and verdict.

A notification that cannot be sent is logged with the channel and the reason, and fails nothing.

Airflow ends the process of a callback after 50 s (`dag_file_processor_timeout`), and does not call again. So everything
here has a limit, which add up to less with that of composing: a slow mail server, webhook or store costs what it would
have done, and not the other channels or the record.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial

from meli_tasks.artifacts import reading
from meli_tasks.artifacts.reading import PARSE_ERRORS, reason_of
from meli_tasks.artifacts.seals import unsealed
from meli_tasks.core.errors import Conflict, MeliError
from meli_tasks.notifications.limits import STILL_OPEN, all_within, within
from meli_tasks.notifications.mail import mail
from meli_tasks.notifications.message import Notification
from meli_tasks.notifications.webhook import post
from meli_tasks.settings import Settings
from meli_tasks.store import Blob, Store

logger = logging.getLogger("meli_tasks")

BEING_SENT = "being sent"
CLAIM_TRIES = 3
CLAIM_SECONDS = 6.0
SEND_SECONDS = 17.0
RECORD_SECONDS = 6.0
CLAIM_LASTS_SECONDS = 120.0
"""A process that claimed a notification longer ago than this was ended before it could record the outcome."""


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
    outcomes = all_within(SEND_SECONDS, {name: partial(_outcome, name, senders[name], notification) for name in due})
    for name in due:
        if outcomes[name].endswith(STILL_OPEN):
            logger.error("Could not send the notification %r by %s: %s", notification.title, name, outcomes[name])
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

    A call that dies between here and `_record_outcomes` leaves its channels claimed. The claim lapses after a while, so
    a next call may send a second time what the first had sent: better than not at all.
    """
    try:
        return within(CLAIM_SECONDS, lambda: _claimed(store, notification, names))
    except MeliError as error:
        logger.warning("sending the notification without a record, because the store is unavailable: %s", error)
        return list(names)


def _claimed(store: Store, notification: Notification, names: Sequence[str]) -> list[str]:
    for _ in range(CLAIM_TRIES):
        blob = store.read(notification.name)
        known = _channels_of(blob, notification.name)
        due = [name for name in names if known.get(name, "failed").startswith("failed")]
        if not due:
            logger.info("%s was sent before: %s", notification.name, known)
            return []
        claimed = _record_of(notification, {**known, **dict.fromkeys(due, BEING_SENT)})
        try:
            reading.write(
                store, notification.name, claimed, if_absent=blob is None, if_version=blob.version if blob else None
            )
        except Conflict:
            continue
        return due
    logger.info("%s is being sent by another process", notification.name)
    return []


def _record_outcomes(store: Store, notification: Notification, outcomes: Mapping[str, str]) -> None:
    def record() -> None:
        blob = store.read(notification.name)
        known = _channels_of(blob, notification.name)
        states = _record_of(notification, {**known, **outcomes})
        reading.write(store, notification.name, states, if_version=blob.version if blob else None)

    try:
        within(RECORD_SECONDS, record)
    except MeliError as error:
        logger.warning("could not record whether the notification was sent: %s", error)


def _channels_of(blob: Blob | None, name: str) -> dict[str, str]:
    """What was recorded of each channel; nothing if the record cannot be read: sending twice is better than never."""
    if blob is None:
        return {}
    try:
        record = json.loads(unsealed(name, blob.data))
        states = {str(channel): str(state) for channel, state in record["channels"].items()}
        at = datetime.fromisoformat(record["at"])
        lapsed = (datetime.now(UTC) - at).total_seconds() > CLAIM_LASTS_SECONDS
    except PARSE_ERRORS as error:
        reason = reason_of(error, blob.data)
        logger.warning("%s cannot be read (%s), so the notification counts as not sent", name, reason)
        return {}
    if lapsed and BEING_SENT in states.values():
        logger.warning("%s was claimed at %s by a process that recorded no outcome; sending it again", name, at)
        return {channel: state.replace(BEING_SENT, "failed: its sender ended") for channel, state in states.items()}
    return states


def _record_of(notification: Notification, states: Mapping[str, str]) -> bytes:
    about = {"run_id": notification.dag_run.run_id, "verdict": notification.verdict, "title": notification.title}
    at = datetime.now(UTC).isoformat(timespec="seconds")
    return json.dumps({**about, "at": at, "channels": dict(states)}, ensure_ascii=False).encode()
