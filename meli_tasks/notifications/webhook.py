"""Notifications to a Slack-compatible webhook.

Its address is a secret: log lines and errors name only its host.
"""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

from meli_tasks.core.errors import BadSettings, Rejected, Unreachable
from meli_tasks.http import BUSY, REFUSED, BadAddress, Client, NoAnswer, Retries, proxy_of
from meli_tasks.notifications.message import Notification
from meli_tasks.notifications.render import slack

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 8.0
SECONDS_BEFORE_THE_SECOND_TRY = 2.0


def post(webhook: str, notification: Notification) -> None:
    """Send to a webhook as {"text": ...}: what Slack, Mattermost and compatible services accept.

    It is sent a second time only if it certainly was not accepted the first time.

    Raises:
        Unreachable: no answer, or the server is busy.
        Rejected: an answer other than success.
    """
    where = f"the webhook at {place(webhook)}"
    retries = Retries(again=1, seconds=SECONDS_BEFORE_THE_SECOND_TRY)
    try:
        with Client(CONNECT_SECONDS, ANSWER_SECONDS, retries=retries) as client:
            answer = client.request("POST", webhook, body={"text": slack(notification)}, redirects=False)
    except BadAddress:  # its message contains the address
        raise BadSettings(f"{where} cannot be used: MELI_WEBHOOK is not a web address.") from None
    except NoAnswer as error:
        failed = "received the message but did not answer properly" if error.sent else "cannot be reached"
        raise Unreachable(f"{where} {failed} ({error.reason})") from None
    if answer.ok:
        return
    status = f"{where} answered {answer.status} {' '.join(answer.text.split())[:200]!r}"
    if answer.is_redirect:
        raise Rejected(f"{status}: it points elsewhere. MELI_WEBHOOK must be the final address.")
    if answer.status in REFUSED:
        raise Unreachable(status)
    if answer.status in BUSY:
        raise Unreachable(f"{status}: whether the message arrived behind this gateway is not known.")
    raise Rejected(f"{status}. Is MELI_WEBHOOK still valid?")


def place(webhook: str) -> str:
    """A webhook's host; its path is a secret.

    Raises:
        BadSettings: it is not a web address.
    """
    try:
        parts = urlsplit(webhook)
        host = f"{parts.hostname}{f':{parts.port}' if parts.port else ''}"
    except ValueError:
        raise BadSettings("MELI_WEBHOOK cannot be read: its host or port is invalid.") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadSettings(f"MELI_WEBHOOK must begin with https:// and a host; its scheme is {parts.scheme!r}.")
    return f"{parts.scheme}://{host}"


def reach(webhook: str) -> str:
    """Check that a webhook's host, or the proxy that the environment names for it, accepts connections.

    Raises:
        BadSettings: it is not a web address.
        Unreachable: nothing answers there.
    """
    host, proxy = place(webhook), proxy_of(webhook)
    target = urlsplit(proxy or webhook)
    port = target.port or (443 if target.scheme == "https" else 80)
    try:
        socket.create_connection((target.hostname or "", port), CONNECT_SECONDS).close()
    except OSError as error:
        raise Unreachable(f"{host} cannot be reached{' through its proxy' if proxy else ''}: {error}") from None
    return f"{host} {'is reached through a proxy, which answers' if proxy else 'answers'}"
