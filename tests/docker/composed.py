"""The stack of docker-compose.yaml on an engine: brought up, queried, measured, and taken down completely."""

from __future__ import annotations

import http.client
import json
import re
import subprocess
import sys
import threading
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from meli_tasks.airflow_client import AirflowApi
from meli_tasks.stack.servers import HOST, free_port
from tests import waiting
from tests.docker.engine import Engine, run

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
UNITS = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
DAG = "meli_training"


class Stack:
    """One project of docker-compose.yaml with secrets and ports of its own."""

    def __init__(self, engine: Engine, folder: Path, settings: Mapping[str, str]) -> None:
        """Writes the secrets and further settings; nothing starts before `up`."""
        self.engine = engine
        self.project = f"melitest{int(time.time())}"
        script = ROOT / "docker" / "write_secrets.py"
        subprocess.run([sys.executable, str(script)], cwd=folder, check=True, capture_output=True)
        self._file = folder / ".env"
        self.secrets = dict(line.split("=", 1) for line in self._file.read_text().splitlines())
        self.airflow, self.mlflow, self.serving = free_port(8080), free_port(5000), free_port(8900)
        with self._file.open("a") as file:
            file.write(f"AIRFLOW_PORT={self.airflow}\nMLFLOW_PORT={self.mlflow}\nSERVING_PORT={self.serving}\n")
            file.write("MELI_SCHEDULE=none\n")
            file.writelines(f"{name}={value}\n" for name, value in settings.items())

    def compose(self, *arguments: str, check: bool = True, seconds: float = 900) -> str:
        """What a Compose command writes."""
        command = [str(BIN / "docker-compose"), "--project-name", self.project, "--project-directory", str(ROOT)]
        command += ["--file", str(ROOT / "docker-compose.yaml"), "--env-file", str(self._file)]
        names = ("DOCKER_HOST", "PATH")
        kept = {name: self.engine.environment[name] for name in names if name in self.engine.environment}
        return run([*command, *arguments], {**kept, "HOME": str(self._file.parent)}, check=check, seconds=seconds)

    def up(self) -> float:
        """Start what does not run and wait until all is healthy. Returns: seconds."""
        began = time.monotonic()
        try:
            self.compose("up", "--detach", "--no-build", "--wait", "--wait-timeout", "800")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.compose('logs', '--tail', '25', check=False)[-12000:]}") from None
        return time.monotonic() - began

    def down(self) -> None:
        """Stop all of it and remove what it stored."""
        self.compose("down", "--volumes", "--timeout", "20")

    def left(self) -> list[str]:
        """What the engine still has of it."""
        mine = f"label=com.docker.compose.project={self.project}"
        found = []
        for kind in (("ps", "--all"), ("volume", "ls"), ("network", "ls")):
            found += self.engine.docker(*kind, "--quiet", "--filter", mine).split()
        return found

    def services(self) -> dict[str, tuple[str, str, int]]:
        """Each service's state, health and exit code."""
        lines = self.compose("ps", "--all", "--format", "json").splitlines()
        found = [json.loads(line) for line in lines if line.startswith("{")]
        return {one["Service"]: (one["State"], one["Health"], one["ExitCode"]) for one in found}

    def inside(self, service: str, code: str) -> Any:
        """What a Python program, run in a service's container, prints as JSON."""
        answer = self.compose("exec", "--no-TTY", service, "python3", "-c", code)
        return json.loads(answer.strip().splitlines()[-1])

    def api(self, account: str = "admin") -> AirflowApi:
        """Airflow's REST API for one of the stack's accounts."""
        password = self.secrets[f"MELI_{account.upper()}_PASSWORD"]
        return AirflowApi(f"http://{HOST}:{self.airflow}", account, password)

    def classify(self, title: str, key: str) -> tuple[int, dict[str, Any]]:
        """Status and body of the service's answer to one title."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        connection = http.client.HTTPConnection(HOST, self.serving, timeout=60)
        try:
            connection.request("POST", "/predict", json.dumps({"title": title}), headers)
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()

    def ask(self, port: int, path: str, user: str = "", host: str = "") -> tuple[int, str]:
        """Status and body of a GET; `user` is one of MLflow's accounts."""
        password = self.secrets["MLFLOW_ADMIN_PASSWORD" if user == "admin" else "MLFLOW_TRACKING_PASSWORD"]
        headers = {"Authorization": "Basic " + b64encode(f"{user}:{password}".encode()).decode()} if user else {}
        if host:
            headers["Host"] = host
        connection = http.client.HTTPConnection(HOST, port, timeout=60)
        try:
            connection.request("GET", path, headers=headers)
            response = connection.getresponse()
            return response.status, response.read().decode(errors="replace")
        finally:
            connection.close()

    def run(self, conf: dict[str, Any], dag: str = DAG) -> tuple[str, float]:
        """Trigger a run and wait for its success. Returns: its id, and seconds from trigger to done."""
        api = self.api()
        began = time.monotonic()
        name = api.trigger(dag, conf, "test-compose")

        def states() -> list[tuple[str, str]]:
            return [(task.task_id, str(task.state)) for task in api.tasks(dag, name)]

        def ended() -> str:
            state = api.run_state(dag, name)
            return "" if state in ("queued", "running") else state

        state = waiting.until(ended, states, idle_seconds=900, message=lambda: f"{name} has not ended: {states()}")
        took = time.monotonic() - began
        assert state == "success", states()
        return name, took

    def bytes_in_use(self) -> int:
        """Memory of all containers together, as the engine counts it: without the cache of files."""
        mine = ["--filter", f"label=com.docker.compose.project={self.project}"]
        running = self.engine.docker("ps", "--quiet", *mine).split()
        shown = self.engine.docker("stats", "--no-stream", "--format", "{{.MemUsage}}", *running)
        used = re.findall(r"^([\d.]+)([KMG]iB|B) /", shown, re.MULTILINE)
        return int(sum(float(amount) * UNITS[unit] for amount, unit in used))

    @contextmanager
    def measured(self) -> Iterator[list[int]]:
        """Look at the memory again and again; after the block, the list has the bytes of every look."""
        looks: list[int] = []
        over = threading.Event()

        def look() -> None:
            while not over.is_set():
                looks.append(self.bytes_in_use())

        thread = threading.Thread(target=look)
        thread.start()
        try:
            yield looks
        finally:
            over.set()
            thread.join()
