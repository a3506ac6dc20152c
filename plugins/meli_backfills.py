"""Registers what backfills need of Airflow. Every task loads this file, so it stays small."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin
from meli_airflow import listeners
from meli_airflow.priority import BackfillsLast


class MeliBackfills(AirflowPlugin):
    """The listener that ends a cancelled backfill's runs, and the rule that lets other runs go first."""

    name = "meli_backfills"
    listeners = [listeners]  # noqa: RUF012 - Airflow reads a list
    priority_weight_strategies = [BackfillsLast]  # noqa: RUF012
