"""Settings of the HTTP service, and of those who ask it."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings

from meli_tasks.setting_types import WebAddress


class ServingSettings(BaseSettings):
    """Settings of the HTTP service; `Settings` has all of them."""

    serving_url: WebAddress = Field(
        "",
        alias="MELI_SERVING_URL",
        description="address of a running `meli serve`; `meli predict` sends it single titles",
    )
    serving_key: str = Field(
        "",
        alias="MELI_SERVING_KEY",
        repr=False,
        description="API key that `meli predict` and `meli doctor` send to the service at MELI_SERVING_URL",
    )
    serving_host: str = Field(
        "127.0.0.1", alias="MELI_SERVING_HOST", description="address that `meli serve` listens on"
    )
    serving_port: int = Field(
        8900,
        ge=0,
        le=65_535,
        alias="MELI_SERVING_PORT",
        description="port that `meli serve` listens on; 0 for a free one",
    )
    serving_model: str = Field(
        "",
        alias="MELI_SERVING_MODEL",
        description="set or key of the model that `meli serve` answers with; empty for the champion, whichever it is",
    )
    serving_shadow: str = Field(
        "",
        alias="MELI_SERVING_SHADOW",
        description="set or key of a model that classifies the same titles in shadow; how often it agrees is recorded",
    )
    serving_keys: str = Field(
        "",
        alias="MELI_SERVING_KEYS",
        repr=False,
        description="API keys of `meli serve`, comma-separated; needed unless only this machine can connect",
    )
    serving_keys_file: Path | None = Field(
        None, alias="MELI_SERVING_KEYS_FILE", description="file with more such keys, one per line"
    )
    serving_refresh_seconds: float = Field(
        5.0,
        gt=0,
        le=3_600,
        allow_inf_nan=False,
        alias="MELI_SERVING_REFRESH_SECONDS",
        description="seconds after which `meli serve` looks for a new champion",
    )
    serving_max_titles: int = Field(
        10_000, ge=1, le=1_000_000, alias="MELI_SERVING_MAX_TITLES", description="titles in one request"
    )
    serving_max_body_mb: float = Field(
        8.0,
        gt=0,
        le=1_024,
        allow_inf_nan=False,
        alias="MELI_SERVING_MAX_BODY_MB",
        description="size in MB of one request",
    )
    serving_request_seconds: float = Field(
        10.0,
        gt=0,
        le=3_600,
        allow_inf_nan=False,
        alias="MELI_SERVING_REQUEST_SECONDS",
        description="seconds in which a client must have sent its request",
    )
    serving_queue: int = Field(
        50_000, ge=1, le=10_000_000, alias="MELI_SERVING_QUEUE", description="titles waiting; more are refused with 503"
    )
    serving_count_seconds: float = Field(
        300.0,
        ge=0,
        le=86_400,
        allow_inf_nan=False,
        alias="MELI_SERVING_COUNT_SECONDS",
        description="seconds after which `meli serve` stores counts of the titles that it answered, for monitoring; 0 "
        "for never",
    )
    serving_log_titles: bool = Field(
        False,
        alias="MELI_SERVING_LOG_TITLES",
        description="whether the access log of `meli serve`, and its counts for monitoring, contain titles",
    )
