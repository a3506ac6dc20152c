"""One file behind http:// or https://. Its ETag tells its content apart, else its date and size, else a hash of it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from meli_tasks.core.errors import BadData, Rejected, Unreachable
from meli_tasks.sources.place import NothingThere, Part, public
from meli_tasks.store.disk import disk_errors, part_file

if TYPE_CHECKING:
    import requests

SECONDS = (5.0, 60.0)  # to connect; between two pieces of the answer
PIECE_BYTES = 1 << 20


class Address:
    """A server on the web."""

    def parts(self, spec: str) -> tuple[Part, ...]:
        """The one file."""
        name = Path(unquote(urlsplit(spec).path)).name or "source"
        # Not by HEAD: an address signed for GET, and many a server, refuse it. Closed before its end, GET costs no
        # more.
        with _answer(spec) as answer:
            headers = answer.headers
            size = int(headers["Content-Length"]) if headers.get("Content-Length", "").isdigit() else None
            if etag := headers.get("ETag"):
                return (Part(name, f"etag:{etag}", size),)
            if (modified := headers.get("Last-Modified")) and size is not None:
                return (Part(name, f"modified:{modified}:{size}", size),)
        content = hashlib.sha256()
        with _answer(spec) as answer:
            for piece in answer.iter_content(PIECE_BYTES):
                content.update(piece)
        return (Part(name, f"sha256:{content.hexdigest()}", size),)

    def fetch(self, spec: str, wanted: Sequence[tuple[Part, Path]]) -> None:
        """Download the file."""
        for part, target in wanted:
            with disk_errors(target), part_file(target.parent, target.name) as coming, _answer(spec) as answer:
                received = 0
                with coming.open("wb") as file:
                    for piece in answer.iter_content(PIECE_BYTES):
                        received += file.write(piece)
                if part.size is not None and received != part.size:
                    raise Unreachable(f"{public(spec)} broke off after {received} of {part.size} bytes. Run again.")
                coming.replace(target)


@contextmanager
def _answer(spec: str) -> Iterator[requests.Response]:
    import requests

    # The file's own bytes are wanted: an answer compressed on the way would have another length.
    headers: Any = {"Accept-Encoding": "identity"}
    shown = public(spec)
    try:
        with requests.get(spec, stream=True, timeout=SECONDS, headers=headers, allow_redirects=True) as answer:
            if answer.status_code in (404, 410):
                raise NothingThere(
                    f"{shown} is not there ({answer.status_code}). Check the address and the run's date."
                )
            if answer.status_code >= 500 or answer.status_code == 429:
                raise Unreachable(f"{shown} answered {answer.status_code}. Try again later.")
            if answer.status_code >= 400:
                raise Rejected(f"{shown} answered {answer.status_code} {answer.reason}: it may not be read from here.")
            yield answer
    except (requests.exceptions.InvalidURL, requests.exceptions.MissingSchema) as error:
        raise BadData(f"The source {shown} is no address that can be understood: {_said(error)}") from None
    except requests.RequestException as error:
        raise Unreachable(
            f"Nothing usable came from {shown}: {_said(error)}. Is the address right, is a proxy needed?"
        ) from None


def _said(error: Exception) -> str:
    """The error's words without the secrets of any address in them: a redirect may lead to one that is signed."""
    return re.sub(r"\?[^\s'\")]+", "?...", re.sub(r"(://)[^/\s'\"]*@", r"\1", str(error)))
