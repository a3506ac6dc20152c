"""Settings of the HTTP service."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings

from meli_tasks.setting_types import WebAddress


class ServingSettings(BaseSettings):
    """Settings of the HTTP service; `Settings` has all of them."""

    serving_url: WebAddress = Field(
        "",
        alias="MELI_SERVING_URL",
        description="address of an HTTP service of your own that answers POST /predict; `meli predict` sends it single "
        "titles",
    )
