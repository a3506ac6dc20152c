"""No error of boto3, botocore or urllib3, and none of the system, leaves the store as it is."""

from __future__ import annotations

import errno
import inspect
from pathlib import Path

import boto3.exceptions
import botocore.exceptions
import pytest
import requests
import urllib3.exceptions
from urllib3 import HTTPResponse

from meli_tasks import http
from meli_tasks.core.errors import MeliError, Rejected, Unreachable
from meli_tasks.store.s3_errors import Place, s3_errors

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


@pytest.mark.parametrize("number", [errno.ECONNRESET, errno.ETIMEDOUT, errno.ENOSPC])
def test_an_error_of_the_system_is_the_connections_or_the_local_files(number: int, tmp_path: Path) -> None:
    with pytest.raises(Unreachable), s3_errors(lambda: PLACE):
        raise OSError(number, "the system")
    expected = Rejected if number == errno.ENOSPC else MeliError
    with pytest.raises(expected, match=str(tmp_path)), s3_errors(lambda: PLACE, tmp_path):
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
