"""The pages inside Airflow: Models in the navigation, a tab on each run, the learning curves of a training.

Every task process imports this file, so it loads nothing. The api-server creates the web application behind the pages
at the first request.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from airflow.plugins_manager import AirflowPlugin
from meli_airflow.promotion_right import PromotionRight

Message = MutableMapping[str, Any]
PREFIX = "/meli"
# Relative to the page's base address, so it also works if Airflow is served under a path.
BUNDLE = f"{PREFIX.lstrip('/')}/static/pages.js"


class LazyApplication:
    """An ASGI application that is loaded at its first request."""

    def __init__(self) -> None:
        self._loaded: Callable[..., Awaitable[None]] | None = None

    async def __call__(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        """Pass the request on to the application, loading it first if necessary."""
        if self._loaded is None:
            import asyncio

            # In a thread: loading takes a second, and other requests must not wait for it.
            self._loaded = await asyncio.to_thread(_load)
        await self._loaded(scope, receive, send)


def _load() -> Callable[..., Awaitable[None]]:
    from meli_airflow.application import application

    return application()


def page(name: str, route: str, destination: str, icon: str, **more: bool) -> dict[str, str | bool]:
    """A React app. Airflow looks for the component under the app's name, where the bundle puts it."""
    images = {"icon": f"meli/static/{icon}.svg", "icon_dark_mode": f"meli/static/{icon}_dark.svg"}
    return {
        "name": name, "bundle_url": BUNDLE, "destination": destination, "url_route": route, **images, **more,
    }  # fmt: skip


class MeliPages(AirflowPlugin):
    """The pages, and the application that answers them."""

    name = "meli_pages"
    fastapi_apps = [{"app": LazyApplication(), "url_prefix": PREFIX, "name": "meli"}]  # noqa: RUF012 - Airflow reads a list
    fastapi_root_middlewares = [{"middleware": PromotionRight, "name": "meli_promotion"}]  # noqa: RUF012
    react_apps = [  # noqa: RUF012
        page("Models", "models", "nav", "models", nav_top_level=True),
        page("Result", "meli_run", "dag_run", "models"),
        page("Learning curves", "meli_training", "task_instance", "curves"),
    ]
