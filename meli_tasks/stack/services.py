"""The services of the stack and their settings: an S3 server, MLflow, Airflow as four processes, and `meli serve`.

Each in its smallest real form: SQLite, one worker, LocalExecutor. All of it takes 1.7 GB of memory when idle.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from meli_tasks.airflow_client import AirflowApi
from meli_tasks.allowed_addresses import ANY
from meli_tasks.concealed import revealed
from meli_tasks.settings import Settings, cores
from meli_tasks.stack.home import CHECKOUT, Home, Secrets
from meli_tasks.stack.processes import Record, Service, read
from meli_tasks.stack.servers import (
    HOST,
    answers,
    free_port,
    mlflow_command,
    mlflow_environment,
    mlflow_ready,
    seaweed_command,
    seaweed_environment,
    seaweed_ports,
    seaweed_ready,
)

BUCKET = "meli"
TASKS_HEALTH = "/execution/health"
"""Where Airflow's api-server answers tasks: it builds that application at the first request, in 4 CPU-seconds."""
USER = "admin"
TRIGGERER = "airflow-triggerer"
DEFAULT_PORTS = {"s3": 8333, "mlflow": 5000, "airflow-api-server": 8080, "serving": 8900}
# Every run receives these in its own configuration, so the stack is not restarted when they change.
PER_RUN_VARIABLES = frozenset({"MELI_SOURCE", "MELI_SETS"})
_SERVING_CHOICES = ("MELI_SERVING_KEYS", "MELI_SERVING_KEYS_FILE", "MELI_SERVING_MODEL", "MELI_SERVING_SHADOW")


@dataclass(frozen=True)
class Ports:
    """The ports of the servers."""

    s3: Mapping[str, int]
    mlflow: int
    airflow: int
    serving: int = DEFAULT_PORTS["serving"]

    @classmethod
    def choose(cls, home: Home) -> Ports:
        """The ports of running servers; for others the last ones, the usual ones or free ones, in this order."""
        remembered = _remembered(home)
        s3 = read(home, "s3")
        if s3 and s3.is_alive() and "s3" in remembered:
            seaweed = {name.removeprefix("s3-"): port for name, port in remembered.items() if name.startswith("s3")}
        else:
            seaweed = seaweed_ports({"s3": remembered.get("s3", DEFAULT_PORTS["s3"])})
        others = (_port(home, name, remembered) for name in ("mlflow", "airflow-api-server", "serving"))
        ports = cls(seaweed, *others)
        listed = {"s3": seaweed["s3"], **{f"s3-{name}": port for name, port in seaweed.items()}}
        listed |= {"mlflow": ports.mlflow, "airflow-api-server": ports.airflow, "serving": ports.serving}
        home.write_private(home.root / "ports.json", json.dumps(listed))
        return ports


