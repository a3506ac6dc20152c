"""The pages of the store, as a dependency of the routes."""

from __future__ import annotations

import threading
from typing import Annotated, Any

from fastapi import Depends

from meli_tasks.pages import Pages
from meli_tasks.settings import Settings

JsonBody = dict[str, Any]
"""The JSON object that a route returns to the pages' JavaScript."""


class StorePages:
    """The pages of the store, opened at the first request and kept because they cache what they read."""

    def __init__(self) -> None:
        self._pages: Pages | None = None
        self._lock = threading.Lock()

    def __call__(self) -> Pages:
        """The pages."""
        with self._lock:
            self._pages = self._pages or Pages.of(Settings.from_environment())
            return self._pages


PagesOfStore = Annotated[Pages, Depends(StorePages())]
