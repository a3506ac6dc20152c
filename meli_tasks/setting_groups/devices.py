"""Settings of training runs on several devices and machines."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings

from meli_tasks.setting_types import Rendezvous


class DeviceSettings(BaseSettings):
    """Settings of training runs on several devices and machines; `Settings` has all of them."""

    devices: int = Field(
        1, ge=1, le=64, alias="MELI_DEVICES", description="devices of each machine that train one set together"
    )
    nodes: int = Field(1, ge=1, le=64, alias="MELI_NODES", description="machines that train one set together")
    rendezvous: Rendezvous = Field(
        "",
        alias="MELI_RENDEZVOUS",
        description="host:port at which MELI_NODES machines meet; the one that runs the task listens there",
    )
    search_workers: int = Field(
        1,
        ge=1,
        le=64,
        alias="MELI_SEARCH_WORKERS",
        description="tasks of Airflow that run the trials of one search at a time, a slot of the pool gpu each",
    )
