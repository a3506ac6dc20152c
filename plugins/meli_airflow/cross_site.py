"""Refuses requests that change something unless they come from our own pages, or prove who sends them.

A browser adds Airflow's cookie to whatever a foreign page makes it send. So a request that changes something must hold
JSON, which a form cannot send and a script only after asking the server; and if it is authenticated by the cookie, the
browser must say that it comes from a page of this server. A program sends its token in the header Authorization, which
no browser adds by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
MAX_BODY_BYTES = 500_000
JSON = "application/json"


@dataclass(frozen=True)
class Refused:
    """The status and the sentence with which a request is refused."""

    status: int
    detail: str


def refused(headers: Mapping[str, str], method: str, max_bytes: int = MAX_BODY_BYTES) -> Refused | None:
    """Why a request is refused; None if it is not. `headers` ignores the case of names, as Starlette's does."""
    if method in SAFE_METHODS:
        return None
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != JSON:
        return Refused(415, f"The body must be JSON: send it with the header Content-Type: {JSON}.")
    length = headers.get("content-length", "")
    if not length.isdecimal():
        return Refused(411, "The length of the body is missing: send the header Content-Length.")
    if int(length) > max_bytes:
        return Refused(413, f"The body has {int(length):,} bytes, but it must have at most {max_bytes:,}.")
    if "authorization" in headers or _from_our_pages(headers):
        return None
    return Refused(
        403,
        "The request does not come from a page of this Airflow, so nothing was changed. A program signs in with a "
        "token in the header Authorization.",
    )


def _from_our_pages(headers: Mapping[str, str]) -> bool:
    """Whether the browser says so. On plain HTTP it sends Origin only, whose host a proxy may have moved."""
    if site := headers.get("sec-fetch-site", ""):
        return site == "same-origin"
    host = urlsplit(headers.get("origin", "")).netloc.lower()
    ours = {headers.get("host", "").lower(), headers.get("x-forwarded-host", "").partition(",")[0].strip().lower()}
    return bool(host) and host in ours
