"""Settings of the store, beside its address and keys."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings

from meli_tasks.schedule import Schedule
from meli_tasks.setting_types import Nightly


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
    prune_schedule: Nightly = Field(
        "none",
        alias="MELI_PRUNE_SCHEDULE",
        description="cron expression of nightly pruning and its time zone (default UTC); none disables it",
    )
    prune_gigabytes: float = Field(
        50.0,
        gt=0,
        allow_inf_nan=False,
        alias="MELI_PRUNE_GB",
        description="GB that one run of the DAG meli_prune deletes at most, the oldest first",
    )
    prune_keep_runs: int = Field(
        30, ge=1, le=1_000_000, alias="MELI_PRUNE_KEEP_RUNS", description="newest runs that pruning keeps"
    )
    prune_keep_days: int = Field(
        30, ge=0, le=36_500, alias="MELI_PRUNE_KEEP_DAYS", description="days whose runs pruning keeps"
    )
    prune_keep_versions: int = Field(
        3,
        ge=1,
        le=1_000_000,
        alias="MELI_PRUNE_KEEP_VERSIONS",
        description="newest models of each set that pruning keeps",
    )

    @property
    def prune_cron(self) -> str | None:
        """The cron expression of nightly pruning; None if it is disabled."""
        return Schedule.split(self.prune_schedule).cron

    @property
    def prune_timezone(self) -> str:
        """The time zone of the cron expression."""
        return Schedule.split(self.prune_schedule).timezone

    verify_schedule: Nightly = Field(
        "none",
        alias="MELI_VERIFY_SCHEDULE",
        description="cron expression of the check of everything stored and its time zone (default UTC); none disables "
        "it. It reads every byte of the store",
    )
    verify_repair: bool = Field(
        False,
        alias="MELI_VERIFY_REPAIR",
        description="whether that check also repairs what is damaged, which may train models",
    )

    @property
    def verify_cron(self) -> str | None:
        """The cron expression of the check; None if it is disabled."""
        return Schedule.split(self.verify_schedule).cron

    @property
    def verify_timezone(self) -> str:
        """The time zone of the cron expression."""
        return Schedule.split(self.verify_schedule).timezone