@dataclass(frozen=True)
class Stack:
    """The services of one home, and the settings that all of them use."""

    home: Home
    ports: Ports
    secrets: Secrets
    settings: dict[str, str]
    api: AirflowApi

    @classmethod
    def of(cls, home: Home, requested: Settings, ports: Ports) -> Stack:
        """The stack for the requested source, sets and schedule."""
        secrets = home.secrets()
        settings = stack_settings(home, requested, ports, secrets)
        return cls(
            home, ports, secrets, settings, AirflowApi(f"http://{HOST}:{ports.airflow}", USER, secrets.airflow_password)
        )

    @property
    def airflow_url(self) -> str:
        """Airflow's address for a browser."""
        return self.settings["MELI_AIRFLOW_URL"]

    @property
    def mlflow_url(self) -> str:
        """MLflow's address for a browser."""
        return self.settings["MLFLOW_TRACKING_URI"]

    def storage(self) -> list[Service]:
        """The servers that Airflow's tasks use."""
        s3, root, keys = self.ports.s3, self.home.root, self.secrets
        mlflow = root / "mlflow"
        mlflow.mkdir(mode=0o700, exist_ok=True)
        tracking = mlflow_environment(mlflow, keys.mlflow_password, keys.mlflow_key) | {
            "MLFLOW_S3_ENDPOINT_URL": self.settings["MELI_S3_ENDPOINT"],
            "AWS_ACCESS_KEY_ID": keys.s3_access_key,
            "AWS_SECRET_ACCESS_KEY": keys.s3_secret_key,
            "MALLOC_ARENA_MAX": "2",
        }
        return [
            Service(
                "s3", "S3 server", seaweed_command(root / "s3", s3, BUCKET),
                seaweed_environment(keys.s3_access_key, keys.s3_secret_key),
                seaweed_ready(s3, BUCKET, keys.s3_access_key, keys.s3_secret_key), s3["s3"],
            ),
            Service(
                "mlflow", "MLflow",
                mlflow_command(mlflow, self.ports.mlflow, f"s3://{BUCKET}/mlflow", sign_in=True), tracking,
                mlflow_ready(self.ports.mlflow), self.ports.mlflow,
            ),
        ]  # fmt: skip

    @property
    def serving_url(self) -> str:
        """The address of `meli serve`."""
        return self.settings["MELI_SERVING_URL"]

    def serving(self) -> Service:
        """`meli serve`, which loads the champion as soon as there is one. It answers before that too."""
        # What the caller has set for a service of their own must not close or change this one.
        own = dict.fromkeys(_SERVING_CHOICES, "")
        own |= {"MELI_SERVING_HOST": HOST, "MELI_SERVING_PORT": str(self.ports.serving), "MALLOC_ARENA_MAX": "2"}
        return Service(
            "serving", "Service", [sys.executable, "-m", "meli_tasks.cli", "serve"], self.settings | own,
            lambda: answers(self.ports.serving, "/health/live"), self.ports.serving, passing=PER_RUN_VARIABLES,
        )  # fmt: skip

    def airflow(self) -> list[Service]:
        """Airflow's processes; the scheduler's children run the tasks."""
        environment = airflow_environment(self.home, self.ports, self.secrets) | self.settings
        command = [sys.executable, "-m", "airflow"]
        port = self.ports.airflow

        def service(name: str, title: str, arguments: list[str], ready: Callable[[], bool], port: int = 0) -> Service:
            return Service(name, title, [*command, *arguments], environment, ready, port, passing=PER_RUN_VARIABLES)

        return [
            service(
                "airflow-api-server", "Airflow api-server", ["api-server"],
                lambda: answers(port, "/api/v2/monitor/health") and answers(port, TASKS_HEALTH), port,
            ),
            # Its log server is for logs of other machines; here they are files.
            service(
                "airflow-scheduler", "Airflow scheduler", ["scheduler", "--skip-serve-logs"],
                lambda: self.api.health().get("scheduler") == "healthy",
            ),
            service(
                "airflow-dag-processor", "Airflow dag-processor", ["dag-processor"],
                lambda: self.api.health().get("dag_processor") == "healthy",
            ),
            # Waits for the runs of backfills; `make demo` does not need it.
            service(TRIGGERER, "Airflow triggerer", ["triggerer", "--skip-serve-logs"], lambda: True),
        ]  # fmt: skip


