"""No error of boto3, botocore or urllib3, and none of the system, leaves the store as it is."""

from __future__ import annotations

import errno
import inspect
import socket
from pathlib import Path

import boto3.exceptions
import botocore.exceptions
import pytest
import requests
import s3transfer.exceptions
import urllib3.exceptions
from botocore.stub import Stubber
from urllib3 import HTTPResponse

from meli_tasks import http
from meli_tasks.core.errors import BadSettings, MeliError, Rejected, Unreachable
from meli_tasks.store.s3 import S3Store
from meli_tasks.store.s3_client import client, keys_are_rotated
from meli_tasks.store.s3_errors import OF_OLD_KEYS, ROLE_VARIABLES, Place, s3_errors

PLACE = Place("http://127.0.0.1:9", "bucket", "AKIA…")


def kinds(module: object, base: type[Exception]) -> list[type[Exception]]:
    found = [kind for _, kind in inspect.getmembers(module, inspect.isclass) if issubclass(kind, base)]
    return [kind for kind in found if not issubclass(kind, Warning)]


def instance(kind: type[Exception]) -> Exception:
    """One of the kind, whatever its constructor wants."""
    if issubclass(kind, urllib3.exceptions.InvalidChunkLength):
        return kind(HTTPResponse(), b"x")
    if issubclass(kind, urllib3.exceptions.IncompleteRead):
        return kind(1, 2)
    error = kind.__new__(kind)
    Exception.__init__(error, "the message")
    return error


BOTO = kinds(botocore.exceptions, botocore.exceptions.BotoCoreError) + kinds(
    boto3.exceptions, boto3.exceptions.Boto3Error
)


@pytest.mark.parametrize("kind", BOTO, ids=lambda kind: kind.__name__)
def test_every_error_of_boto_is_one_of_ours(kind: type[Exception]) -> None:
    with pytest.raises(MeliError, match="bucket 'bucket' at"), s3_errors(lambda: PLACE):
        raise instance(kind)


@pytest.mark.parametrize("kind", kinds(urllib3.exceptions, urllib3.exceptions.HTTPError), ids=lambda k: k.__name__)
def test_a_connection_that_breaks_while_the_body_is_read_may_be_retried(kind: type[Exception]) -> None:
    with pytest.raises(Unreachable, match="bucket 'bucket'"), s3_errors(lambda: PLACE):
        raise instance(kind)


@pytest.mark.parametrize("number", [errno.ECONNRESET, errno.ETIMEDOUT])
def test_an_error_of_the_system_is_the_connections(number: int) -> None:
    with pytest.raises(Unreachable), s3_errors(lambda: PLACE):
        raise OSError(number, "the system")


