"""Settings of monitoring."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings

from meli_tasks.concealed import Concealed
from meli_tasks.schedule import Schedule
from meli_tasks.setting_types import Nightly


class MonitoringSettings(BaseSettings):
    """Settings of monitoring; `Settings` has all of them."""

    monitoring_schedule: Nightly = Field(
        "none",
        alias="MELI_MONITORING_SCHEDULE",
        description="cron expression of nightly monitoring and its time zone (default UTC); none disables it",
    )
    monitoring_titles: int = Field(
        20_000,
        ge=100,
        le=1_000_000,
        alias="MELI_MONITORING_TITLES",
        description="titles of a run that monitoring classifies; a random sample if there are more",
    )
    monitoring_nights: int = Field(
        3_650,
        ge=1,
        le=1_000_000,
        alias="MELI_MONITORING_NIGHTS",
        description="nights in which monitoring may give one false alarm; fewer nights make it more sensitive",
    )
    monitoring_labels: Concealed = Field(
        "",
        alias="MELI_MONITORING_LABELS",
        description="files with labels of titles that were scored earlier, such as s3://bucket/labels/: title and "
        "category, or category and one other column of the scored files; later runs' labels are always used",
    )
    monitoring_retrain: Literal["off", "advise", "trigger"] = Field(
        "off",
        alias="MELI_MONITORING_RETRAIN",
        description="what follows from a change: nothing, advice in the notification, or also a run of meli_training",
    )

    @property
    def monitoring_cron(self) -> str | None:
        """The cron expression of nightly monitoring; None if it is disabled."""
        return Schedule.split(self.monitoring_schedule).cron

    @property
    def monitoring_timezone(self) -> str:
        """The time zone of the cron expression."""
        return Schedule.split(self.monitoring_schedule).timezone
