"""The check of `meli doctor` for proxies: which of the configured addresses go through one, and whether it answers."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from meli_tasks.cli.check_result import CheckResult
from meli_tasks.http import proxy_of
from meli_tasks.redaction import without_secrets

if TYPE_CHECKING:
    from meli_tasks.settings import Settings

CONNECT_SECONDS = 3.0
PORTS = {"http": 80, "https": 443}
ADVICE = "Correct HTTP_PROXY or HTTPS_PROXY, or name the hosts that need no proxy in NO_PROXY."


def proxies(settings: Settings) -> Iterator[CheckResult]:
    """Connect to each proxy that a configured address would be reached through."""
    addresses = _addresses(settings)
    through = {name: proxy for name, url in addresses.items() if (proxy := proxy_of(url))}
    direct = ", ".join(name for name in addresses if name not in through)
    without = f"; without a proxy: {direct}" if direct else ""
    if not through:
        yield CheckResult("proxies", "ok", f"no configured address goes through a proxy{without}")
        return
    for proxy in sorted(set(through.values())):
        users = ", ".join(name for name, used in through.items() if used == proxy)
        target = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
        place, observed = without_secrets(target.geturl()), f"for {users}{without}"
        try:
            port = target.port or PORTS.get(target.scheme, 80)
            with socket.create_connection((target.hostname or "", port), timeout=CONNECT_SECONDS):
                yield CheckResult("proxies", "ok", f"{place} accepts connections; it is used {observed}")
        except (OSError, ValueError) as error:
            yield CheckResult(
                "proxies", "failed", f"{place} cannot be reached ({error}); it is used {observed}", ADVICE
            )


def _addresses(settings: Settings) -> dict[str, str]:
    """The addresses that are set, by what sets them."""
    from meli_tasks.store.s3_client import endpoint_in_use

    found = {
        "MELI_STORE": (endpoint_in_use(None) or "https://s3.amazonaws.com") if settings.store.startswith("s3:") else "",
        "MELI_SOURCE": settings.source if settings.source.startswith(("http://", "https://")) else "",
        "MLFLOW_TRACKING_URI": settings.mlflow_uri,
        "MELI_AIRFLOW_URL": settings.airflow_url,
        "MELI_SERVING_URL": settings.serving_url,
        "MELI_WEBHOOK": settings.webhook,
    }
    return {name: url for name, url in found.items() if url}
