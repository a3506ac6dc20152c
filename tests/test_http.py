from __future__ import annotations

import logging
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from meli_tasks import http
from meli_tasks.http import BadAddress, BadStatus, Client, NoAnswer, Retries
from meli_tasks.redaction import redact, without_credentials
from tests.servers import NOWHERE

SIGNED = "/a?X-Amz-Signature=SECRET"


class Site:
    """A server that answers each request with the next of `statuses`, the last one again and again."""

    def __init__(self) -> None:
        self.statuses = [200]
        self.requests: list[str] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                site.requests.append(f"{self.command} {self.path}")
                status = site.statuses.pop(0) if len(site.statuses) > 1 else site.statuses[0]
                if status == 0:
                    self.close_connection = True
                    return
                self.send_response(status)
                self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "8")
                self.end_headers()
                self.wfile.write(b'{"a": 1}')

            def do_POST(self) -> None:
                self.do_GET()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def site() -> Iterator[Site]:
    served = Site()
    thread = Thread(target=served.server.serve_forever, args=(0.05,))
    thread.start()
    yield served
    served.server.shutdown()
    thread.join()
    served.server.server_close()


def test_an_answer_comes_whole_whatever_its_status(site: Site) -> None:
    site.statuses = [404]
    with Client() as client:
        answer = client.request("POST", f"{site.url}/a", body={"b": 2}, query={"c": "d"})
    assert (answer.status, answer.ok, answer.json()) == (404, False, {"a": 1})
    assert site.requests == ["POST /a?c=d"]


def test_json_names_the_status_of_a_refusal(site: Site) -> None:
    site.statuses = [403]
    with Client() as client, pytest.raises(BadStatus, match="answered 403 Forbidden") as caught:
        client.json(f"{site.url}{SIGNED}")
    assert caught.value.status == 403 and "SECRET" not in str(caught.value)


@pytest.mark.parametrize(("statuses", "num_requests", "last"), [([503, 200], 2, 200), ([503], 3, 503), ([500], 1, 500)])
def test_a_busy_server_gets_the_request_again(site: Site, statuses: list[int], num_requests: int, last: int) -> None:
    site.statuses = statuses
    with Client(retries=Retries(again=2, seconds=0)) as client:
        assert client.request("POST", site.url).status == last
    assert len(site.requests) == num_requests


@pytest.mark.parametrize("status", [502, 504])
@pytest.mark.parametrize(("method", "num_requests"), [("GET", 3), ("POST", 1)])
def test_a_gateways_error_repeats_only_what_changes_nothing(
    site: Site, status: int, method: str, num_requests: int
) -> None:
    site.statuses = [status]
    with Client(retries=Retries(again=2, seconds=0)) as client:
        assert client.request(method, site.url).status == status
    assert len(site.requests) == num_requests


def test_a_request_that_may_have_arrived_is_not_repeated(site: Site) -> None:
    site.statuses = [0]
    with Client(retries=Retries(again=2, seconds=0)) as client, pytest.raises(NoAnswer) as caught:
        client.request("POST", site.url)
    assert caught.value.sent and len(site.requests) == 1


def test_a_redirect_is_followed_only_where_wanted(site: Site) -> None:
    site.statuses = [302, 200]
    with Client() as client:
        assert client.request("POST", site.url, redirects=False).is_redirect
        site.statuses = [302, 200]
        assert client.request("GET", site.url).ok


def test_no_error_and_no_log_line_has_a_secret(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with Client(retries=Retries(again=1, seconds=0)) as client:
        for address in (f"http://me:SECRET@127.0.0.1:9{SIGNED}", f"http://no-such-host.invalid{SIGNED}"):
            with pytest.raises(NoAnswer) as caught:
                client.request("GET", address)
            assert "SECRET" not in str(caught.value) and not caught.value.sent
    assert "Retrying" in caplog.text and "SECRET" not in caplog.text


@pytest.mark.parametrize("address", ["http:///a", "ftp://me:SECRET@host/a", "a.csv"])
def test_what_is_no_address(address: str) -> None:
    with Client() as client, pytest.raises(BadAddress) as caught:
        client.request("GET", address)
    assert "SECRET" not in str(caught.value)


def test_a_proxy_is_used_but_never_for_this_machine(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, NOWHERE)
    assert [http.proxy_of(f"http://{host}/") for host in ("example.com", "localhost", "127.0.0.1:1", "[::1]:1")] == [
        *(NOWHERE, "", "", "")
    ]
    monkeypatch.setenv("no_proxy", "example.com")
    assert http.proxy_of("http://example.com/") == "" and http.proxy_of("http://localhost/") == ""
    with Client() as client:
        assert client.request("GET", site.url).ok
        with pytest.raises(NoAnswer, match="refused"):
            client.request("GET", "http://example.org/")


def test_addresses_without_their_secrets() -> None:
    assert without_credentials("http://me:secret@host:1/path?key=1") == "http://host:1/path?key=1"
    assert http.without_secrets("http://me:secret@host:1/path?key=1") == "http://...@host:1/path?..."
    assert redact("url: /a.csv?X-Amz-Signature=secret (see https://me:secret@host/b)") == (
        "url: /a.csv?... (see https://...@host/b)"
    )
