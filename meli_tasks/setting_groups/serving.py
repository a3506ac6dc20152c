"""Settings of the HTTP service."""

from __future__ import annotations

from pydantic_settings import BaseSettings


class ServingSettings(BaseSettings):
    """Settings of the HTTP service; `Settings` has all of them."""
