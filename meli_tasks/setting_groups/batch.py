"""Settings of batch prediction."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings

from meli_tasks.concealed import Concealed
from meli_tasks.schedule import Schedule
from meli_tasks.setting_types import Nightly


class BatchSettings(BaseSettings):
    """Settings of batch prediction; `Settings` has all of them."""

    batch_source: Concealed = Field(
        "",
        alias="MELI_BATCH_SOURCE",
        description="files that batch prediction scores if a run names none, such as s3://bucket/titles/{ds}/",
    )
    batch_output: Concealed = Field(
        "",
        alias="MELI_BATCH_OUTPUT",
        description="folder or s3:// prefix for copies of the results; beside for a folder _scored beside the files; "
        "store or empty to keep them in the store only",
    )
    batch_schedule: Nightly = Field(
        "none",
        alias="MELI_BATCH_SCHEDULE",
        description="cron expression of batch prediction and its time zone (default UTC); none disables it",
    )
    batch_after_promotion: bool = Field(
        False,
        alias="MELI_BATCH_AFTER_PROMOTION",
        description="whether batch prediction runs whenever the champion changes",
    )
    batch_part_mb: int = Field(
        256,
        ge=1,
        le=100_000,
        alias="MELI_BATCH_PART_MB",
        description="megabytes of a Parquet file that a task of batch prediction scores; larger files are divided",
    )

    @property
    def batch_cron(self) -> str | None:
        """The cron expression of batch prediction; None if it is disabled."""
        return Schedule.split(self.batch_schedule).cron

    @property
    def batch_timezone(self) -> str:
        """The time zone of the cron expression."""
        return Schedule.split(self.batch_schedule).timezone
