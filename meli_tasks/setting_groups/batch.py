"""Settings of batch prediction."""

from __future__ import annotations

from pydantic_settings import BaseSettings


class BatchSettings(BaseSettings):
    """Settings of batch prediction; `Settings` has all of them."""
