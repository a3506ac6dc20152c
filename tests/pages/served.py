"""The pages as the web application serves them: JSON objects."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel

from meli_tasks.pages import Pages
from meli_tasks.store import Store


class ServedPages:
    """Calls a method of `Pages`, and gives what a browser gets."""

    def __init__(self, store: Store) -> None:
        self.pages = Pages(store)

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.pages, name)

        def served(*args: Any) -> Any:
            page = method(*args)
            return json.loads(page.model_dump_json()) if isinstance(page, BaseModel) else page

        return served
