"""Short questions to HTTP servers, for the doctor: JSON in, JSON out, an answer within seconds or an error in words."""

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
    """The server did not answer, or not well; `status` is the HTTP status, 0 where there was none."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


def get(url: str, token: str = "") -> Any:
    """What stands at a URL; JSON where it is, else text.

    Raises:
        WebError: no answer within 5 s, or a status of 400 or more.
    """
    return _ask(urllib.request.Request(url), token)


def post(url: str, body: Any, token: str = "", sign_in: tuple[str, str] | None = None) -> Any:
    """The answer to a JSON body; errors as in `get`. `sign_in`: user and password, where the server asks for them."""
    request = urllib.request.Request(
        url, json.dumps(body).encode(), {"Content-Type": "application/json"}, method="POST"
    )
    if sign_in:
        request.add_header("Authorization", "Basic " + base64.b64encode(":".join(sign_in).encode()).decode())
    return _ask(request, token)


def shown(url: str) -> str:
    """A URL without the password that may stand in it."""
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
