"""Settings: where things are. Read from the environment a single time; nothing else in the project reads it.

`make demo` writes what its stack uses into `.meli/environment` (KEY=VALUE lines). The environment overrides that file;
a variable set to the empty string overrides it with the default.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict
from typing_extensions import override

from meli_tasks.allowed_addresses import IN_AIRFLOW
from meli_tasks.concealed import Concealed, conceal
from meli_tasks.core.errors import BadSettings
from meli_tasks.redaction import remember, secrets_of, without_credentials
from meli_tasks.schedule import Schedule
from meli_tasks.setting_groups.batch import BatchSettings
from meli_tasks.setting_groups.devices import DeviceSettings
from meli_tasks.setting_groups.monitoring import MonitoringSettings
from meli_tasks.setting_groups.serving import ServingSettings
from meli_tasks.setting_groups.sources import SourceSettings
from meli_tasks.setting_groups.storage import StorageSettings
from meli_tasks.setting_groups.tracking import TrackingSettings
from meli_tasks.setting_types import (
    Endpoint,
    MailAddresses,
    MailServerAddress,
    Nightly,
    PublicAddress,
    RegisteredName,
    SecretAddresses,
    SetNames,
    StoreAddress,
    WebAddress,
    credentials,
)

if TYPE_CHECKING:
    from meli_tasks.store import Store

logger = logging.getLogger("meli_tasks")

# Where a store is and how to sign in to it: these are useful only together, so all come from one place.
OF_THE_STORE = ("MELI_S3_ENDPOINT", "AWS_ENDPOINT_URL_S3", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
# MLflow's registry follows the ledger of one store. A run with another store moved the alias of the demo's champion.
# And the service answers with the champion of one store.
OF_MLFLOW = ("MLFLOW_TRACKING_URI", "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD")
AIRFLOW_SIGN_IN = ("MELI_AIRFLOW_USER", "MELI_AIRFLOW_PASSWORD", "airflow_user", "airflow_password")
FOLLOWS_THE_STORE = (
    *OF_MLFLOW,
    "MELI_MLFLOW_URL",
    "MELI_REGISTERED_MODEL",
    "MELI_SERVING_URL",
    "MELI_SERVING_KEY",
)
RENAMED = {"MELI_GPUS": "MELI_DEVICES", "MELI_CARDS": "MELI_DEVICES"}
"""Variables of earlier versions under other names; they are still read."""
MINUTES_A_YEAR = 525_600
DEFAULT_REGISTERED_MODEL = "meli-title-classifier"
DEFAULT_SOURCE = "sample:rows=20000,seed=1"


class Settings(
    DeviceSettings,
    MonitoringSettings,
    ServingSettings,
    BatchSettings,
    StorageSettings,
    TrackingSettings,
    SourceSettings,
):
    """Every setting, with the environment variable it comes from as its alias.

    `Settings(...)` holds what its arguments say; only `from_environment` reads variables.
    """

    model_config = SettingsConfigDict(extra="ignore", frozen=True, populate_by_name=True)

    store: StoreAddress = Field(
        "", alias="MELI_STORE", description="where artifacts live: s3://bucket/prefix or file:///folder"
    )
    s3_endpoint: Endpoint = Field("", alias="MELI_S3_ENDPOINT", description="URL of an S3 server other than AWS")
    access_key: str = Field(
        "", alias="AWS_ACCESS_KEY_ID", repr=False, description="S3 key; if empty, boto3 looks for one"
    )
    secret_key: str = Field("", alias="AWS_SECRET_ACCESS_KEY", repr=False, description="S3 secret")
    mlflow_uri: WebAddress = Field(
        "", alias="MLFLOW_TRACKING_URI", description="MLflow server; empty or none for no tracking"
    )
    mlflow_pages: PublicAddress = Field(
        "", alias="MELI_MLFLOW_URL", description="MLflow's address for browsers, if not MLFLOW_TRACKING_URI"
    )
    registered_model: RegisteredName = Field(
        DEFAULT_REGISTERED_MODEL,
        alias="MELI_REGISTERED_MODEL",
        description="name of the champion's registered model in MLflow; stores that share a server need different ones",
    )
    source: Concealed = Field(DEFAULT_SOURCE, alias="MELI_SOURCE", description="titles to train on if a run names none")
    addresses: SecretAddresses = Field(
        "",
        alias="MELI_ADDRESSES",
        repr=False,
        description="addresses with passwords or signatures, separated by spaces; runs name them as pages display "
        "them: https://...@host/titles.csv?...",
    )
    sets: SetNames = Field(
        "mlp,cnn", alias="MELI_SETS", description="sets to train if a run names none, comma-separated"
    )
    cache: Path = Field(Path(".meli/cache"), alias="MELI_CACHE", description="folder of fetched artifacts")
    cache_gigabytes: float = Field(
        20.0, gt=0, allow_inf_nan=False, alias="MELI_CACHE_GB", description="size in GB above which the cache is pruned"
    )
    airflow_url: WebAddress = Field(
        "", alias="MELI_AIRFLOW_URL", description="Airflow's address, for links and the commands"
    )
    airflow_user: str = Field(
        "", alias="MELI_AIRFLOW_USER", description="Airflow user of `meli doctor` and `meli backfill`"
    )
    airflow_password: str = Field("", alias="MELI_AIRFLOW_PASSWORD", repr=False, description="that user's password")
    schedule: Nightly = Field(
        "0 3 * * * America/Argentina/Buenos_Aires",
        alias="MELI_SCHEDULE",
        description="cron expression of the nightly retraining and its time zone (default UTC); none disables it",
    )
    slots: int = Field(
        1, ge=1, le=64, alias="MELI_SLOTS", description="concurrent training runs: the slots of the Airflow pool gpu"
    )
    threads: int = Field(
        0, ge=0, le=1024, alias="MELI_THREADS", description="threads per training run; 0 for cores / MELI_SLOTS"
    )
    device: Literal["auto", "cpu", "cuda"] = Field("auto", alias="MELI_DEVICE", description="where models are trained")
    retry_hours: float = Field(
        6.0,
        ge=0,
        le=20,
        allow_inf_nan=False,
        alias="MELI_RETRY_HOURS",
        description="hours for which a task is retried while a store, a disk or a role's keys are unavailable",
    )
    wait_hours: float = Field(
        0.0,
        ge=0,
        le=72,
        allow_inf_nan=False,
        alias="MELI_WAIT_HOURS",
        description="hours for which a run waits for files of its day, {ds} in the source; 0 fails at once",
    )
    empty_days: Literal["fail", "skip"] = Field(
        "fail",
        alias="MELI_EMPTY_DAYS",
        description="how a run of Airflow's own backfill ends if its day has no files; such a run does not wait",
    )
    approval_hours: float = Field(
        12.0,
        gt=0,
        le=72,
        allow_inf_nan=False,
        alias="MELI_APPROVAL_HOURS",
        description="hours for which a run waits for a person to approve a model; then the champion stays",
    )
    webhook: WebAddress = Field(
        "", alias="MELI_WEBHOOK", repr=False, description="Slack-compatible webhook that notifications go to"
    )
    email: MailAddresses = Field(
        "", alias="MELI_EMAIL", description="e-mail addresses that notifications go to, comma-separated"
    )
    smtp: MailServerAddress = Field(
        "",
        alias="MELI_SMTP",
        repr=False,
        description="mail server: smtp://user:password@host:587 (STARTTLS) or smtps://user:password@host:465",
    )
    email_from: MailAddresses = Field(
        "", alias="MELI_EMAIL_FROM", description="sender of e-mails; empty for MELI_SMTP's user"
    )
    notify: Literal["always", "changes", "failures"] = Field(
        "changes", alias="MELI_NOTIFY", description="which runs are reported: `changes` means promoted, failed or late"
    )
    deadline_minutes: float = Field(
        240.0,
        ge=0,
        le=MINUTES_A_YEAR,
        allow_inf_nan=False,
        alias="MELI_DEADLINE_MINUTES",
        description="minutes before a run is reported as late; 0 disables it",
    )

    @classmethod
    @override
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)

    @field_validator("mlflow_uri", mode="before")
    @classmethod
    def _none_is_no_tracking(cls, uri: str) -> str:
        return "" if uri.strip().lower() == "none" else uri

    @model_validator(mode="before")
    @classmethod
    def _sign_in_of_airflow(cls, values: Any) -> Any:
        """A user and password in Airflow's address are those of its two variables: the address itself is displayed."""
        name = "MELI_AIRFLOW_URL" if "MELI_AIRFLOW_URL" in values else "airflow_url"
        url = str(values.get(name) or "")
        if "@" not in url:
            return values
        try:
            user, password = credentials(url)
        except ValueError:
            return values  # the address's own check says what is wrong
        given = values.get("MELI_AIRFLOW_USER") or values.get("airflow_user")
        sign_in = {} if given else {"airflow_user": user, "airflow_password": password}
        return {
            **{key: value for key, value in values.items() if not sign_in or key not in AIRFLOW_SIGN_IN},
            **sign_in,
            name: without_credentials(url),
        }

    @model_validator(mode="after")
    def _remember_secrets(self) -> Self:
        """Let errors and logs of others be without them. The id of a key is none: messages name it."""
        texts = {name: value for name in type(self).model_fields if isinstance(value := getattr(self, name), str)}
        found = [secret for value in texts.values() if "://" in value for secret in secrets_of(value)]
        found += [self.secret_key, self.airflow_password, self.serving_key, *self.serving_keys.split(",")]
        found.append(self.webhook.partition("://")[2].partition("/")[2])
        for secret in filter(None, found):
            remember(secret)
        return self

    @override
    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        for name, value in super().__repr_args__():
            yield name, conceal(value) if isinstance(value, str) else value

    @property
    def cron(self) -> str | None:
        """The cron expression of the nightly retraining; None if it is disabled."""
        return Schedule.split(self.schedule).cron

    @property
    def timezone(self) -> str:
        """The time zone of the cron expression, and of the dates that runs are for."""
        return Schedule.split(self.schedule).timezone

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Settings:
        """Read the settings from the environment and from the file that the demo's stack wrote.

        Args:
            environment: Read instead of this process's environment.

        Raises:
            BadSettings: a variable holds a value that is not allowed; the message names each one.
        """
        variables = _renamed(os.environ if environment is None else environment)
        written = _renamed(_written_by_the_stack(variables))
        # The demo's keys must not go to another store, nor another store's keys to the demo's.
        if variables.get("MELI_STORE"):
            written = _without(written, *OF_THE_STORE, *FOLLOWS_THE_STORE)
        elif "MELI_STORE" in written and "MELI_STORE" not in variables:
            variables = _without(variables, *OF_THE_STORE)
        # Nor the demo's password for MLflow to another one.
        if variables.get("MLFLOW_TRACKING_URI"):
            written = _without(written, *OF_MLFLOW)
        values = {**_Variables(cls, written)(), **_Variables(cls, variables)()}
        values["MELI_S3_ENDPOINT"] = values.get("MELI_S3_ENDPOINT") or {**written, **variables}.get(
            "AWS_ENDPOINT_URL_S3", ""
        )
        try:
            return cls(**{name: value for name, value in values.items() if str(value).strip()})
        except ValidationError as error:
            wrong = "; ".join(map(_problem, error.errors(include_url=False)))
            raise BadSettings(f"These settings cannot be used: {wrong}. Correct them in the environment.") from None

    def for_tasks(self) -> Settings:
        """The settings of tasks, whose sources are named by whoever may trigger a run."""
        return self if self.sources else self.model_copy(update={"sources": IN_AIRFLOW})

    def open_store(self) -> Store:
        """Open the artifact store.

        Raises:
            BadSettings: MELI_STORE is empty or of an unknown kind.
        """
        if not self.store:
            raise BadSettings(
                "MELI_STORE is not set. It is the address of the store, e.g. s3://bucket/prefix or file:///data/meli. "
                "`make demo` starts a store of its own, keeps its data from one start to the next, and writes its "
                "address to .meli/environment."
            )
        return self.store_at(self.store)

    def store_at(self, url: str) -> Store:
        """Open a store at another URL with the keys of these settings."""
        from meli_tasks.store import open_store

        return open_store(
            url,
            s3_endpoint=self.s3_endpoint or None,
            s3_client=self.s3_client,
            s3_retry_seconds=self.s3_retry_seconds,
        )

    def s3_client(self, endpoint: str | None) -> Any:
        """Return a boto3 client for an S3 endpoint (None for AWS) with the keys of these settings."""
        from meli_tasks.store.s3_client import client

        return client(endpoint, access_key=self.access_key or None, secret_key=self.secret_key or None)

    def training_threads(self) -> int:
        """Threads that one training run may use: the setting, or an equal part of the cores."""
        return self.threads or max(1, cores() // self.slots)


def _problem(error: ErrorDetails) -> str:
    """A variable, its value without what is secret, and what is wrong with it."""
    name = str(error["loc"][0])
    secret = any(name == field.alias and not field.repr for field in Settings.model_fields.values())
    value = conceal(str(error["input"]))
    return f"{name}{'' if secret else f'={value!r}'}: {error['msg'].removeprefix('Value error, ')}"


def cores() -> int:
    """Cores that this process may use, or those of the machine where the system has no affinity (macOS)."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def home(environment: Mapping[str, str] | None = None) -> Path:
    """The folder in which the demo's stack keeps everything."""
    return named_home(environment) or Path(".meli")


def named_home(environment: Mapping[str, str] | None = None) -> Path | None:
    """The folder that MELI_HOME names; None if it is not set, or to nothing."""
    named = (os.environ if environment is None else environment).get("MELI_HOME", "").strip()
    return Path(named) if named else None


class _Variables(EnvSettingsSource):
    """The settings among some variables, instead of among this process's environment."""

    def __init__(self, settings: type[BaseSettings], variables: Mapping[str, str]) -> None:
        super().__init__(settings, case_sensitive=True)
        self.env_vars = variables


def _renamed(variables: Mapping[str, str]) -> dict[str, str]:
    """The variables under their current names; where both names are set, the current one counts."""
    for old, new in RENAMED.items():
        if old in variables:
            _warn_of_old_name(old, new)
    return {
        RENAMED.get(name, name): variables[name] for name in sorted(variables, key=lambda name: name not in RENAMED)
    }


@cache
def _warn_of_old_name(old: str, new: str) -> None:
    logger.warning("The environment variable %s is deprecated: it is called %s now.", old, new)


def _without(variables: Mapping[str, str], *names: str) -> dict[str, str]:
    return {name: value for name, value in variables.items() if name not in names}


def _written_by_the_stack(environment: Mapping[str, str]) -> dict[str, str]:
    # Not by python-dotenv, as pydantic-settings would: the values are written as they are, and it would take a `#` for
    # a comment and `${` for a variable.
    file = home(environment) / "environment"
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, PermissionError):
        return {}
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
