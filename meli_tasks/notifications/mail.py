"""Notifications by e-mail. The mail server's password is a secret: no log line and no error contains it."""

from __future__ import annotations

import logging
import smtplib
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from urllib.parse import unquote, urlsplit

from meli_tasks.core.errors import BadSettings, Rejected, Unreachable
from meli_tasks.http import LOOPBACK
from meli_tasks.notifications.message import Notification
from meli_tasks.notifications.render import html, plain, subject
from meli_tasks.settings import Settings

logger = logging.getLogger("meli_tasks")

ANSWER_SECONDS = 8.0
PORTS = {("smtp", False): 25, ("smtp", True): 587, ("smtps", False): 465, ("smtps", True): 465}


@dataclass(frozen=True)
class MailServer:
    """A mail server, from an address like smtp://user:password@host:587. `smtps` is encrypted from the start."""

    scheme: str
    host: str
    port: int
    user: str
    password: str = field(repr=False)

    @classmethod
    def of(cls, url: str) -> MailServer:
        """Read the address.

        Raises:
            BadSettings: it is not such an address; the message does not repeat it.
        """
        expected = "MELI_SMTP must look like smtp://user:password@host:587 or smtps://user:password@host"
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise BadSettings(f"{expected}; its host or port cannot be read (encode / @ : in a password).") from None
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
            raise BadSettings(f"{expected}; its scheme is {parts.scheme!r} and its host {parts.hostname or ''!r}.")
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        return cls(parts.scheme, parts.hostname, port or PORTS[parts.scheme, bool(user)], user, password)

    @property
    def address(self) -> str:
        """The address without the user and the password."""
        return f"{self.scheme}://{self.host}:{self.port}"

    @contextmanager
    def opened(self) -> Iterator[smtplib.SMTP]:
        """Open a session: encrypted if the server supports it, and signed in if there is a user.

        Raises:
            Unreachable: no answer, or an invalid certificate.
            Rejected: a refused sign-in, or a password that would reach another machine unencrypted.
        """
        with _smtp_errors(self.address):
            context = ssl.create_default_context()
            if self.scheme == "smtps":
                session: smtplib.SMTP = smtplib.SMTP_SSL(self.host, self.port, timeout=ANSWER_SECONDS, context=context)
            else:
                session = smtplib.SMTP(self.host, self.port, timeout=ANSWER_SECONDS)
            with session:
                session.ehlo()
                encrypted = self.scheme == "smtps"
                if not encrypted and session.has_extn("starttls"):
                    session.starttls(context=context)
                    session.ehlo()
                    encrypted = True
                if self.user:
                    if not encrypted and self.host not in LOOPBACK:
                        raise Rejected(
                            f"{self.address} offers no encryption (STARTTLS), so the password was not sent. "
                            "Use smtps://, or a server that offers it."
                        )
                    session.login(self.user, self.password)
                yield session


def mail(settings: Settings, notification: Notification) -> None:
    """Send to the addresses of MELI_EMAIL, as text and HTML.

    Raises:
        Unreachable: the server does not answer.
        Rejected: it accepts the message for none of the addresses.
        BadSettings: MELI_SMTP or an address cannot be read.
    """
    server = MailServer.of(settings.smtp)
    message = _message(settings, server, notification)
    with server.opened() as session:
        refused = session.send_message(message)
    for address, (code, reason) in refused.items():
        logger.error("%s refused the address %s: %s %s", server.address, address, code, reason.decode(errors="replace"))


def recipients(settings: Settings) -> list[Address]:
    """The addresses of MELI_EMAIL.

    Raises:
        BadSettings: one of them is not an address.
    """
    named = [name.strip() for name in settings.email.split(",") if name.strip()]
    return [_address("MELI_EMAIL", name) for name in named]


def _message(settings: Settings, server: MailServer, notification: Notification) -> EmailMessage:
    sender = _address("MELI_EMAIL_FROM", settings.email_from or _sender(server))
    message = EmailMessage()
    message["Subject"] = subject(notification)
    message["From"] = sender
    message["To"] = recipients(settings)
    message["Date"] = format_datetime(datetime.now(UTC))
    message["Message-ID"] = make_msgid("meli", sender.domain)
    message["Auto-Submitted"] = "auto-generated"  # keeps out-of-office replies away
    message.set_content(plain(notification))
    message.add_alternative(html(notification), subtype="html")
    return message


def _sender(server: MailServer) -> str:
    return server.user if "@" in server.user else f"meli@{socket.getfqdn()}"


def _address(setting: str, text: str) -> Address:
    try:
        address = Address(addr_spec=text)
    except (ValueError, IndexError) as error:
        raise BadSettings(f"{setting} holds {text!r}, which is not an e-mail address: {error}") from None
    if not address.domain:
        raise BadSettings(f"{setting} holds {text!r}, which is not an e-mail address: there is no host after an @.")
    return address


@contextmanager
def _smtp_errors(where: str) -> Iterator[None]:
    try:
        yield
    except smtplib.SMTPRecipientsRefused as error:
        reasons = "; ".join(
            f"{name}: {code} {why.decode(errors='replace')}" for name, (code, why) in error.recipients.items()
        )
        raise Rejected(f"{where} accepts mail for none of the addresses: {reasons}") from None
    except smtplib.SMTPResponseException as error:
        reason = error.smtp_error.decode(errors="replace") if isinstance(error.smtp_error, bytes) else error.smtp_error
        kind = type(error).__name__.removeprefix("SMTP")
        raise Rejected(f"{where} refused ({kind}): {error.smtp_code} {reason}") from None
    except (smtplib.SMTPException, OSError) as error:
        raise Unreachable(f"{where} does not answer: {type(error).__name__}: {error}") from None
