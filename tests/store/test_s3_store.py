from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from meli_tasks.core.errors import BadSettings, Conflict, MeliError, Rejected, Unreachable
from meli_tasks.store import Store, open_store
from meli_tasks.store.s3 import S3Store
from meli_tasks.store.s3_client import client
from tests.servers import S3Server, http_server
from tests.store.store_contract import StoreContract

pytestmark = pytest.mark.integration


class TestS3Store(StoreContract):
    @pytest.fixture
    def store(self, s3_store: Store) -> Store:
        return s3_store


def message_of_every_call(store: Store, tmp_path: Path, kind: type[MeliError]) -> set[str]:
    """Calls each method, each of which must raise `kind`, and gives the messages."""
    (tmp_path / "file").write_bytes(b"data")
    calls = {
        "read": lambda: store.read("a"),
        "write": lambda: store.write("a", b""),
        "create": lambda: store.write("a", b"", if_absent=True),
        "upload": lambda: store.upload(tmp_path / "file", "a"),
        "download": lambda: store.download("a", tmp_path / "back"),
        "names": lambda: list(store.names("")),
        "delete": lambda: store.delete("a"),
        "size": lambda: store.size("a"),
    }
    messages = set()
    for name, call in calls.items():
        with pytest.raises(kind) as caught:
            call()
        assert type(caught.value) is kind, name
        messages.add(str(caught.value))
    assert not (tmp_path / "back").exists()
    return messages