def stack_settings(home: Home, requested: Settings, ports: Ports, secrets: Secrets) -> dict[str, str]:
    """The settings of everything in this stack; `meli` reads them from `.meli/environment`."""
    slots = min(2, cores())
    return {
        "MELI_STORE": f"s3://{BUCKET}/store",
        "MELI_S3_ENDPOINT": f"http://{HOST}:{ports.s3['s3']}",
        "AWS_ACCESS_KEY_ID": secrets.s3_access_key,
        "AWS_SECRET_ACCESS_KEY": secrets.s3_secret_key,
        "MLFLOW_TRACKING_URI": f"http://{HOST}:{ports.mlflow}",
        "MLFLOW_TRACKING_USERNAME": USER,
        "MLFLOW_TRACKING_PASSWORD": secrets.mlflow_password,
        "MELI_AIRFLOW_URL": f"http://localhost:{ports.airflow}",
        "MELI_AIRFLOW_USER": USER,
        "MELI_AIRFLOW_PASSWORD": secrets.airflow_password,
        "MELI_SERVING_URL": f"http://{HOST}:{ports.serving}",
        "MELI_CACHE": str(home.root / "cache"),
        "MELI_SLOTS": str(slots),
        "MELI_THREADS": str(requested.threads or max(1, cores() // slots)),
        "MELI_SCHEDULE": requested.schedule,
        "MELI_SOURCE": revealed(requested.source),
        "MELI_ADDRESSES": requested.addresses,
        "MELI_SOURCES": requested.sources or ANY,  # whoever may sign in to the demo has its files anyway
        "MELI_SETS": requested.sets,
        "MELI_WEBHOOK": requested.webhook,
        "MELI_EMAIL": requested.email,
        "MELI_SMTP": requested.smtp,
        "MELI_EMAIL_FROM": requested.email_from,
        "MELI_NOTIFY": requested.notify,
        "MELI_DEADLINE_MINUTES": str(requested.deadline_minutes),
    }


def airflow_environment(home: Home, ports: Ports, secrets: Secrets) -> dict[str, str]:
    """The configuration of every process of Airflow."""
    options: dict[str, dict[str, object]] = {
        "core": {
            "dags_folder": CHECKOUT / "dags",
            "plugins_folder": CHECKOUT / "plugins",
            "load_examples": False,
            "executor": "LocalExecutor",
            "parallelism": 4,
            "dags_are_paused_at_creation": False,
            "simple_auth_manager_users": f"{USER}:admin",
            "simple_auth_manager_passwords_file": home.airflow / "passwords.json",
            "fernet_key": secrets.airflow_fernet_key,
            "execution_api_server_url": f"http://{HOST}:{ports.airflow}/execution/",
        },
        "database": {"sql_alchemy_conn": f"sqlite:///{home.airflow / 'airflow.db'}"},
        "api": {
            "host": HOST,
            "port": ports.airflow,
            "base_url": f"http://localhost:{ports.airflow}",
            "workers": 1,
            "secret_key": secrets.airflow_api_key,
        },
        "api_auth": {"jwt_secret": secrets.airflow_jwt_secret},
        "scheduler": {"scheduler_idle_sleep_time": 0.2},
        # A slot stays busy for one heartbeat after its task. Tasks survive an API server that is down for a minute.
        "workers": {"min_heartbeat_interval": 1, "max_failed_heartbeats": 60},
        "dag_processor": {"parsing_processes": 1},
        "logging": {"colored_console_log": False},
    }
    named = {
        f"AIRFLOW__{section.upper()}__{option.upper()}": str(value)
        for section, values in options.items()
        for option, value in values.items()
    }
    return named | {
        "AIRFLOW_HOME": str(home.airflow),
        "PYTHONPATH": str(CHECKOUT),
        "PYTHONHASHSEED": "0",  # gensim's vectors are reproducible only if it is fixed
        "MALLOC_ARENA_MAX": "2",
    }


def prepare_airflow(home: Home, secrets: Secrets) -> None:
    """Write the password where Airflow's sign-in reads it."""
    home.write_private(home.airflow / "passwords.json", json.dumps({USER: secrets.airflow_password}))


def _port(home: Home, name: str, remembered: Mapping[str, int]) -> int:
    record: Record | None = read(home, name)
    if record and record.is_alive():
        return record.port
    return free_port(remembered.get(name, DEFAULT_PORTS[name]))


def _remembered(home: Home) -> dict[str, int]:
    try:
        stored = json.loads((home.root / "ports.json").read_text(encoding="utf-8"))
        return {str(name): int(port) for name, port in stored.items()}
    except (FileNotFoundError, ValueError, TypeError, AttributeError):
        return {}
