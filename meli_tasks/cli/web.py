"""Short HTTP requests for `meli doctor`: JSON in, JSON out, with an answer or a readable error within seconds."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from meli_tasks.wording import duration

SECONDS = 5.0
LONGEST_ANSWER = 10_000_000  # bytes


class WebError(Exception):
    """The server did not answer, or answered with an error; `status` is the HTTP status, or 0 if there was none."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


def get(url: str, token: str = "") -> Any:
    """Fetch a URL and return its JSON, or its text if it is not JSON.

    Raises:
        WebError: There was no answer within 5 s, or its status was 400 or more.
    """
    return _ask(urllib.request.Request(url), token)


def post(url: str, body: Any, token: str = "", sign_in: tuple[str, str] | None = None) -> Any:
    """Post a JSON body and return the answer; errors as in `get`. `sign_in` is a user and a password, if required."""
    request = urllib.request.Request(
        url, json.dumps(body).encode(), {"Content-Type": "application/json"}, method="POST"
    )
    if sign_in:
        request.add_header("Authorization", "Basic " + base64.b64encode(":".join(sign_in).encode()).decode())
    return _ask(request, token)


def shown(url: str) -> str:
    """Return a URL without its password."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=host, query="", fragment=""))


def _ask(request: urllib.request.Request, token: str) -> Any:
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    place = shown(request.full_url)
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:
            data = answer.read(LONGEST_ANSWER)
    except urllib.error.HTTPError as error:
        raise WebError(f"{place} answered {error.code} {error.reason}", error.code) from None
    except TimeoutError:
        raise WebError(f"{place} did not answer within {duration(SECONDS)}") from None
    except (urllib.error.URLError, HTTPException, OSError, ValueError) as error:
        raise WebError(f"{place} does not answer: {getattr(error, 'reason', error)}") from None
    try:
        return json.loads(data)
    except ValueError:
        return data.decode(errors="replace")
