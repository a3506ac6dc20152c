"""A notice to a Slack-compatible webhook. Its address is a secret: no log line and no error has more than its host."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Mapping
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from meli_tasks.core.errors import BadSettings, Rejected, Unreachable
from meli_tasks.notifications.message import Notice
from meli_tasks.notifications.render import slack
from meli_tasks.wording import duration

logger = logging.getLogger("meli_tasks")

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 8.0
SECONDS_BEFORE_THE_SECOND_TRY = 2.0


def post(webhook: str, notice: Notice) -> None:
    """Send to a webhook as {"text": ...}: what Slack, Mattermost and those that imitate them take.

    Tried twice where it surely was not taken the first time.

    Raises:
        Unreachable: no answer.
        Rejected: an answer that is no success.
    """
    body = {"text": slack(notice)}
    try:
        _post(webhook, body)
    except _NotTaken as error:
        logger.warning("%s; trying once more", error)
        time.sleep(SECONDS_BEFORE_THE_SECOND_TRY)
        _post(webhook, body)


def place(webhook: str) -> str:
    """A webhook's host; its path is a secret.

    Raises:
        BadSettings: it is no web address.
    """
    try:
        parts = urlsplit(webhook)
        host = f"{parts.hostname}{f':{parts.port}' if parts.port else ''}"
    except ValueError:
        raise BadSettings("MELI_WEBHOOK cannot be read: its host or port is no such thing.") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadSettings(f"MELI_WEBHOOK must begin with https:// and a host; its scheme is {parts.scheme!r}.")
    return f"{parts.scheme}://{host}"


def reach(webhook: str) -> str:
    """Connect to a webhook's host and hang up; what was reached. A proxy, where the environment names one, counts.

    Raises:
        BadSettings: it is no web address.
        Unreachable: nobody answers there.
    """
    shown, parts = place(webhook), urlsplit(webhook)
    proxy = "" if proxy_bypass(parts.hostname or "") else getproxies().get(parts.scheme, "")
    target = urlsplit(proxy) if proxy else parts
    port = target.port or (443 if target.scheme == "https" else 80)
    try:
        socket.create_connection((target.hostname or "", port), CONNECT_SECONDS).close()
    except OSError as error:
        raise Unreachable(f"{shown} cannot be reached{' by its proxy' if proxy else ''}: {error}") from None
    return f"{shown} {'is asked by a proxy that answers' if proxy else 'answers'}"


class _NotTaken(Unreachable):
    """The webhook surely did not take the notice, so that a second try cannot make two of it."""


def _post(webhook: str, body: Mapping[str, object]) -> None:
    import requests

    where = f"the webhook at {place(webhook)}"
    try:
        # A redirect would turn the POST into a GET that looks like a success.
        answer = requests.post(webhook, json=body, timeout=(CONNECT_SECONDS, ANSWER_SECONDS), allow_redirects=False)
    except requests.ConnectTimeout:
        raise _NotTaken(f"{where} does not answer within {duration(CONNECT_SECONDS)}") from None
    except requests.ConnectionError as error:
        # The whole message has the address in it. A connection that was never made has no answer to wait for.
        kind = _NotTaken if "NewConnectionError" in repr(error) or "NameResolutionError" in repr(error) else Unreachable
        raise kind(f"{where} cannot be reached ({_cause(error)})") from None
    except requests.RequestException as error:
        raise Unreachable(f"{where} was asked and did not answer well ({type(error).__name__})") from None
    if answer.ok and not answer.is_redirect:
        return
    said = f"{where} answered {answer.status_code} {' '.join(answer.text.split())[:200]!r}"
    if answer.is_redirect:
        raise Rejected(f"{said}: it points elsewhere. MELI_WEBHOOK must be the final address.")
    if answer.status_code in (429, 502, 503, 504):
        raise _NotTaken(said)
    raise Rejected(f"{said}. Is MELI_WEBHOOK still valid?")


def _cause(error: Exception) -> str:
    """The innermost reason of a failed connection, in the system's words, which hold no address."""
    reason: object = error.args[0] if error.args else error
    reason = getattr(reason, "reason", reason)
    inner = getattr(reason, "__cause__", None) or getattr(reason, "__context__", None) or reason
    return inner.strerror or type(inner).__name__ if isinstance(inner, OSError) else type(inner).__name__
