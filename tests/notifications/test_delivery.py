"""Notifications on their way: to a real web server and a real mail server, once, and never at a run's cost."""

from __future__ import annotations

import json
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from meli_tasks.cli import checks
from meli_tasks.core.errors import BadSettings, Rejected, Unreachable
from meli_tasks.notifications import delivery, run_events, webhook
from meli_tasks.notifications.mail import MailServer, mail
from meli_tasks.notifications.message import DagRun, Notification
from meli_tasks.settings import Settings
from meli_tasks.stack.servers import free_port
from meli_tasks.store import Store
from tests.notifications import sinks

PROMOTED = Notification("promoted", DagRun("meli_training", "r1"), "mlp is the new champion", ("Ünïcode & <signs>",))
KEPT = replace(PROMOTED, verdict="kept")


def settings(**values: str) -> Settings:
    return Settings.from_environment({"MELI_HOME": "/nowhere", **values})


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "SECONDS_BEFORE_THE_SECOND_TRY", 0.0)


def state(store: Store, notification: Notification) -> dict[str, str]:
    blob = store.read(notification.name)
    assert blob
    channels: dict[str, str] = json.loads(blob.data)["channels"]
    return channels


def test_a_notification_is_sent_through_both_channels_once(file_store: Store) -> None:
    with sinks.webhook() as web, sinks.mail_server(sinks.MailServer()) as post:
        wishes = settings(
            MELI_WEBHOOK=web.url,
            MELI_EMAIL="ana@example.com, beto@example.com",
            MELI_SMTP=f"smtp://127.0.0.1:{post.port}",
        )
        for _ in range(2):
            delivery.send(PROMOTED, wishes, file_store)
    assert web.bodies == [{"text": "🏆 *mlp is the new champion*\nmeli_training, run r1\nÜnïcode &amp; &lt;signs&gt;"}]
    [(to, message)] = post.messages
    assert to == ["ana@example.com", "beto@example.com"]
    assert message["Subject"] == "[meli] mlp is the new champion"
    assert message["Auto-Submitted"] == "auto-generated" and message["Message-ID"] and message["Date"]
    text, page = message.get_body(("plain",)), message.get_body(("html",))
    assert text and "Ünïcode & <signs>" in text.get_content()
    assert page and "Ünïcode &amp; &lt;signs&gt;" in page.get_content()
    assert state(file_store, PROMOTED) == {"webhook": "sent", "e-mail": "sent"}


def test_of_many_concurrent_senders_one_sends(s3_store: Store) -> None:
    with sinks.webhook() as web, ThreadPoolExecutor(8) as callers:
        wishes = settings(MELI_WEBHOOK=web.url)
        outcomes = list(callers.map(lambda _: delivery.send(PROMOTED, wishes, s3_store), range(8)))
    assert len(web.bodies) == 1
    assert sorted(outcomes, key=len) == [{}] * 7 + [{"webhook": "sent"}]


