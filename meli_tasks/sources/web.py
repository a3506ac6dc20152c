"""A source of one file behind http:// or https://.

Its address and ETag identify its content, else its address, date and size, else a hash of the downloaded content.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from meli_tasks.core.errors import BadData, Rejected, Unreachable
from meli_tasks.disk import atomic_write
from meli_tasks.http import BUSY, BadAddress, Client, NoAnswer, Retries, Stream
from meli_tasks.redaction import without_secrets
from meli_tasks.rowfiles.folders import hive_folders
from meli_tasks.sources.address import resource_of
from meli_tasks.sources.place import Found, NoFiles, Part

READ_SECONDS = 60.0
RETRIES = Retries(again=2, seconds=1.0)


class Address:
    """A file on a web server."""

    def find(self, spec: str) -> Found:
        """The single file."""
        path = PurePosixPath(unquote(urlsplit(spec).path))
        identity, size = _identify(spec)
        return Found((Part(path.name or "source", identity, size, hive_folders(path.parts[:-1])),))

    def fetch(self, spec: str, targets: Sequence[tuple[Part, Path]]) -> None:
        """Download the file."""
        for part, target in targets:
            with atomic_write(target) as incoming, _open(spec) as answer:
                received = 0
                with incoming.open("wb") as file:
                    for piece in answer.pieces:
                        received += file.write(piece)
                if part.size is not None and received != part.size:
                    raise Unreachable(
                        f"{without_secrets(spec)} ended after {received} of {part.size} bytes. Run again."
                    )


def _identify(spec: str) -> tuple[str, int | None]:
    """The identity of the file at an address, and its bytes."""
    # By GET, not HEAD: addresses signed for GET and many servers refuse HEAD. A GET closed early costs no more.
    with _open(spec) as answer:
        headers = answer.headers
        size = int(headers["Content-Length"]) if headers.get("Content-Length", "").isdigit() else None
        if etag := headers.get("ETag"):
            return f"{resource_of(spec)} etag:{etag}", size
        if (modified := headers.get("Last-Modified")) and size is not None:
            return f"{resource_of(spec)} modified:{modified}:{size}", size
    content = hashlib.sha256()
    with _open(spec) as answer:
        for piece in answer.pieces:
            content.update(piece)
    return f"sha256:{content.hexdigest()}", size


@contextmanager
def _open(spec: str) -> Iterator[Stream]:
    place = without_secrets(spec)
    client = Client(read_seconds=READ_SECONDS, retries=RETRIES)
    try:
        # Uncompressed: an answer compressed for the transfer would have another length.
        with client, client.stream(spec, headers={"Accept-Encoding": "identity"}) as answer:
            _check(answer, place)
            yield answer
    except BadAddress as error:
        raise BadData(f"The source's address cannot be used: {error}") from None
    except NoAnswer as error:
        raise Unreachable(
            f"{place} did not return a usable response: {error.reason}. Check the address, and whether "
            "a proxy is needed."
        ) from None


def _check(answer: Stream, place: str) -> None:
    if answer.status in (404, 410):
        raise NoFiles(f"{place} does not exist ({answer.status}). Check the address and the run's date.")
    if answer.status >= 500 or answer.status in BUSY:
        raise Unreachable(f"{place} answered {answer.status}. Try again later.")
    if answer.status >= 400:
        raise Rejected(f"{place} answered {answer.status} {answer.reason}: it may not be read from here.")
