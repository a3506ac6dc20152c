"""Which addresses go past a proxy, as the libraries that read NO_PROXY understand it."""

from __future__ import annotations

from urllib.request import proxy_bypass

import pytest
from botocore.utils import get_environ_proxies
from httpx._utils import get_environment_proxies
from requests.utils import should_bypass_proxies

from meli_tasks.http import is_loopback
from meli_tasks.proxies import NAMES, bypass_for_this_machine, no_proxy

PROXY = "http://proxy.example.org:3128"
OWN = ("http://localhost:5000", "http://127.0.0.1:8333/bucket", "http://[::1]:8080")


@pytest.fixture(autouse=True)
def proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, PROXY)
    for name in NAMES:
        monkeypatch.setenv(name, "")


@pytest.mark.parametrize("url", OWN)
def test_no_library_uses_a_proxy_for_this_machine(url: str) -> None:
    host = url.removeprefix("http://").partition("/")[0]
    assert not proxy_bypass(host) and get_environ_proxies(url)
    bypass_for_this_machine()
    assert should_bypass_proxies(url, None)
    if "[" not in host:  # the standard library and botocore do not understand an IPv6 address here
        assert proxy_bypass(host) and get_environ_proxies(url) == {}
    assert get_environment_proxies()["all://localhost"] is get_environment_proxies()["all://127.0.0.1"] is None


def test_other_addresses_keep_their_proxy() -> None:
    bypass_for_this_machine()
    assert not should_bypass_proxies("http://example.org/", None)
    assert get_environ_proxies("http://example.org/")["http"] == PROXY


@pytest.mark.parametrize(
    ("named", "value"),
    [
        ("example.org, .corp", "example.org,.corp,localhost,127.0.0.1,127.0.0.0/8,::1"),
        ("localhost", "localhost,127.0.0.1,127.0.0.0/8,::1"),
        ("*", "*"),
    ],
)
def test_what_the_environment_names_stays(named: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", named)
    assert no_proxy() == value
    bypass_for_this_machine()
    assert no_proxy() == value


@pytest.mark.parametrize(
    ("url", "own"),
    [
        *((url, True) for url in OWN),
        ("http://127.0.0.2:9000", True),
        ("http://s3.localhost:9000", True),
        ("http://10.0.0.1:9000", False),
        ("http://localhost.example.org", False),
        ("http://127.example.org", False),
        ("", False),
    ],
)
def test_addresses_of_this_machine(url: str, own: bool) -> None:
    assert is_loopback(url) is own