def test_a_failed_delivery_is_logged_and_made_the_next_time(
    file_store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    with sinks.webhook(404, 200) as web:
        wishes = settings(MELI_WEBHOOK=web.url)
        outcome = delivery.send(PROMOTED, wishes, file_store)
        assert outcome["webhook"].startswith("failed: the webhook at http://127.0.0.1")
        [line] = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
        assert "Could not send" in line and "by webhook" in line and "404 'no_service'" in line and "SECRET" not in line
        assert delivery.send(PROMOTED, wishes, file_store) == {"webhook": "sent"}
        assert delivery.send(PROMOTED, wishes, file_store) == {}
    assert len(web.bodies) == 2


def test_a_channel_that_fails_does_not_stop_the_other(file_store: Store) -> None:
    with sinks.webhook() as web:
        wishes = settings(MELI_WEBHOOK=web.url, MELI_EMAIL="ana@example.com")
        outcomes = delivery.send(PROMOTED, wishes, file_store)
    assert outcomes["webhook"] == "sent"
    assert "MELI_SMTP must look like" in outcomes["e-mail"]


def test_a_channel_claimed_by_another_call_is_not_used(file_store: Store) -> None:
    claim(file_store, seconds_ago=100)
    with sinks.webhook() as web:
        assert delivery.send(PROMOTED, settings(MELI_WEBHOOK=web.url), file_store) == {}
    assert web.bodies == []


def test_a_claim_whose_process_ended_without_an_outcome_lapses(
    file_store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    claim(file_store, seconds_ago=200)
    with sinks.webhook() as web:
        assert delivery.send(PROMOTED, settings(MELI_WEBHOOK=web.url), file_store) == {"webhook": "sent"}
    assert len(web.bodies) == 1
    assert "by a process that recorded no outcome" in caplog.text


def claim(store: Store, seconds_ago: float) -> None:
    """Another call's claim of the webhook."""
    at = datetime.now(UTC) - timedelta(seconds=seconds_ago)
    store.write(PROMOTED.name, json.dumps({"at": at.isoformat(), "channels": {"webhook": "being sent"}}).encode())


class Waiting:
    """Channels of which one answers only when it is released."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.released, self.left = threading.Event(), threading.Event()
        monkeypatch.setattr(delivery, "SEND_SECONDS", 0.2)
        monkeypatch.setattr(delivery, "channels", lambda _: {"e-mail": self.send, "webhook": lambda _: None})

    def send(self, _: Notification) -> None:
        self.released.wait()
        self.left.set()


def test_a_channel_that_does_not_answer_holds_neither_the_other_nor_the_record(
    file_store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    waiting = Waiting(monkeypatch)
    outcomes = delivery.send(PROMOTED, settings(), file_store)
    assert outcomes == {"webhook": "sent", "e-mail": "failed: no answer within 0.2 s; it may still arrive"}
    assert state(file_store, PROMOTED) == outcomes
    assert "Could not send the notification 'mlp is the new champion' by e-mail" in caplog.text
    waiting.released.set()
    assert waiting.left.wait(60)


def test_an_unexpected_error_of_one_channel_loses_neither_the_other_nor_the_record(
    file_store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def breaks(_: Notification) -> None:
        raise ValueError("no such letter")

    monkeypatch.setattr(delivery, "channels", lambda _: {"e-mail": breaks, "webhook": lambda _: None})
    outcomes = delivery.send(PROMOTED, settings(), file_store)
    assert outcomes == {"webhook": "sent", "e-mail": "failed: ValueError: no such letter"}
    assert state(file_store, PROMOTED) == outcomes
    assert "Traceback" in caplog.text


def test_a_store_that_does_not_answer_holds_no_channel(
    file_store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    released = threading.Event()
    read = file_store.read
    monkeypatch.setattr(file_store, "read", lambda name: released.wait() and read(name))
    monkeypatch.setattr(delivery, "CLAIM_SECONDS", 0.2)
    monkeypatch.setattr(delivery, "RECORD_SECONDS", 0.2)
    with sinks.webhook() as web:
        assert delivery.send(PROMOTED, settings(MELI_WEBHOOK=web.url), file_store) == {"webhook": "sent"}
    assert "without a record" in caplog.text and "could not record" in caplog.text
    released.set()


def test_all_limits_together_are_below_airflows() -> None:
    from airflow.configuration import conf

    spent = [run_events.COMPOSE_SECONDS, delivery.CLAIM_SECONDS, delivery.SEND_SECONDS, delivery.RECORD_SECONDS]
    assert sum(spent) < conf.getint("dag_processor", "dag_file_processor_timeout")


def test_without_a_store_it_is_sent_anyway(tmp_path: Path) -> None:
    with sinks.webhook() as web:
        assert delivery.send(PROMOTED, settings(MELI_WEBHOOK=web.url), None) == {"webhook": "sent"}
    assert len(web.bodies) == 1


def test_notify_selects_and_without_a_channel_nothing_is_written(file_store: Store) -> None:
    with sinks.webhook() as web:
        assert delivery.send(KEPT, settings(MELI_WEBHOOK=web.url), file_store) == {}
        assert delivery.send(KEPT, settings(MELI_WEBHOOK=web.url, MELI_NOTIFY="always"), file_store) != {}
        assert delivery.send(PROMOTED, settings(MELI_WEBHOOK=web.url, MELI_NOTIFY="failures"), file_store) == {}
    assert delivery.send(PROMOTED, settings(), file_store) == {}
    assert [body["text"][:1] for body in web.bodies] == ["✅"]
    assert list(file_store.names("notices/")) == [KEPT.name]


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_webhook_is_tried_twice(status: int) -> None:
    with sinks.webhook(status, 200) as web:
        webhook.post(web.url, PROMOTED)
    assert len(web.bodies) == 2


@pytest.mark.parametrize(
    ("status", "kind", "requests"),
    [
        (500, Rejected, 1),
        (403, Rejected, 1),
        (302, Rejected, 1),
        (503, Unreachable, 2),
        (502, Unreachable, 1),
        (504, Unreachable, 1),
    ],
)
def test_a_webhook_that_may_have_accepted_it_or_never_will_is_not_tried_again(
    status: int, kind: type[Exception], requests: int
) -> None:
    with sinks.webhook(status) as web, pytest.raises(kind, match=str(status)):
        webhook.post(web.url, PROMOTED)
    assert len(web.bodies) == requests


@pytest.mark.parametrize("host", ["127.0.0.1", "no-such-host.invalid"])
def test_no_error_contains_the_webhooks_secret(host: str, caplog: pytest.LogCaptureFixture) -> None:
    address = f"http://user:PASSWORD@{host}:{free_port()}/services/SECRET?token=SECRET"
    with pytest.raises(Unreachable, match="cannot be reached") as raised:
        webhook.post(address, PROMOTED)
    logged = caplog.text + str(raised.value) + repr(settings(MELI_WEBHOOK=address, MELI_SMTP="smtp://u:PASSWORD@h"))
    assert "SECRET" not in logged and "PASSWORD" not in logged
    assert host in caplog.text  # the first of the two tries


@pytest.mark.parametrize(
    "address", ["hooks.slack.com/x", "ftp://host/SECRET", "https:///SECRET", "http://h:port/SECRET"]
)
def test_an_invalid_webhook_is_reported_without_repeating_it(address: str) -> None:
    with pytest.raises(BadSettings, match="MELI_WEBHOOK") as raised:
        webhook.post(address, PROMOTED)
    assert "SECRET" not in str(raised.value)


def test_mail_is_encrypted_and_signed_in_if_the_server_supports_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = sinks.make_certificate(tmp_path)
    sink = sinks.MailServer(("STARTTLS", "AUTH PLAIN"), password="p@ss:word")
    with sinks.mail_server(sink, certificate):
        wishes = settings(
            MELI_EMAIL="ana@example.com", MELI_SMTP=f"smtp://robot%40example.com:p%40ss%3Aword@127.0.0.1:{sink.port}"
        )
        with pytest.raises(Unreachable, match="CERTIFICATE_VERIFY_FAILED"):
            mail(wishes, PROMOTED)
        assert sink.signed_in == []  # nobody signs in at a server that is not who it says
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        mail(wishes, PROMOTED)
    assert sink.encrypted and sink.signed_in == ["robot@example.com"]
    assert sink.messages[0][1]["From"] == "robot@example.com"


def test_a_wrong_password_and_refused_addresses_are_reported(caplog: pytest.LogCaptureFixture) -> None:
    sink = sinks.MailServer(("AUTH PLAIN",), refuses=("beto@example.com",), password="right")
    with sinks.mail_server(sink):
        server = f"127.0.0.1:{sink.port}"
        wrong = settings(MELI_EMAIL="ana@example.com", MELI_SMTP=f"smtp://robot:wrong@{server}")
        with pytest.raises(Rejected, match="535") as raised:
            mail(wrong, PROMOTED)
        assert "wrong@" not in str(raised.value)
        mail(settings(MELI_EMAIL="ana@example.com,beto@example.com", MELI_SMTP=f"smtp://{server}"), PROMOTED)
        assert "refused the address beto@example.com: 550 5.1.1 no such user" in caplog.text
        with pytest.raises(Rejected, match=r"none of the addresses: beto@example\.com: 550"):
            mail(settings(MELI_EMAIL="beto@example.com", MELI_SMTP=f"smtp://{server}"), PROMOTED)
    assert [to for to, _ in sink.messages] == [["ana@example.com"]]


def test_a_password_is_not_sent_unencrypted_to_another_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    sink = sinks.MailServer(("AUTH PLAIN",))
    monkeypatch.setattr("meli_tasks.notifications.mail.LOOPBACK", ())
    with sinks.mail_server(sink), pytest.raises(Rejected, match="the password was not sent"):
        mail(settings(MELI_EMAIL="a@b.c", MELI_SMTP=f"smtp://robot:secret@127.0.0.1:{sink.port}"), PROMOTED)
    assert sink.signed_in == []


@pytest.mark.parametrize(
    ("url", "port"), [("smtp://h", 25), ("smtp://u:p@h", 587), ("smtps://u:p@h", 465), ("smtps://h:2465", 2465)]
)
def test_the_usual_ports(url: str, port: int) -> None:
    assert MailServer.of(url).port == port


@pytest.mark.parametrize("url", ["", "mail.example.com:25", "http://h", "smtp://user:PASS/word@h", "smtp://:PASS@"])
def test_an_invalid_mail_server_is_reported_without_its_password(url: str) -> None:
    with pytest.raises(BadSettings, match="MELI_SMTP must look like") as raised:
        MailServer.of(url)
    assert "PASS" not in str(raised.value)


@pytest.mark.parametrize("address", ["ana", "ana@", "ana@example.com\r\nBcc: x@y.z"])
def test_an_invalid_e_mail_address_is_reported(address: str) -> None:
    with pytest.raises(BadSettings, match="MELI_EMAIL"):
        mail(settings(MELI_EMAIL=address, MELI_SMTP="smtp://127.0.0.1:1"), PROMOTED)


def test_the_doctor_checks_both_channels_and_sends_nothing(file_store: Store) -> None:
    sink = sinks.MailServer(("AUTH PLAIN",), password="right")
    with sinks.webhook() as web, sinks.mail_server(sink):
        address = f"smtp://robot:{{}}@127.0.0.1:{sink.port}"
        wishes = settings(MELI_WEBHOOK=web.url, MELI_EMAIL="a@b.c,d@e.f", MELI_SMTP=address.format("right"))
        [webhook_line], [mail_line] = checks.webhook(wishes), checks.email(wishes)
        assert webhook_line.state == mail_line.state == "ok"
        assert "SECRET" not in webhook_line.observed and "signed in as robot; 2 addresses" in mail_line.observed
        with pytest.raises(Rejected, match="535"):
            list(checks.email(settings(MELI_EMAIL="a@b.c", MELI_SMTP=address.format("wrong"))))
    with pytest.raises(Unreachable, match="cannot be reached"):
        list(checks.webhook(wishes))  # its server has ended
    assert web.bodies == [] and sink.messages == []
    assert [line.state for check in (checks.webhook, checks.email) for line in check(settings())] == ["skipped"] * 2
