"""Settings of the store, beside its address and keys."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings


class StorageSettings(BaseSettings):
    """Settings of the store; `Settings` has all of them."""

    s3_retry_seconds: float = Field(
        30.0,
        ge=0,
        le=3_600,
        allow_inf_nan=False,
        alias="MELI_S3_RETRY_SECONDS",
        description="seconds for which a request to S3 is tried again while the server fails; 0 for a single try",
    )
