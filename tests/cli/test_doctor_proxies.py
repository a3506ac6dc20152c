"""`meli doctor` says which addresses go through a proxy, and connects to it."""

from __future__ import annotations

import socket

import pytest

from meli_tasks.cli.proxy_checks import proxies
from meli_tasks.proxies import NAMES
from meli_tasks.settings import Settings
from tests.servers import NOWHERE


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "")
    for name in NAMES:
        monkeypatch.setenv(name, "")
    return monkeypatch


SETTINGS = Settings(
    store="s3://bucket/prefix", mlflow_uri="http://127.0.0.1:5000", webhook="https://hooks.example.org/secret"
)


def test_without_a_proxy(proxy: pytest.MonkeyPatch) -> None:
    [line] = proxies(SETTINGS)
    assert (line.state, line.observed) == (
        "ok",
        "no configured address goes through a proxy; without a proxy: MELI_STORE, MLFLOW_TRACKING_URI, MELI_WEBHOOK",
    )


def test_a_proxy_that_answers_and_one_that_does_not(proxy: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        place = f"127.0.0.1:{listening.getsockname()[1]}"
        proxy.setenv("https_proxy", f"http://me:SECRET@{place}")
        [line] = proxies(SETTINGS)
    used = "it is used for MELI_STORE, MELI_WEBHOOK; without a proxy: MLFLOW_TRACKING_URI"
    assert (line.state, line.observed) == ("ok", f"http://...@{place} accepts connections; {used}")
    proxy.setenv("https_proxy", NOWHERE)
    [line] = proxies(SETTINGS)
    assert line.state == "failed" and line.observed.startswith(f"{NOWHERE} cannot be reached") and line.advice
    proxy.setenv("no_proxy", "hooks.example.org")
    [line] = proxies(SETTINGS)
    assert "used for MELI_STORE; without a proxy: MLFLOW_TRACKING_URI, MELI_WEBHOOK" in line.observed
