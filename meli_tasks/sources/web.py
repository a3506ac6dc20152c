"""A source of one file behind http:// or https://.

Its address and ETag identify its content, else its address, date and size, else a hash of the downloaded content.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from meli_tasks.concealed import revealed
from meli_tasks.core.errors import BadData, Rejected, Unreachable
from meli_tasks.disk import atomic_write
from meli_tasks.http import BUSY, BadAddress, Client, NoAnswer, Retries, Stream
from meli_tasks.http_guard import Guard
from meli_tasks.redaction import without_secrets
from meli_tasks.rowfiles.folders import hive_folders
from meli_tasks.settings import Settings
from meli_tasks.sources.address import resource_of
from meli_tasks.sources.place import Found, NoFiles, Part, too_large

READ_SECONDS = 60.0
RETRIES = Retries(again=2, seconds=1.0)
_READABLE_ENCODINGS = ("", "identity", "gzip", "x-gzip")


class Address:
    """A file on a web server. All requests of one of these share the hours that a download may take."""

    def __init__(self, settings: Settings) -> None:
        self._allowed = settings.allowed_addresses
        self._most_bytes = settings.source_bytes
        self._ends = time.monotonic() + settings.source_hours * 3_600
        self._too_slow = (
            f"{{place}} was not downloaded within {settings.source_hours:g} hours (MELI_SOURCE_HOURS). Copy it to a "
            "faster place, or raise the setting."
        )

    def find(self, spec: str) -> Found:
        """The single file."""
        self._allowed.check(spec)
        path = PurePosixPath(unquote(urlsplit(spec).path))
        identity, size = self._identify(spec)
        return Found((Part(path.name or "source", identity, size, hive_folders(path.parts[:-1])),))

    def fetch(self, spec: str, targets: Sequence[tuple[Part, Path]]) -> None:
        """Download the file."""
        for part, target in targets:
            with atomic_write(target) as incoming, self._open(spec) as answer:
                received = 0
                with incoming.open("wb") as file:
                    for piece in answer.pieces:
                        received += file.write(piece)
                if part.size is not None and received != part.size:
                    raise Unreachable(
                        f"{without_secrets(spec)} ended after {received} of {part.size} bytes. Run again."
                    )

    def _identify(self, spec: str) -> tuple[str, int | None]:
        """The identity of the file at an address, and its bytes."""
        # By GET, not HEAD: addresses signed for GET and many servers refuse HEAD. A GET closed early costs no more.
        with self._open(spec) as answer:
            headers = answer.headers
            size = int(headers["Content-Length"]) if headers.get("Content-Length", "").isdigit() else None
            if etag := headers.get("ETag"):
                return f"{resource_of(revealed(spec))} etag:{etag}", size
            if (modified := headers.get("Last-Modified")) and size is not None:
                return f"{resource_of(revealed(spec))} modified:{modified}:{size}", size
        content = hashlib.sha256()
        with self._open(spec) as answer:
            for piece in answer.pieces:
                content.update(piece)
        return f"sha256:{content.hexdigest()}", size

    @contextmanager
    def _open(self, spec: str) -> Iterator[Stream]:
        place = without_secrets(spec)
        left = self._ends - time.monotonic()
        guard = Guard(self._allowed.check, self._allowed.check_peer, left, self._too_slow)
        client = Client(read_seconds=READ_SECONDS, retries=RETRIES, guard=guard)
        try:
            # Uncompressed: an answer compressed for the transfer would have another length.
            with client, client.stream(revealed(spec), headers={"Accept-Encoding": "identity"}) as answer:
                _check(answer, place)
                yield Stream(answer.status, answer.reason, answer.headers, self._limited(answer, place))
        except BadAddress as error:
            raise BadData(f"The source's address cannot be used: {error}") from None
        except NoAnswer as error:
            raise Unreachable(
                f"{place} did not return a usable response: {error.reason}. Check the address, and whether "
                "a proxy is needed."
            ) from None

    def _limited(self, answer: Stream, place: str) -> Iterator[bytes]:
        received = 0
        for piece in answer.pieces:
            received += len(piece)
            if received > self._most_bytes:
                raise too_large(place, received, self._most_bytes)
            yield piece


def _check(answer: Stream, place: str) -> None:
    if answer.status in (404, 410):
        raise NoFiles(f"{place} does not exist ({answer.status}). Check the address and the run's date.")
    if answer.status >= 500 or answer.status in BUSY:
        raise Unreachable(f"{place} answered {answer.status}. Try again later.")
    if not 200 <= answer.status < 300:  # a redirect that can be followed has been
        raise Rejected(f"{place} answered {answer.status}: it may not be read from here.")
    encoding = answer.headers.get("Content-Encoding", "").strip().lower()
    if encoding not in _READABLE_ENCODINGS:
        raise BadData(
            f"{place} is sent in the encoding {encoding[:40]!r}, and only plain or gzipped files can be read. Have the "
            "server send it as it is."
        )