@pytest.mark.parametrize(
    "kind",
    # Not the error of requests' own `json`, which is never called.
    [kind for kind in kinds(requests.exceptions, requests.exceptions.RequestException) if "JSON" not in kind.__name__],
    ids=lambda kind: kind.__name__,
)
def test_every_error_of_a_request_is_one_of_ours(kind: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise kind("the message")

    monkeypatch.setattr(requests.Session, "request", fail)
    with http.Client() as client, pytest.raises((http.NoAnswer, http.BadAddress), match="http://a/b"):
        client.request("GET", "http://a/b")


def refused(code: str, operation: str = "PutObject", status: int = 403) -> botocore.exceptions.ClientError:
    """What botocore raises for this answer of a server."""
    answer = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return botocore.exceptions.ClientError(answer, operation)  # type: ignore[arg-type]


AWS = Place("AWS", "bucket", "ASIA…")
OF_A_ROLE = Place("AWS", "bucket", "ASIA…", rotated=True)


@pytest.fixture
def no_role(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*ROLE_VARIABLES, "AWS_EC2_METADATA_DISABLED"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    "error",
    [
        botocore.exceptions.NoCredentialsError(),  # what a metadata service that does not answer looks like
        botocore.exceptions.CredentialRetrievalError(provider="iam-role", error_msg="timed out"),
        botocore.exceptions.MetadataRetrievalError(error_msg="Received non 200 response 500"),
        RuntimeError("Credentials were refreshed, but the refreshed credentials are still expired."),
    ],
)
@pytest.mark.usefixtures("no_role")
def test_a_role_without_keys_may_have_some_later(error: Exception) -> None:
    with (
        pytest.raises(Unreachable, match=r"No keys for bucket 'bucket' at AWS.*[Tt]ry again later"),
        s3_errors(lambda: AWS),
    ):
        raise error


@pytest.mark.parametrize(
    ("place", "variables", "error"),
    [
        (PLACE, {}, botocore.exceptions.NoCredentialsError()),  # no role is for a server of this machine
        (AWS, {"AWS_EC2_METADATA_DISABLED": "true"}, botocore.exceptions.NoCredentialsError()),
        (AWS, {}, botocore.exceptions.PartialCredentialsError(provider="env", cred_var="AWS_SECRET_ACCESS_KEY")),
    ],
)
@pytest.mark.usefixtures("no_role")
def test_keys_that_nobody_set_are_a_setting(
    place: Place, variables: dict[str, str], error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(BadSettings, match="Set AWS_ACCESS_KEY_ID"), s3_errors(lambda: place):
        raise error


@pytest.mark.parametrize("name", ROLE_VARIABLES)
def test_a_container_with_a_role_has_no_need_of_the_machines(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv(name, "/somewhere")
    with pytest.raises(Unreachable, match="No keys"), s3_errors(lambda: PLACE):
        raise botocore.exceptions.NoCredentialsError()


@pytest.mark.parametrize("code", OF_OLD_KEYS)
def test_keys_that_were_just_replaced_are_refused_for_a_while(code: str) -> None:
    with pytest.raises(Unreachable, match=f"{code} to PutObject.*role"), s3_errors(lambda: OF_A_ROLE):
        raise refused(code)
    with pytest.raises(Rejected, match=code), s3_errors(lambda: AWS):  # the environment's stay as they are
        raise refused(code)


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("[SSL: UNEXPECTED_EOF_WHILE_READING] EOF occurred in violation of protocol", Unreachable),
        ("The handshake operation timed out", Unreachable),
        ("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed certificate", Rejected),
        ("[SSL: WRONG_VERSION_NUMBER] wrong version number", Rejected),
    ],
)
def test_a_secure_connection_that_was_broken_off_may_be_made_again(words: str, kind: type[MeliError]) -> None:
    with pytest.raises(kind, match="secure connection"), s3_errors(lambda: PLACE):
        raise botocore.exceptions.SSLError(endpoint_url="https://a", error=words)


def test_a_transfer_in_parts_that_was_given_up_may_be_tried_again() -> None:
    with pytest.raises(Unreachable, match="bucket 'bucket'"), s3_errors(lambda: PLACE):
        raise s3transfer.exceptions.RetriesExceededError(ConnectionResetError("peer"))


def test_a_missing_file_is_asked_for_in_words_when_its_head_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A HEAD has no body, so expired keys are a bare 400 there."""
    for name, value in {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}.items():
        monkeypatch.setenv(name, value)
    store = S3Store("bucket", endpoint="http://a", retry_seconds=0)
    made = client("http://a")
    with Stubber(made) as stubbed:
        stubbed.add_client_error("head_object", "400", "Bad Request", 400)
        stubbed.add_client_error("get_object", "ExpiredToken", "The provided token has expired.", 400)
        store._make = lambda endpoint: made
        with pytest.raises(Rejected, match=r"ExpiredToken to GetObject.*AWS_SESSION_TOKEN"):
            store.size("a")


@pytest.mark.parametrize("place", [AWS, OF_A_ROLE])
def test_a_role_that_may_not_write_is_refused_at_once(place: Place) -> None:
    with pytest.raises(Rejected, match="may not write"), s3_errors(lambda: place):
        raise refused("AccessDenied")


@pytest.mark.parametrize(
    ("code", "status"), [("Throttling", 400), ("OperationAborted", 409), ("IncompleteBody", 400), ("NoSuchUpload", 404)]
)
def test_a_request_that_may_succeed_when_it_is_sent_again(code: str, status: int) -> None:
    with pytest.raises(Unreachable, match="Try again later"), s3_errors(lambda: AWS):
        raise refused(code, "UploadPart", status)


def test_a_token_service_is_named_as_what_it_is() -> None:
    with pytest.raises(Unreachable, match="STS answered 400 IDPCommunicationError"), s3_errors(lambda: AWS):
        raise refused("IDPCommunicationError", "AssumeRoleWithWebIdentity", 400)


@pytest.mark.usefixtures("no_role")
def test_a_client_whose_role_gives_no_keys_yet_may_be_made_later(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    with socket.socket() as taken:  # bound and not listening: a metadata service that refuses every connection
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}/keys"
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", address)
        monkeypatch.setattr("botocore.utils.ContainerMetadataFetcher.SLEEP_TIME", 0)
        with pytest.raises(Unreachable, match="No keys for AWS"):
            client("")


def test_only_keys_that_something_renews_are_rotated(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "credentials"
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    kept = "[default]\naws_access_key_id = a\naws_secret_access_key = b\n"
    found = []
    for text in (kept, f"{kept}aws_session_token = c\n"):
        file.write_text(text, encoding="utf-8")
        found.append(keys_are_rotated(client("http://a")))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "c")
    assert [*found, keys_are_rotated(client("http://a")), keys_are_rotated(None)] == [False, True, False, False]
