"""Tells Airflow whom to call when a run has failed. Every task loads this file, so it stays small."""

from __future__ import annotations

from typing import ClassVar

from airflow.plugins_manager import AirflowPlugin
from meli_airflow import listeners as backfills


class MeliBackfills(AirflowPlugin):
    """The listener that ends a cancelled backfill's runs."""

    name = "meli_backfills"
    listeners: ClassVar = [backfills]
