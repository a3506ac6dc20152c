"""Settings of what is sent to MLflow, beside its address."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings


class TrackingSettings(BaseSettings):
    """Settings of tracking; `Settings` has all of them."""

    mlflow_user: str = Field(
        "", alias="MLFLOW_TRACKING_USERNAME", description="user that signs in to MLflow, if it requires that"
    )
    mlflow_password: str = Field("", alias="MLFLOW_TRACKING_PASSWORD", repr=False, description="that user's password")
    mlflow_seconds: float = Field(
        10.0,
        ge=0,
        le=3_600,
        allow_inf_nan=False,
        alias="MELI_MLFLOW_SECONDS",
        description="seconds that a task waits for a slow MLflow; what is not sent by then is sent later",
    )
