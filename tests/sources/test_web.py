"""Sources behind http:// and https://, from a server that can be told to misbehave."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest

from meli_tasks.core.errors import BadData, MeliError, Rejected, Unreachable
from meli_tasks.settings import Settings
from meli_tasks.sources import fetch, identify_vectors
from meli_tasks.sources.address import resource_of
from tests.sources.site import Site, serving
from tests.sources.test_sources import DATA, OTHER, fetched, identity


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "fetched"


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as served:
        yield served


def test_a_file_on_the_web(site: Site, target: Path) -> None:
    site.headers = {"ETag": '"abc"'}
    assert fetched(f"{site.url}/titles.csv?token=1", target) == {"titles.csv": DATA}


@pytest.mark.parametrize("headers", [{"ETag": '"abc"'}, {"Last-Modified": "Sat, 21 Nov 2026 20:00:00 GMT"}])
def test_headers_that_tell_the_content_save_the_download(site: Site, headers: dict[str, str]) -> None:
    site.headers = headers
    before = identity(f"{site.url}/titles.csv")
    assert site.received == ["GET /titles.csv"]
    site.headers = {name: value.replace("abc", "def").replace("20:00", "20:01") for name, value in headers.items()}
    assert identity(f"{site.url}/titles.csv") != before


def test_without_such_headers_the_content_is_hashed(site: Site) -> None:
    before = identity(f"{site.url}/titles.csv")
    site.files["/titles.csv"] = OTHER
    assert identity(f"{site.url}/titles.csv") != before


def test_a_server_that_refuses_head_will_do(site: Site, target: Path) -> None:
    site.status = {"HEAD": 405}
    assert fetched(f"{site.url}/titles.csv", target) == {"titles.csv": DATA}


@pytest.mark.parametrize(
    ("status", "error", "message"),
    [
        (404, BadData, "does not exist"),
        (403, Rejected, "answered 403"),
        (401, Rejected, "answered 401"),
        (429, Unreachable, "answered 429"),
        (503, Unreachable, "answered 503"),
    ],
)
def test_a_refusal_is_told(site: Site, status: int, error: type[Exception], message: str) -> None:
    site.status = {"HEAD": status, "GET": status}
    with pytest.raises(error, match=message):
        identity(f"{site.url}/titles.csv")


def test_a_download_cut_off_leaves_nothing(site: Site, target: Path) -> None:
    site.headers = {"ETag": '"abc"'}
    site.cut = 5
    with pytest.raises(Unreachable):
        fetched(f"{site.url}/titles.csv", target)
    assert list(target.iterdir()) == []


def test_a_window_of_addresses(site: Site, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    site.files = {"/2026-11-19/titles.csv": DATA, "/2026-11-21/titles.csv": OTHER}
    site.headers = {"ETag": '"abc"'}
    address = f"{site.url.replace('://', '://user:secret@')}/{{ds}}/titles.csv?signature=secret"
    found = fetched(address, tmp_path / "fetched", as_of=date(2026, 11, 21), window_days=3)
    assert found == {"2026-11-19-titles.csv": DATA, "2026-11-21-titles.csv": OTHER}
    assert "no files for 1 of its 3 days" in caplog.text
    assert "secret" not in caplog.text


def test_an_address_that_refuses_is_not_a_day_without_a_file(site: Site, target: Path) -> None:
    site.files = {"/2026-11-21.csv": DATA}
    site.status = {"GET": 403}
    with pytest.raises(Rejected, match="answered 403"):
        fetched(f"{site.url}/{{ds}}.csv", target, as_of=date(2026, 11, 21), window_days=2)


def test_an_unreachable_server_may_be_retried() -> None:
    with pytest.raises(Unreachable, match="did not return a usable response") as caught:
        identity("http://user:secret@127.0.0.1:9/titles.csv?signature=secret")
    assert caught.value.retryable
    assert "secret" not in str(caught.value)


def test_secrets_of_an_address_stay_out_of_every_message(site: Site, tmp_path: Path) -> None:
    signed = f"{site.url.replace('://', '://user:secret@')}/titles.csv?signature=secret"
    messages = [
        failing(lambda: fetch(signed, tmp_path, Settings(), identity="another")),
        failing(lambda: identity("ftp://user:secret@host/titles.csv")),
        failing(lambda: identity("https://user:secret@host/{ds}.csv?signature=secret")),
        failing(lambda: identity("http://user:secret@/titles.csv?signature=secret")),
        failing(lambda: identify_vectors(signed.replace("titles", "missing"), Settings())),
    ]
    assert [message for message in messages if "secret" in message] == []


def failing(ask: Callable[[], object]) -> str:
    with pytest.raises(MeliError) as caught:
        ask()
    assert caught.value.__cause__ is None  # a log would show its words too
    return str(caught.value)


@pytest.mark.parametrize(
    "headers", [{"ETag": '"abc"'}, {"ETag": 'W/"abc"'}, {"Last-Modified": "Sat, 21 Nov 2026 20:00:00 GMT"}]
)
def test_two_addresses_with_one_validator_are_two_sources(site: Site, headers: dict[str, str]) -> None:
    site.files = {"/1.csv": DATA, "/2.csv": OTHER[: len(DATA)].ljust(len(DATA), b"\n")}
    site.headers = headers
    assert identity(f"{site.url}/1.csv") != identity(f"{site.url}/2.csv")
    one, other = (identify_vectors(f"{site.url}/{n}.csv", Settings()).identity for n in (1, 2))
    assert one != other
    assert identity(f"{site.url}/1.csv?day=1") != identity(f"{site.url}/1.csv?day=2")


def test_what_signs_an_address_does_not_change_what_it_identifies(site: Site) -> None:
    site.headers = {"ETag": '"abc"'}
    plain = identity(f"{site.url}/titles.csv")
    for query in (
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AK%2F20261121&X-Amz-Date=2&X-Amz-Expires=9&X-Amz-Signature=a",
        "AWSAccessKeyId=AK&Expires=1795000000&Signature=a%2Fb%3D",
        "sv=2024-08-04&se=2026-11-22T00%3A00Z&sr=b&sp=r&sig=a%3D",
        "Expires=1795000000&Policy=abc&Signature=abc&Key-Pair-Id=K1",
        "token=secret",
    ):
        assert identity(f"{site.url}/titles.csv?{query}") == plain
    assert identity(f"{site.url.replace('://', '://user:secret@')}/titles.csv") == plain


@pytest.mark.parametrize(
    ("address", "resource"),
    [
        ("HTTPS://User:pw@Host.example:443/a%20b.csv?x=1&sig=2&se=3#part", "https://host.example/a%20b.csv?x=1"),
        ("http://host:8080?se=3&day=", "http://host:8080/?se=3&day="),
        ("https://host/f?id=7&X-Goog-Date=1&x-goog-signature=2", "https://host/f?id=7"),
    ],
)
def test_the_resource_of_an_address(address: str, resource: str) -> None:
    assert resource_of(address) == resource
