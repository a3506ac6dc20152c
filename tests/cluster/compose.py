"""The services of docker-compose.yaml, as processes of this machine: the same commands and settings, other addresses.

What a service runs and with which settings is read from the file by the real Compose, so there is one truth.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from meli_tasks.stack.servers import HOST

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Ports:
    """Where this cluster's servers listen, all on 127.0.0.1."""

    postgres: int
    redis: int
    s3: int
    mlflow: int
    airflow: int


@dataclass(frozen=True)
class Composed:
    """A service of the file: its command line and its environment."""

    command: list[str]
    environment: dict[str, str]


def write_secrets(folder: Path, **more: str) -> Path:
    """The `.env` that `make secrets` writes, in `folder`, with `more` settings after it."""
    script = ROOT / "docker" / "write_secrets.py"
    subprocess.run([sys.executable, str(script)], cwd=folder, capture_output=True, text=True, check=True)
    written = folder / ".env"
    with written.open("a", encoding="utf-8") as file:
        file.writelines(f"{name}={value}\n" for name, value in more.items())
    return written


def services(secrets: Path) -> dict[str, Any]:
    """Every service of docker-compose.yaml with its settings filled in from the `.env` at `secrets`."""
    file = ROOT / "docker-compose.yaml"
    command = [str(BIN / "docker-compose"), "--project-directory", str(ROOT), "-f", str(file)]
    command += ["--env-file", str(secrets), "--profile", "*", "config", "--format", "json"]
    # Nothing of whoever runs the tests may fill a gap in the file.
    bare = {"PATH": os.environ["PATH"], "HOME": str(secrets.parent)}
    shown = subprocess.run(command, env=bare, capture_output=True, text=True, check=False)
    assert shown.returncode == 0, shown.stderr
    found: dict[str, Any] = json.loads(shown.stdout)["services"]
    return found


class Native:
    """Turns services of the compose file into processes of this machine."""

    def __init__(self, services: dict[str, Any], folder: Path, ports: Ports) -> None:
        """`folder` takes the place of the volumes: each service has its `/data` and its Airflow home in it."""
        self.services = services
        self.folder = folder
        self.ports = ports

    def of(self, service: str, data: str) -> Composed:
        """A service's command and environment, with its `/data` in the folder `data`.

        Raises:
            KeyError: docker-compose.yaml has no such service.
        """
        definition = self.services[service]
        home = self.folder / data
        (home / "tmp").mkdir(parents=True, exist_ok=True)
        environment = {
            name: self._here(str(value), home)
            for name, value in (definition.get("environment") or {}).items()
            if value is not None
        }
        # Compose writes a dollar sign twice.
        command = [self._here(part.replace("$$", "$"), home) for part in definition.get("command") or []]
        return Composed(self._program(command), environment)

    def _here(self, text: str, home: Path) -> str:
        """The text with the addresses and folders of this machine in place of the containers'."""
        ports = self.ports
        for there, here in (
            ("@postgres/", f"@{HOST}:{ports.postgres}/"),
            ("postgres:5432", f"{HOST}:{ports.postgres}"),
            ("redis:6379", f"{HOST}:{ports.redis}"),
            ("s3:8333", f"{HOST}:{ports.s3}"),
            *((f"{host}:5000", f"{HOST}:{ports.mlflow}") for host in ("mlflow", "localhost", HOST)),
            *((f"{host}:8080", f"{HOST}:{ports.airflow}") for host in ("api-server", "localhost", HOST)),
            ("0.0.0.0", HOST),
            ("/opt/airflow", str(self.folder / "airflow")),
            ("/opt/meli", str(ROOT)),
        ):
            text = text.replace(there, here)
        exact = {"5000": str(ports.mlflow), "8080": str(ports.airflow)}
        text = exact.get(text, text)
        # Only a path that begins so, not one that merely holds it: a temporary folder's may.
        return f"{home}{text.removeprefix('/data')}" if text == "/data" or text.startswith("/data/") else text

    def _program(self, command: list[str]) -> list[str]:
        """The command with this virtual environment's programs."""
        if command and command[0] in {"airflow", "mlflow", "python3"}:
            module = [] if command[0] == "python3" else ["-m", command[0]]
            return [sys.executable, *module, *command[1:]]
        return command
