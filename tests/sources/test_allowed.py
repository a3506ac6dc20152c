"""Sources that MELI_SOURCES does not allow are refused wherever they are named, and before anything is sent there."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from meli_tasks import sources
from meli_tasks.allowed_addresses import IN_AIRFLOW, NotAllowed
from meli_tasks.core.errors import BadData, MeliError
from meli_tasks.settings import Settings
from tests.sources.site import Site, serving
from tests.sources.test_sources import DATA


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as site:
        site.headers = {"ETag": '"abc"'}
        yield site


@pytest.fixture
def other() -> Iterator[Site]:
    with serving() as site:
        yield site


def settings(*prefixes: str) -> Settings:
    return Settings(sources=" ".join(prefixes))


def test_tasks_are_allowed_less_than_commands() -> None:
    assert Settings().allowed_addresses.written == "any"
    assert Settings().for_tasks().allowed_addresses.written == IN_AIRFLOW
    assert settings("/data").for_tasks().allowed_addresses.written == "/data"


@pytest.mark.parametrize("spec", ["/etc/passwd", "/etc/*", "/etc", "file:///etc/passwd", "/e*/passwd"])
def test_files_of_the_worker(spec: str) -> None:
    with pytest.raises(NotAllowed) as caught:
        sources.identify(spec, None, settings("s3://", "https://"))
    assert "root" not in str(caught.value)


def test_a_file_that_a_link_leads_to(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "secret.csv").write_bytes(DATA)
    (tmp_path / "data" / "titles.csv").symlink_to(tmp_path / "secret.csv")
    allowed = settings(f"{tmp_path}/data")
    for spec in ("titles.csv", "*.csv", ""):
        with pytest.raises(NotAllowed):
            sources.identify(f"{tmp_path}/data/{spec}", None, allowed)
    (tmp_path / "data" / "titles.csv").unlink()
    (tmp_path / "data" / "own.csv").write_bytes(DATA)
    assert len(sources.identify(f"{tmp_path}/data", None, allowed).parts) == 1


def test_a_bucket_that_no_prefix_names() -> None:
    with pytest.raises(NotAllowed):
        sources.identify("s3://other/titles.csv", None, settings("s3://bucket/titles/"))


def test_a_server_in_a_private_network_gets_no_connection(site: Site) -> None:
    with pytest.raises(NotAllowed, match="private network"):
        sources.identify(f"{site.url}/titles.csv", None, settings("http://", "https://"))
    assert site.received == [] and site.connections == 0
    assert sources.identify(f"{site.url}/titles.csv", None, settings(site.url)).parts


@pytest.mark.parametrize("host", ["localhost", "2130706433", "0x7f.1", "127.1"])
def test_other_spellings_of_this_machine(site: Site, host: str) -> None:
    with pytest.raises(BadData):
        sources.identify(f"http://{host}:{site.server.server_port}/titles.csv", None, settings("http://"))
    assert site.connections == 0


def test_a_redirect_to_an_address_that_is_not_allowed(site: Site, other: Site) -> None:
    site.redirects = {"/titles.csv": f"{other.url}/titles.csv"}
    with pytest.raises(NotAllowed):
        sources.identify(f"{site.url}/titles.csv", None, settings(site.url))
    assert other.connections == 0
    assert sources.identify(f"{site.url}/titles.csv", None, settings(site.url, other.url)).parts


def test_a_redirect_within_what_is_allowed(site: Site, tmp_path: Path) -> None:
    site.redirects = {"/latest": "/titles.csv"}
    allowed = settings(site.url)
    source = sources.identify(f"{site.url}/latest", None, allowed)
    folder = sources.fetch(source.spec, tmp_path, allowed, source.identity)
    assert [file.read_bytes() for file in folder.iterdir()] == [DATA]


def test_redirects_without_end(site: Site) -> None:
    site.redirects = {"/titles.csv": "/titles.csv"}
    with pytest.raises(MeliError, match="redirects"):
        sources.identify(f"{site.url}/titles.csv", None, settings(site.url))


def test_a_name_whose_address_changes_between_two_looks(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """DNS rebinding: whatever a name leads to is looked up a single time for each connection, and that is checked."""
    answers = iter(["93.184.215.14", "127.0.0.1", "127.0.0.1"])
    asked: list[str] = []
    real = socket.getaddrinfo

    def lookup(host: Any, port: Any, *args: Any, **options: Any) -> Any:
        if host != "rebound.example":
            return real(host, port, *args, **options)
        asked.append(host)
        return real(next(answers), port, *args, **options)

    tried: list[object] = []

    def connect(self: socket.socket, address: Any) -> None:
        tried.append(address[0])
        raise ConnectionRefusedError(111, "refused")

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    monkeypatch.setattr(socket.socket, "connect", connect)
    monkeypatch.setattr("meli_tasks.sources.web.RETRIES", None)
    with pytest.raises(MeliError):
        sources.identify(f"http://rebound.example:{site.server.server_port}/titles.csv", None, settings("http://"))
    assert tried == ["93.184.215.14"] and len(asked) == 1
    with pytest.raises(NotAllowed):
        sources.identify(f"http://rebound.example:{site.server.server_port}/titles.csv", None, settings("http://"))
    assert tried == ["93.184.215.14"]


def test_vectors_that_are_not_allowed() -> None:
    with pytest.raises(MeliError, match="MELI_SOURCES"):
        sources.identify_vectors("/etc/passwd", settings("s3://"))


def test_a_wildcard_followed_by_dots_finds_nothing_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "data" / "day").mkdir(parents=True)
    (tmp_path / "secret-name.csv").write_text("title\n")
    allowed = settings(f"{tmp_path}/data")
    for behind in ("secret-name.csv", "absent.csv", "*"):
        spec = f"{tmp_path}/data/*/../../{behind}"
        with pytest.raises(BadData) as caught:
            sources.identify(spec, None, allowed)
        assert str(caught.value) == f"The source {spec} has .. behind a wildcard. Write its path without it."
