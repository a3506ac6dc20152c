"""Servers that take notifications: a webhook and a mail server, each real, on a free port of 127.0.0.1."""

from __future__ import annotations

import base64
import json
import socketserver
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from threading import Thread
from typing import Any, cast


@dataclass
class Webhook:
    """What a webhook was sent. `answers`: statuses to give, the last one for ever."""

    answers: list[int] = field(default_factory=lambda: [200])
    bodies: list[dict[str, Any]] = field(default_factory=list)
    url: str = ""


@dataclass
class MailServer:
    """What a mail server was sent. `offers`: what it says it can; `refuses`: addresses it takes no mail for."""

    offers: tuple[str, ...] = ()
    refuses: tuple[str, ...] = ()
    password: str = ""
    messages: list[tuple[list[str], EmailMessage]] = field(default_factory=list)
    signed_in: list[str] = field(default_factory=list)
    encrypted: bool = False
    port: int = 0


@contextmanager
def serving(server: socketserver.BaseServer) -> Iterator[None]:
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def webhook(*answers: int) -> Iterator[Webhook]:
    """A webhook whose address has a secret in it, as Slack's have."""
    sink = Webhook(list(answers) or [200])

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            assert self.headers["Content-Type"] == "application/json"
            sink.bodies.append(json.loads(body))
            status = sink.answers[0] if len(sink.answers) == 1 else sink.answers.pop(0)
            said = b"ok" if status == 200 else b"no_service"
            self.send_response(status)
            if status // 100 == 3:
                self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *arguments: Any) -> None:
            """Keeps the tests' output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    sink.url = f"http://127.0.0.1:{server.server_port}/services/SECRET"
    with serving(server):
        yield sink


class MailTcp(socketserver.ThreadingTCPServer):
    daemon_threads = True
    sink: MailServer
    certificate: Path | None


class MailSession(socketserver.StreamRequestHandler):
    """What a client says, a method a command (RFC 5321)."""

    server: MailTcp

    def handle(self) -> None:
        self.sink, self.sender = self.server.sink, ""
        self.to: list[str] = []
        self.secured: ssl.SSLSocket | None = None
        self.say("220 sink ESMTP")
        try:
            while line := self.rfile.readline().decode().strip():
                verb, _, rest = line.partition(" ")
                getattr(self, f"on_{verb.lower()}", self.on_other)(rest)
                if verb.upper() == "QUIT":
                    return
        except ssl.SSLError:  # the client does not trust this server
            return
        finally:
            if self.secured:
                self.secured.close()

    def on_ehlo(self, rest: str) -> None:
        lines = ["sink", *self.sink.offers]
        self.say(*(f"250{' ' if n == len(lines) - 1 else '-'}{text}" for n, text in enumerate(lines)))

    def on_starttls(self, rest: str) -> None:
        self.say("220 go ahead")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(str(self.server.certificate))
        self.secured = context.wrap_socket(self.connection, server_side=True, do_handshake_on_connect=False)
        self.secured.do_handshake()
        self.sink.encrypted = True
        self.rfile = cast("Any", self.secured.makefile("rb"))
        self.wfile = cast("Any", self.secured.makefile("wb", 0))

    def on_auth(self, rest: str) -> None:
        _, user, password = base64.b64decode(rest.split()[1]).decode().split("\0")
        self.sink.signed_in.append(user)
        self.say("235 welcome" if password == self.sink.password else "535 5.7.8 wrong password")

    def on_mail(self, rest: str) -> None:
        self.sender = rest
        self.say("250 ok")

    def on_rcpt(self, rest: str) -> None:
        address = rest.partition("<")[2].partition(">")[0]
        if address in self.sink.refuses:
            self.say("550 5.1.1 no such user")
            return
        self.to.append(address)
        self.say("250 ok")

    def on_data(self, rest: str) -> None:
        self.say("354 go on")
        data = b""
        while not data.endswith(b"\r\n.\r\n"):
            data += self.rfile.readline()
        message = message_from_bytes(data[:-3], policy=policy.default)
        assert isinstance(message, EmailMessage) and self.sender
        self.sink.messages.append((self.to, message))
        self.to = []
        self.say("250 taken")

    def on_quit(self, rest: str) -> None:
        self.say("221 bye")

    def on_other(self, rest: str) -> None:
        self.say("250 ok")

    def say(self, *lines: str) -> None:
        self.wfile.write("".join(f"{line}\r\n" for line in lines).encode())


@contextmanager
def mail_server(sink: MailServer, certificate: Path | None = None) -> Iterator[MailServer]:
    """A mail server with STARTTLS, if it offers that, and sign-in by AUTH PLAIN."""
    server = MailTcp(("127.0.0.1", 0), MailSession)
    server.sink, server.certificate = sink, certificate
    sink.port = server.server_address[1]
    with serving(server):
        yield sink


def make_certificate(folder: Path) -> Path:
    """A key with a certificate for 127.0.0.1 that vouches for itself, in one file."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sink")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "sink.pem"
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return path
