"""Settings of monitoring."""

from __future__ import annotations

from pydantic_settings import BaseSettings


class MonitoringSettings(BaseSettings):
    """Settings of monitoring; `Settings` has all of them."""
