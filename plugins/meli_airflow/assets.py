"""The champion and the ingested titles as Airflow assets.

A task with an asset among its outlets sends an event whenever it succeeds, also when nothing changed. So a task without
news takes the asset out of its outlets while it runs: docs/adr/0034-assets.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset, get_current_context

if TYPE_CHECKING:
    from meli_tasks.planning.asset_events import ChampionChanged, TitlesIngested

# The scheme begins with x-, so no provider of Airflow takes the address for one of its own.
CHAMPION = Asset(name="meli_champion", uri="x-meli://champion")
TITLES = Asset(name="meli_titles", uri="x-meli://titles")


def send(asset: Asset, event: ChampionChanged | TitlesIngested | None) -> None:
    """Send an event of the asset, an outlet of the running task, when it succeeds; none if nothing changed."""
    context: Any = get_current_context()
    if event is None:
        running = context["ti"].task
        running.outlets = [outlet for outlet in running.outlets if outlet != asset]
    else:
        context["outlet_events"][asset].extra = event.extra()
