"""Sources that would hold or exhaust a worker: without end, with too much in them, or no files at all."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from datetime import date
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from meli_tasks import sources
from meli_tasks.allowed_addresses import NotAllowed
from meli_tasks.core.errors import BadData, MeliError, Rejected
from meli_tasks.rowfiles import folders
from meli_tasks.settings import Settings
from tests.sources.site import DATA, Site, serving

A_MOMENT = 1e-5
"""Hours: enough to connect, and less than what never ends."""


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as site:
        yield site


def small(**limits: float) -> Settings:
    return Settings(**limits)  # type: ignore[arg-type]


def starting(handler: BaseHTTPRequestHandler, *headers: str) -> None:
    handler.wfile.write("\r\n".join(["HTTP/1.1 200 OK", *headers, "", ""]).encode())


def drip(site: Site, piece: bytes, *headers: str) -> None:
    """Answer with headers and then a piece at a time, without end."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        starting(handler, *headers)
        while not site.stopped.wait(0.02):
            handler.wfile.write(piece)

    site.raw = answer


def drip_headers(site: Site) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
        while not site.stopped.wait(0.02):
            handler.wfile.write(b"x")

    site.raw = answer


@pytest.mark.parametrize("headers", [(), ("Content-Length: 100000000",), ("ETag: abc", "Content-Length: 100000000")])
def test_a_byte_at_a_time(site: Site, tmp_path: Path, headers: tuple[str, ...]) -> None:
    drip(site, b"x", *headers)
    with pytest.raises(Rejected, match="MELI_SOURCE_HOURS"):
        source = sources.identify(f"{site.url}/titles.csv", None, small(source_hours=A_MOMENT))
        sources.fetch(source.spec, tmp_path, small(source_hours=A_MOMENT), source.identity)
    assert list(tmp_path.iterdir()) == []


def test_headers_without_end(site: Site) -> None:
    drip_headers(site)
    with pytest.raises(Rejected, match="MELI_SOURCE_HOURS"):
        sources.identify(f"{site.url}/titles.csv", None, small(source_hours=A_MOMENT))


def test_a_download_without_end(site: Site, tmp_path: Path) -> None:
    drip(site, bytes(1 << 20))
    with pytest.raises(BadData, match="MELI_SOURCE_GB"):
        sources.identify(f"{site.url}/titles.csv", None, small(source_gigabytes=0.002))
    drip(site, bytes(1 << 20), "ETag: abc")
    source = sources.identify(f"{site.url}/titles.csv", None, small(source_gigabytes=0.002))
    with pytest.raises(BadData, match="MELI_SOURCE_GB"):
        sources.fetch(source.spec, tmp_path, small(source_gigabytes=0.002), source.identity)
    assert list(tmp_path.iterdir()) == []


def test_a_redirect_whose_body_never_ends(site: Site) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        if handler.path == "/titles.csv":
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nETag: a\r\nContent-Length: 0\r\n\r\n")
            return
        handler.wfile.write(b"HTTP/1.1 302 Found\r\nLocation: /titles.csv\r\n\r\n")
        while not site.stopped.wait(0.02):
            handler.wfile.write(bytes(1 << 20))

    site.raw = answer
    assert sources.identify(f"{site.url}/first", None, Settings()).parts


def test_an_encoding_of_the_transfer_is_not_undone(site: Site, tmp_path: Path) -> None:
    """An answer of 10 kB that would take 10 MB is stored as it is; gzip is read by whoever reads the file."""
    bomb = gzip.compress(DATA + bytes(10 << 20))
    site.files = {"/titles.csv": bomb}
    site.headers = {"Content-Encoding": "gzip", "ETag": '"abc"'}
    limits = small(source_gigabytes=0.000_1)
    source = sources.identify(f"{site.url}/titles.csv", None, limits)
    folder = sources.fetch(source.spec, tmp_path, limits, source.identity)
    assert [file.read_bytes() for file in folder.iterdir()] == [bomb]
    site.headers["Content-Encoding"] = "br"
    with pytest.raises(BadData, match="encoding 'br'"):
        sources.identify(f"{site.url}/titles.csv", None, limits)


def test_too_many_files(tmp_path: Path) -> None:
    for name in range(4):
        (tmp_path / f"2026-11-0{name + 1}.csv").write_bytes(DATA)
    with pytest.raises(BadData, match=r"4 files.*MELI_SOURCE_FILES"):
        sources.identify(str(tmp_path), None, small(source_files=3))
    assert len(sources.identify(str(tmp_path), None, small(source_files=4)).parts) == 4
    day = date(2026, 11, 4)
    with pytest.raises(BadData, match=r"4 files.*MELI_SOURCE_FILES"):
        sources.identify(f"{tmp_path}/{{ds}}.csv", day, small(source_files=3), 4)


def test_too_many_bytes(tmp_path: Path) -> None:
    with (tmp_path / "titles.csv").open("wb") as file:
        file.truncate(10_000_000)
    with pytest.raises(BadData, match="MELI_SOURCE_GB"):
        sources.identify(str(tmp_path), None, small(source_gigabytes=0.009))


def test_too_many_generated_titles() -> None:
    with pytest.raises(BadData, match="MELI_SOURCE_ROWS"):
        sources.identify("sample:rows=1001", None, small(source_rows=1_000))
    assert sources.identify("sample:rows=1000", None, small(source_rows=1_000)).parts


@pytest.mark.parametrize("pattern", ["**/**/**/**/**/**/**/**/missing", "**/*/**/*/**/*/**/*/**/missing"])
def test_patterns_that_match_in_many_ways(tmp_path: Path, pattern: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path
    for depth in range(12):
        folder /= f"{depth}"
        folder.mkdir()
        (folder / "back").symlink_to(tmp_path)
        (folder / "titles.csv").write_bytes(DATA)
    monkeypatch.setattr(folders, "MOST_ENTRIES", 1_000)
    with pytest.raises(BadData, match="matches no file"):
        sources.identify(f"{tmp_path}/{pattern}", None, Settings())
    assert len(sources.identify(f"{tmp_path}/**/**/*.csv", None, Settings()).parts) == 12


def test_a_pattern_that_would_look_through_the_whole_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in range(6):
        (tmp_path / f"{name}.csv").write_bytes(DATA)
    monkeypatch.setattr(folders, "MOST_ENTRIES", 5)
    for spec in ("**", "*.csv", ""):
        with pytest.raises(BadData, match="more than 5 files and folders"):
            sources.identify(f"{tmp_path}/{spec}", None, Settings())


@pytest.mark.parametrize("path", ["/proc/kmsg", "/proc/self/environ", "/proc/self/*", "/sys/kernel"])
def test_the_kernels_files(path: str) -> None:
    with pytest.raises(NotAllowed):
        sources.identify(path, None, Settings())


def test_only_regular_files_are_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "titles.csv")
    (tmp_path / "zero.csv").symlink_to("/dev/zero")
    for spec in ("titles.csv", "zero.csv", "*.csv", ""):
        with pytest.raises(MeliError, match="matches no file"):
            sources.identify(f"{tmp_path}/{spec}", None, Settings())
