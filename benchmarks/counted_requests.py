"""Counts the requests that a folder's methods would send if it were S3."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

from meli_tasks.store import Store
from meli_tasks.store.protocol import PAGE

ONE = ("read", "write", "upload", "download", "delete", "size", "page")
LISTINGS = ("names", "objects")


def count_requests(store: Store) -> Counter[str]:
    """Count the requests to this store object from now on, by kind; a listing by its pages."""
    requests: Counter[str] = Counter()
    inside = threading.local()

    def counting(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            if getattr(inside, "one", False):  # a store calls its own methods, which are no requests of their own
                return method(*args, **kwargs)
            inside.one = True
            try:
                found = method(*args, **kwargs)
                found = list(found) if name in LISTINGS else found
            finally:
                inside.one = False
            requests[name] += max(1, -(-len(found) // PAGE)) if name in LISTINGS else 1
            return found

        return call

    for name in (*ONE, *LISTINGS):
        setattr(store, name, counting(name, getattr(store, name)))
    return requests
