"""Settings of sources: which ones may be named, and how much one may take."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings

from meli_tasks.allowed_addresses import AllowedAddresses
from meli_tasks.rowfiles.limits import ReadingLimits
from meli_tasks.setting_types import Prefixes


class SourceSettings(BaseSettings):
    """Settings of sources; `Settings` has all of them."""

    sources: Prefixes = Field(
        "",
        alias="MELI_SOURCES",
        description="prefixes of the addresses that runs may name, such as s3://bucket/titles/ https:// /data, or any; "
        "empty for s3:// and https:// in Airflow, and for any on the command line",
    )
    source_gigabytes: float = Field(
        200.0,
        gt=0,
        le=100_000,
        allow_inf_nan=False,
        alias="MELI_SOURCE_GB",
        description="GB that the files of a source may have together, and each of them decompressed",
    )
    source_files: int = Field(
        100_000, ge=1, le=10_000_000, alias="MELI_SOURCE_FILES", description="files that a source may have"
    )
    source_rows: int = Field(
        500_000_000, ge=1, alias="MELI_SOURCE_ROWS", description="rows that a file of a source may have"
    )
    source_batch_mb: int = Field(
        1_000,
        ge=1,
        le=1_000_000,
        alias="MELI_SOURCE_BATCH_MB",
        description="MB of memory that the rows of a Parquet file which are read together may take",
    )
    source_hours: float = Field(
        4.0,
        gt=0,
        le=24,
        allow_inf_nan=False,
        alias="MELI_SOURCE_HOURS",
        description="hours in which a source behind http:// or https:// must be downloaded",
    )

    @property
    def allowed_addresses(self) -> AllowedAddresses:
        """The addresses that may be named."""
        return AllowedAddresses.parse(self.sources)

    @property
    def source_bytes(self) -> int:
        """The bytes that a source may have."""
        return int(self.source_gigabytes * 1e9)

    @property
    def reading_limits(self) -> ReadingLimits:
        """What a file may take while it is read."""
        return ReadingLimits(self.source_bytes, self.source_rows, self.source_batch_mb * 1_000_000)
