"""What a page of a listing must look like.

S3 gives listings no digest, so only TLS protects all of one. Without it, a bit that is flipped on the way is noticed if
it breaks the page: a count, a prefix, a name that no object of this store can have. Such a page is requested again. A
flipped bit within a name or a size may go unnoticed, so whoever would conclude from a listing that something is missing
or damaged confirms it first (`artifacts.outputs.damage`, `stored_decisions`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any

from meli_tasks.core.errors import Rejected, Unreachable
from meli_tasks.store.protocol import checked_name

SAME_PROBLEM = 3
"""As many times the same problem is how this server lists: a network alters each response differently."""
UNENDED = "it does not say whether it goes on"


class DamagedListing(Unreachable):
    """A page of a listing is not what a server sends."""


class ListingCheck:
    """Checks the pages of one store's listings. Safe to use from several threads.

    Args:
        prefix: Of all keys of the store.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._lock = Lock()
        self._usual: set[str] = set()

    def __call__(self, send: Callable[[], Any], requested: str, seen: list[str]) -> Any:
        """Return the page that `send` returns.

        Args:
            send: Requests the page.
            requested: The requested prefix.
            seen: The problems of earlier tries of this page.

        Raises:
            DamagedListing: it has a problem, and this server's pages do not always have it.
        """
        try:
            page = send()
            problem = self._problem(page, requested)
        except (ValueError, KeyError, TypeError, AttributeError) as error:  # of boto3's parser, or a missing part
            raise DamagedListing(f"A listing cannot be read ({type(error).__name__}: {error}). Run again.") from error
        with self._lock:
            if not problem or problem in self._usual:
                return page
            seen.append(problem)
            if seen.count(problem) >= SAME_PROBLEM and problem != UNENDED:
                self._usual.add(problem)
                return page
        raise DamagedListing(f"A listing was altered on its way: {problem}. Run again.")

    def _problem(self, page: Mapping[str, Any], requested: str) -> str:
        entries = page.get("Contents", [])
        for entry in entries:
            if int(entry["Size"]) < 0 or not str(entry["ETag"]) or not entry["LastModified"].timestamp():
                return f"{entry['Key']!r} has no size or version"
        count = page.get("KeyCount")
        if count is not None and count != len(entries):
            return f"it announces {count} names and has {len(entries)}"
        if bool(page.get("IsTruncated")) != bool(page.get("NextContinuationToken")):
            return UNENDED
        keys = [str(entry["Key"]) for entry in entries]
        if len(set(keys)) < len(keys):
            return "it has a name twice"
        return next(filter(None, (self._problem_of_name(key, requested) for key in keys)), "")

    def _problem_of_name(self, key: str, requested: str) -> str:
        if not key.startswith(requested):
            return f"{key!r} does not begin with {requested!r}"
        name = key[len(self._prefix) :].rstrip("/")  # some servers list folders
        try:
            if name:
                checked_name(name)
        except Rejected:
            return f"{key!r} is not a name"
        return ""
