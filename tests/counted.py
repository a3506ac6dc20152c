"""Counts the requests to a folder as those that S3 would need, whoever opens the store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import pytest

from meli_tasks.store.file import FileStore
from meli_tasks.store.protocol import PAGE

ONE = ("read", "write", "upload", "download", "delete", "size", "page")
LISTINGS = ("names", "objects")


@contextmanager
def counted() -> Iterator[Counter[str]]:
    """How often each method of every folder is called; a listing counts as many times as it has pages."""
    calls: Counter[str] = Counter()
    inside: ContextVar[bool] = ContextVar("inside")

    def counting(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            if inside.get(False):  # a folder calls its own methods, which are no requests of their own
                return method(*args, **kwargs)
            token = inside.set(True)
            try:
                found = method(*args, **kwargs)
            finally:
                inside.reset(token)
            if name in LISTINGS:
                found = list(found)
                calls[name] += max(1, -(-len(found) // PAGE))
            else:
                calls[name] += 1
            return found

        return call

    with pytest.MonkeyPatch.context() as patch:
        for name in (*ONE, *LISTINGS):
            patch.setattr(FileStore, name, counting(name, getattr(FileStore, name)))
        yield calls