def test_wrong_keys_are_named_and_no_secret_is_shown(
    s3_server: S3Server, s3_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-the-secret")
    for message in message_of_every_call(open_store(s3_store.url), tmp_path, Rejected):
        assert s3_server.endpoint in message
        assert f"bucket {s3_server.bucket!r}" in message
        assert f"with key {s3_server.access_key[:4]}…" in message
        assert "AWS_SECRET_ACCESS_KEY" in message
        assert s3_server.access_key not in message
        assert "not-the-secret" not in message


def test_an_unknown_key_is_refused(s3_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAUNKNOWNUNKNOWN")
    for message in message_of_every_call(open_store(s3_store.url), tmp_path, Rejected):
        assert "The keys are wrong" in message
        assert "AKIA…" in message
        assert "AKIAU" not in message


def test_a_bucket_that_is_not_there_is_named(s3_store: Store, tmp_path: Path) -> None:
    messages = message_of_every_call(open_store("s3://nowhere/prefix"), tmp_path, Rejected)
    assert all("'nowhere'" in message and "correct its name in MELI_STORE" in message for message in messages)


def test_a_read_only_bucket_is_read_and_its_writes_are_refused(
    s3_server: S3Server, s3_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3_store.write("a", b"data")
    for name, value in s3_server.reader_environment.items():
        monkeypatch.setenv(name, value)
    reader = open_store(s3_store.url)
    blob = reader.read("a")
    assert blob is not None
    assert blob.data == b"data"
    assert list(reader.names("")) == ["a"]
    (tmp_path / "file").write_bytes(b"data")
    for attempt in (
        lambda: reader.write("a", b"new"),
        lambda: reader.write("b", b"new", if_absent=True),
        lambda: reader.upload(tmp_path / "file", "b"),
        lambda: reader.delete("a"),
    ):
        with pytest.raises(Rejected, match=r"AccessDenied.*may not write to the bucket.*s3:PutObject"):
            attempt()
    assert list(s3_store.names("")) == ["a"]


def test_no_keys_at_all_says_which_to_set(s3_server: S3Server, tmp_path: Path) -> None:
    store = open_store(f"s3://{s3_server.bucket}", s3_endpoint=s3_server.endpoint)
    for message in message_of_every_call(store, tmp_path, BadSettings):
        assert "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY" in message
        assert s3_server.endpoint in message


def keyed_store(monkeypatch: pytest.MonkeyPatch, endpoint: str) -> Store:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIASOMEBODY")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "some-secret")
    return open_store("s3://bucket/prefix", s3_endpoint=endpoint)


def test_a_port_where_nothing_listens_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: refuses every connection
        endpoint = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(Unreachable, match=rf"{endpoint}.*Check that it is running") as caught:
            keyed_store(monkeypatch, endpoint).read("a")
    assert caught.value.retryable
    assert "some-secret" not in str(caught.value)


def test_an_endpoint_that_swallows_connections_is_given_up_within_15_seconds() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(0)
        # Two connections nobody accepts fill the queue; from then on the system drops what comes.
        waiting = [socket.socket() for _ in range(2)]
        for connection in waiting:
            connection.setblocking(False)
            connection.connect_ex(silent.getsockname())
        patience: list[float] = []

        def watched(endpoint: str | None) -> Any:
            made = client(endpoint, access_key="AKIASOMEBODY", secret_key="some-secret")
            seconds = made.meta.config.connect_timeout
            made.meta.events.register("before-send.s3", lambda **_: patience.append(seconds))
            return made

        with pytest.raises(Unreachable):
            S3Store("bucket", "", f"http://127.0.0.1:{silent.getsockname()[1]}", watched).write("a", b"")
        assert 0 < sum(patience) <= 15
        for connection in waiting:
            connection.close()


@contextmanager
def stand_in(status: int, code: str, said: str) -> Iterator[str]:
    """The endpoint of a server that is none: it gives one answer to everything, as a real one in that state does."""

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            body = f"<Error><Code>{code}</Code><Message>{said}</Message></Error>".encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            self.do_PUT()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with http_server(Handler) as url:
        yield url


@pytest.mark.parametrize(
    ("status", "code", "said", "kind", "advice"),
    [
        (507, "XMinioStorageFull", "Storage backend has reached its limit", Rejected, "free some space there"),
        (503, "SlowDown", "Please reduce your request rate", Unreachable, "Try again later"),
        (500, "InternalError", "We encountered an internal error", Unreachable, "Try again later"),
        (501, "NotImplemented", "If-None-Match is not implemented", Rejected, "does not support conditional writes"),
        (400, "InvalidRequest", "Unsupported checksum header", Rejected, "MELI_S3_CHECKSUMS=when_required"),
        (403, "RequestTimeTooSkewed", "The difference is too large", Rejected, "clock is wrong"),
        (403, "ExpiredToken", "The token has expired", Rejected, "AWS_SESSION_TOKEN"),
        (301, "PermanentRedirect", "Use the other endpoint", Rejected, "another region"),
        (412, "PreconditionFailed", "At least one precondition failed", Conflict, "it exists already"),
    ],
)
def test_other_answers_say_what_to_do(
    monkeypatch: pytest.MonkeyPatch, status: int, code: str, said: str, kind: type[MeliError], advice: str
) -> None:
    with stand_in(status, code, said) as endpoint, pytest.raises(kind, match=advice) as caught:
        keyed_store(monkeypatch, endpoint).write("a", b"data", if_absent=True)
    assert type(caught.value) is kind


def test_https_to_a_plain_server_says_so(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Rejected, match="http:// instead of https://"):
        keyed_store(monkeypatch, s3_server.endpoint.replace("http:", "https:")).read("a")


@pytest.mark.parametrize("endpoint", ["127.0.0.1:9000", "nonsense", "http://user:secret@127.0.0.1:9000"])
def test_an_endpoint_that_is_no_address_is_refused(monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    with pytest.raises(BadSettings, match="endpoint") as caught:
        keyed_store(monkeypatch, endpoint).read("a")
    assert "secret@" not in str(caught.value)


def test_the_checksum_setting_reaches_boto3(monkeypatch: pytest.MonkeyPatch) -> None:
    assert client("http://127.0.0.1:9").meta.config.request_checksum_calculation == "when_supported"
    monkeypatch.setenv("MELI_S3_CHECKSUMS", "when_required")
    config = client("http://127.0.0.1:9").meta.config
    assert (config.request_checksum_calculation, config.response_checksum_validation) == ("when_required",) * 2
    monkeypatch.setenv("MELI_S3_CHECKSUMS", "never")
    with pytest.raises(BadSettings, match=r"MELI_S3_CHECKSUMS is 'never'.*when_supported, when_required"):
        client("http://127.0.0.1:9")


def signed(made: Any) -> str:
    """The address of an object, signed with the client's keys."""
    return str(made.generate_presigned_url("get_object", Params={"Bucket": "listings", "Key": "k"}))


def test_temporary_keys_keep_their_token(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = {"access_key": "AKIASOMEBODY", "secret_key": "some-secret"}
    assert "token" not in signed(client("http://127.0.0.1:9", **keys))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIASOMEBODY")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "some-secret")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "some-token")
    assert "some-token" in signed(client("http://127.0.0.1:9", **keys))
    keys = {"access_key": "AKIAANOTHER", "secret_key": "another-secret"}
    assert "token" not in signed(client("http://127.0.0.1:9", **keys))


def test_a_bucket_may_be_part_of_the_host_name(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = {"access_key": "AKIASOMEBODY", "secret_key": "some-secret"}
    assert signed(client("http://s3.example:9", **keys)).startswith("http://s3.example:9/listings/k?")
    monkeypatch.setenv("MELI_S3_ADDRESSING", "virtual")
    assert signed(client("http://s3.example:9", **keys)).startswith("http://listings.s3.example:9/k?")
    monkeypatch.setenv("MELI_S3_ADDRESSING", "auto")
    with pytest.raises(BadSettings, match=r"MELI_S3_ADDRESSING is 'auto': it must be one of path, virtual"):
        client("http://s3.example:9", **keys)


def test_checksums_when_required_work_too(s3_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MELI_S3_CHECKSUMS", "when_required")
    store = open_store(s3_store.url)
    (tmp_path / "file").write_bytes(b"data" * 3_000_000)
    store.upload(tmp_path / "file", "large")
    store.download("large", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == (tmp_path / "file").read_bytes()


def test_a_download_cut_short_leaves_nothing(s3_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    s3_store.write("a", b"data")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a").write_bytes(b"old")
    real: Any = s3_store._client  # type: ignore[attr-defined]
    get = real.get_object
    monkeypatch.setattr(real, "get_object", lambda **arguments: {**get(**arguments), "ContentLength": 5})
    with pytest.raises(Unreachable, match="truncated to 4 of 5 bytes"):
        s3_store.download("a", tmp_path / "out" / "a")
    assert [path.read_bytes() for path in (tmp_path / "out").iterdir()] == [b"old"]


def test_a_won_create_whose_answer_was_lost_is_no_conflict(s3_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    real: Any = s3_store._client  # type: ignore[attr-defined]
    put = real.put_object

    def answer_lost(**arguments: Any) -> Any:
        put(**arguments)  # it reached the server; boto3 saw a broken connection and tried again
        try:
            return put(**arguments)
        except real.exceptions.ClientError as error:
            error.response["ResponseMetadata"]["RetryAttempts"] = 1
            raise

    monkeypatch.setattr(real, "put_object", answer_lost)
    version = s3_store.write("ledger/1.json", b"mine", if_absent=True)
    blob = s3_store.read("ledger/1.json")
    assert blob is not None
    assert (blob.data, blob.version) == (b"mine", version)


def test_a_write_beside_another_is_a_conflict_only_once_that_one_has_won(
    s3_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    real: Any = s3_store._client  # type: ignore[attr-defined]
    answer = {"Error": {"Code": "ConditionalRequestConflict"}, "ResponseMetadata": {"HTTPStatusCode": 409}}
    old = s3_store.write("a", b"old")

    def is_under_way(**_: Any) -> Any:
        raise ClientError(answer, "PutObject")  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(real, "put_object", is_under_way)
        with pytest.raises(Unreachable, match="in progress"):
            s3_store.write("new", b"mine", if_absent=True)
        with pytest.raises(Unreachable, match="in progress"):
            s3_store.write("a", b"mine", if_version=old)
        with pytest.raises(Conflict):
            s3_store.write("a", b"mine", if_absent=True)
        with pytest.raises(Conflict):
            s3_store.write("a", b"mine", if_version='"another"')


def test_nothing_of_ours_goes_through_a_proxy_to_this_machine(s3_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    store = open_store(s3_store.url)
    store.write("a", b"data")
    assert store.size("a") == 4
