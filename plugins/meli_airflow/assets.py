"""The champion and the ingested titles as Airflow assets.

A task with an asset among its outlets sends an event whenever it succeeds, also when nothing changed. So the outlets of
our tasks are aliases, through which a task sends an event of the asset only if it adds one: docs/adr/0034-assets.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset, AssetAlias, get_current_context

if TYPE_CHECKING:
    from meli_tasks.planning.asset_events import ChampionChanged, TitlesIngested

# The scheme begins with x-, so no provider of Airflow takes the address for one of its own.
CHAMPION = Asset(name="meli_champion", uri="x-meli://champion")
TITLES = Asset(name="meli_titles", uri="x-meli://titles")

CHAMPION_CHANGES = AssetAlias(name="meli_champion_changes")
TITLES_INGESTED = AssetAlias(name="meli_titles_ingested")


def send(alias: AssetAlias, asset: Asset, event: ChampionChanged | TitlesIngested | None) -> None:
    """Send an event of the asset when the running task succeeds; none if nothing changed."""
    if event is not None:
        context: Any = get_current_context()
        context["outlet_events"][alias].add(asset, extra=event.extra())
