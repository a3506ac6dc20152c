"""Registers the listener that ends a cancelled backfill's runs. Every task loads this file, so it stays small."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin
from meli_airflow import listeners


class MeliBackfills(AirflowPlugin):
    """The listener that ends a cancelled backfill's runs."""

    name = "meli_backfills"
    listeners = [listeners]  # noqa: RUF012 - Airflow reads a list
