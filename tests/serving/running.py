"""A running `meli serve` for the tests, over a store with models that are told apart by how confident they are."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from math import exp
from pathlib import Path
from typing import Any

from meli_tasks.decision import Champion, Decision
from meli_tasks.ledger import Ledger
from meli_tasks.stack.servers import free_port
from meli_tasks.store import Store, open_store
from tests import waiting
from tests.past_run import PastRun

HOST = "127.0.0.1"
REFRESH_SECONDS = 0.05


@dataclass(frozen=True)
class Answer:
    """A response of the service."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @cached_property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def detail(self) -> str:
        """The sentence of a refusal."""
        found = self.json["detail"]
        assert isinstance(found, str)
        return found


@dataclass
class Service:
    """A process of `meli serve`; its output goes into `log`."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path
    headers: dict[str, str] = field(default_factory=dict)

    def connect(self) -> socket.socket:
        """A bare connection, for what no client would send."""
        return socket.create_connection((HOST, self.port), timeout=waiting.IDLE_SECONDS)

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        return self._send("GET", path, None, self.headers if headers is None else headers)

    def post(self, body: bytes | object, headers: Mapping[str, str] | None = None, path: str = "/predict") -> Answer:
        """Send bytes as they are, anything else as JSON."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        given = {"Content-Type": "application/json", **(self.headers if headers is None else headers)}
        return self._send("POST", path, data, given)

    def predict(self, *titles: str, **options: object) -> Any:
        """The answer to some titles, which must be one."""
        answer = self.post({"titles": titles, **options})
        assert answer.status == 200, answer.body
        return answer.json

    def metric(self, line: str) -> float:
        """The value of a metric, by its name and labels as they stand on /metrics; 0 if it is not there."""
        for found in self.get("/metrics").body.decode().splitlines():
            name, _, value = found.rpartition(" ")
            if name == line:
                return float(value)
        return 0.0

    def logged(self) -> str:
        return self.log.read_text(encoding="utf-8")

    def log_lines(self) -> list[dict[str, Any]]:
        """The JSON lines of the log."""
        return [json.loads(line) for line in self.logged().splitlines() if line.startswith("{")]

    def until(self, path: str, **expected: object) -> Any:
        """Wait until the JSON at a path has these values."""

        def found() -> Any:
            answer = self.get(path).json
            return answer if expected.items() <= answer.items() else None

        return waiting.until(found, self.get_cpu, message=lambda: self.logged()[-2000:], poll_seconds=0.02)

    def get_cpu(self) -> float:
        """CPU seconds so far: a service that loads a model makes progress."""
        assert self.process.poll() is None, self.logged()[-3000:]
        return round(waiting.cpu_seconds(self.process.pid))

    def stop(self) -> int:
        """Ask it to stop, and wait until it has."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return waiting.wait_for_end(self.process)
        finally:
            if self.process.poll() is None:
                waiting.kill_tree(self.process.pid)
                self.process.wait()

    def _send(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        connection = http.client.HTTPConnection(HOST, self.port, timeout=waiting.IDLE_SECONDS)
        try:
            connection.request(method, path, body, dict(headers))
            response = connection.getresponse()
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        finally:
            connection.close()


@contextmanager
def serving(store: Store, folder: Path, *arguments: str, ready: bool = True, **settings: object) -> Iterator[Service]:
    """A service over a store, with settings by their names without MELI_SERVING_."""
    folder.mkdir(parents=True, exist_ok=True)
    port, log = free_port(), folder / "service.log"
    named = {f"MELI_SERVING_{name.upper()}": str(value) for name, value in settings.items()}
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("MELI_", "MLFLOW_"))},
        "MELI_STORE": store.url,
        "MELI_HOME": str(folder),
        "MELI_CACHE": str(folder / "cache"),
        "MELI_SERVING_REFRESH_SECONDS": str(REFRESH_SECONDS),
        "OMP_NUM_THREADS": "1",
        "PYTHONUNBUFFERED": "1",
        **named,
    }
    command = [sys.executable, "-m", "meli_tasks.cli", "serve", "--port", str(port), *arguments]
    with log.open("wb") as out:
        process = subprocess.Popen(command, env=environment, stdout=out, stderr=subprocess.STDOUT, cwd=folder)
    service = Service(process, port, log)
    try:
        place = "/health/ready" if ready else "/health/live"
        waiting.until(lambda: _answers(service, place), service.get_cpu, message=service.logged, poll_seconds=0.05)
        yield service
    finally:
        service.stop()


@dataclass
class Models:
    """A store with several real models, of which any can be made the champion."""

    store: Store
    ledger: Ledger
    run: PastRun
    weights: dict[str, float]

    @classmethod
    def make(cls, folder: Path, *names: str) -> Models:
        store = open_store((folder / "store").as_uri())
        run = PastRun(store, accuracies=dict.fromkeys(names, 0.9))
        weights = {name: 2.0 + place for place, name in enumerate(names)}
        for name, weight in weights.items():
            run.with_real_model(name, folder / "models" / name, weight)
        return cls(store, Ledger(store), run, weights)

    def key(self, name: str) -> str:
        return self.run.models[name]

    def sha256(self, name: str) -> str:
        return self.run.trainings[name].model_sha256

    def probability(self, name: str) -> float:
        """What a model gives one of its three words: it tells the models apart."""
        likely = exp(self.weights[name])
        return likely / (likely + 2)

    def promote(self, name: str) -> Decision:
        last = self.ledger.last()
        champion = Champion(
            train=self.key(name), sha256=self.sha256(name), set_name=name, balanced_accuracy=0.9, interval=(0.89, 0.91)
        )
        return self.ledger.append(
            last.number if last else 0, action="promote", champion=champion, reason="it is better", by="test"
        )

    def damage(self, name: str) -> None:
        """Overwrite a model's weights in the store."""
        self.store.write(self.run.trainings[name].file_name("model.safetensors"), b"not a model")


def _answers(service: Service, path: str) -> bool:
    try:
        return service.get(path).status == 200
    except OSError:
        return False
