"""Settings: where things are. Read once from the environment; nothing else in the project reads it.

`make demo` writes what its stack uses into `.meli/environment` (KEY=VALUE lines); those are defaults, the
environment wins.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from meli_tasks.core.errors import BadSettings

if TYPE_CHECKING:
    from meli_tasks.store import Store

# What says where a store is and how to get in: useful only together.
OF_THE_STORE = ("MELI_S3_ENDPOINT", "AWS_ENDPOINT_URL_S3", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
CRON_FIELDS = 5
DEFAULT_SOURCE = "sample:rows=20000,seed=1"


class Settings(BaseModel):
    """Every setting, with the environment variable it comes from as its alias."""

    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True)

    store: str = Field("", alias="MELI_STORE", description="where artifacts live: s3://bucket/prefix or file:///folder")
    s3_endpoint: str = Field("", alias="MELI_S3_ENDPOINT", description="URL of an S3 server that is not AWS")
    access_key: str = Field("", alias="AWS_ACCESS_KEY_ID", repr=False, description="S3 key; empty lets boto3 search")
    secret_key: str = Field("", alias="AWS_SECRET_ACCESS_KEY", repr=False, description="S3 secret")
    mlflow_uri: str = Field("", alias="MLFLOW_TRACKING_URI", description="MLflow server; empty for no tracking")
    mlflow_pages: str = Field(
        "", alias="MELI_MLFLOW_URL", description="MLflow's address for browsers, if MLFLOW_TRACKING_URI is another"
    )
    source: str = Field(DEFAULT_SOURCE, alias="MELI_SOURCE", description="titles to train on when a run names none")
    sets: str = Field("mlp,cnn", alias="MELI_SETS", description="sets to train when a run names none, comma-separated")
    cache: Path = Field(Path(".meli/cache"), alias="MELI_CACHE", description="folder of fetched artifacts")
    cache_gigabytes: float = Field(20.0, gt=0, alias="MELI_CACHE_GB", description="size the cache is pruned to")
    airflow_url: str = Field("", alias="MELI_AIRFLOW_URL", description="Airflow's address, for links and the doctor")
    airflow_user: str = Field("", alias="MELI_AIRFLOW_USER", description="Airflow user, for the doctor")
    airflow_password: str = Field("", alias="MELI_AIRFLOW_PASSWORD", repr=False, description="that user's password")
    schedule: str = Field(
        "0 3 * * * America/Argentina/Buenos_Aires",
        alias="MELI_SCHEDULE",
        description="cron of the nightly retraining and its time zone (UTC unless named); 'none' for none",
    )
    slots: int = Field(
        1, ge=1, le=64, alias="MELI_SLOTS", description="trainings that run at once: the pool gpu's size"
    )
    threads: int = Field(0, ge=0, le=1024, alias="MELI_THREADS", description="threads a training; 0 for cores / slots")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", alias="MELI_DEVICE", description="where trainings run")
    cards: int = Field(1, ge=1, le=64, alias="MELI_CARDS", description="cards that train one set together")
    webhook: str = Field(
        "", alias="MELI_WEBHOOK", repr=False, description="Slack-compatible webhook that notifications go to"
    )
    email: str = Field("", alias="MELI_EMAIL", description="e-mail addresses that notifications go to, comma-separated")
    smtp: str = Field(
        "",
        alias="MELI_SMTP",
        repr=False,
        description="mail server: smtp://user:password@host:587 (STARTTLS) or smtps://user:password@host:465",
    )
    email_from: str = Field(
        "", alias="MELI_EMAIL_FROM", description="sender of the e-mails; empty for MELI_SMTP's user"
    )
    notify: Literal["always", "changes", "failures"] = Field(
        "changes", alias="MELI_NOTIFY", description="of which runs: `changes` leaves out those that changed nothing"
    )
    deadline_minutes: float = Field(
        240.0,
        ge=0,
        alias="MELI_DEADLINE_MINUTES",
        description="minutes after which a run is told of as late; 0 for never",
    )

    @field_validator("schedule")
    @classmethod
    def _cron_and_zone(cls, schedule: str) -> str:
        cron, zone = _split(schedule)
        if cron != "none" and not cron.startswith("@") and len(cron.split()) != CRON_FIELDS:
            raise ValueError(
                f"{cron!r} is no cron: it has {CRON_FIELDS} fields, as in '0 3 * * * America/Sao_Paulo', or is 'none'"
            )
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"no time zone is named {zone!r}; a name such as America/Sao_Paulo is needed") from error
        return schedule

    @property
    def cron(self) -> str | None:
        """The cron expression of the nightly retraining; None for none."""
        cron, _ = _split(self.schedule)
        return None if cron == "none" else cron

    @property
    def timezone(self) -> str:
        """The time zone of the cron, and of the days that runs are for."""
        return _split(self.schedule)[1]

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Settings:
        """Read the settings.

        Raises:
            BadSettings: a variable holds what it may not; the message names each one.
        """
        given = dict(os.environ if environment is None else environment)
        written, told = _written_by_the_stack(given), {name: value for name, value in given.items() if value != ""}
        # The demo's keys must not go to another store, nor another store's keys to the demo's.
        without_a_store = written if "MELI_STORE" in told else told if "MELI_STORE" in written else {}
        for name in OF_THE_STORE:
            without_a_store.pop(name, None)
        values = {**written, **told}
        values.setdefault("MELI_S3_ENDPOINT", values.get("AWS_ENDPOINT_URL_S3", ""))
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            wrong = "; ".join(
                f"{e['loc'][0]}={e['input']!r}: {e['msg'].removeprefix('Value error, ')}" for e in error.errors()
            )
            raise BadSettings(f"These settings cannot be used: {wrong}. Correct them in the environment.") from None

    def open_store(self) -> Store:
        """Open the artifact store.

        Raises:
            BadSettings: MELI_STORE is empty or of an unknown kind.
        """
        from meli_tasks.store import open_store

        if not self.store:
            raise BadSettings(
                "MELI_STORE is not set: it says where artifacts live, e.g. s3://bucket/prefix or file:///data/meli. "
                "`make demo` starts a store of its own, or after `make stop` starts it again with its data, and "
                "remembers it in .meli/environment."
            )
        return open_store(self.store, s3_endpoint=self.s3_endpoint or None, s3_client=self.s3_client)

    def s3_client(self, endpoint: str | None) -> Any:
        """A boto3 client for an S3 endpoint (None for AWS) with these settings' keys."""
        from meli_tasks.store.s3 import client

        return client(endpoint, access_key=self.access_key or None, secret_key=self.secret_key or None)

    def training_threads(self) -> int:
        """Threads a training may use: what was set, or its share of the cores."""
        return self.threads or max(1, cores() // self.slots)


def _split(schedule: str) -> tuple[str, str]:
    """The cron, and the zone behind it."""
    words = schedule.split()
    if len(words) > 1 and (len(words) > CRON_FIELDS or words[0] == "none" or words[0].startswith("@")):
        return " ".join(words[:-1]), words[-1]
    return " ".join(words), "UTC"


def cores() -> int:
    """Cores that this process may use, where the system tells (macOS does not); else those of the machine."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def home(environment: Mapping[str, str] | None = None) -> Path:
    """The folder in which the demo's stack keeps everything."""
    return Path((os.environ if environment is None else environment).get("MELI_HOME", ".meli"))


def _written_by_the_stack(environment: Mapping[str, str]) -> dict[str, str]:
    file = home(environment) / "environment"
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, PermissionError):
        return {}
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
