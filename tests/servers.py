"""Real servers for the tests, each on free ports of 127.0.0.1 in a folder that goes away with it."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from meli_tasks.core.errors import MeliError
from meli_tasks.stack import servers

BUCKET = "meli"
NOWHERE = "http://127.0.0.1:9"  # the discard port: refused at once
# A server that ends is noticed at once; this is for one that hangs. Alone they take 1 s and 9 s.
SECONDS_TO_START = 300.0
STARTS = 3  # between finding a port and listening on it somebody else may take it


@dataclass(frozen=True)
class S3Server:
    """A running S3 server: a key pair that may do everything, and one that may only read."""

    endpoint: str
    bucket: str
    access_key: str
    secret_key: str = field(repr=False)
    reader_access_key: str
    reader_secret_key: str = field(repr=False)
    pid: int

    @property
    def environment(self) -> dict[str, str]:
        """What a program needs to use it."""
        return {
            "MELI_S3_ENDPOINT": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    @property
    def reader_environment(self) -> dict[str, str]:
        """The same with the key that may only read."""
        keys = {"AWS_ACCESS_KEY_ID": self.reader_access_key, "AWS_SECRET_ACCESS_KEY": self.reader_secret_key}
        return {**self.environment, **keys}


@dataclass(frozen=True)
class MlflowServer:
    """A running MLflow server."""

    url: str
    pid: int

    @property
    def environment(self) -> dict[str, str]:
        """What a program needs to use it; tries are short, so that a test of an outage is too."""
        return {
            "MLFLOW_TRACKING_URI": self.url,
            "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
            "MLFLOW_HTTP_REQUEST_TIMEOUT": "15",
            "MELI_MLFLOW_SECONDS": "600",  # on a busy machine MLflow is slow, which is not what is tested
            "MLFLOW_DISABLE_TELEMETRY": "true",
        }


def _identities(path: Path) -> dict[str, tuple[str, str]]:
    pairs = {name: (secrets.token_hex(10), secrets.token_hex(20)) for name in ("writer", "reader")}
    actions = {"writer": ["Admin", "Read", "Write", "List", "Tagging"], "reader": ["Read", "List"]}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(
        json.dumps(
            {
                "identities": [
                    {
                        "name": name,
                        "credentials": [{"accessKey": access, "secretKey": secret}],
                        "actions": actions[name],
                    }
                    for name, (access, secret) in pairs.items()
                ]
            }
        )
    )
    return pairs


@contextmanager
def s3(folder: Path) -> Iterator[S3Server]:
    """A seaweedfs of its own, with its data and its log under `folder`."""
    pairs = _identities(folder / "identities.json")
    for start in range(STARTS):
        ports = servers.seaweed_ports()
        command = servers.seaweed_command(folder / str(start), ports, BUCKET, folder / "identities.json")
        server = servers.Server("seaweedfs", command, folder / f"{start}.log", servers.seaweed_environment())
        try:
            server.start().wait_until(servers.seaweed_ready(ports, BUCKET, *pairs["writer"]), seconds=SECONDS_TO_START)
            break
        except MeliError:
            if start == STARTS - 1:
                raise
    try:
        yield S3Server(f"http://{servers.HOST}:{ports['s3']}", BUCKET, *pairs["writer"], *pairs["reader"], server.pid)
    finally:
        server.stop(seconds=5)


@contextmanager
def mlflow(folder: Path) -> Iterator[MlflowServer]:
    """An MLflow server with SQLite and its artifacts under `folder`."""
    for start in range(STARTS):
        port = servers.free_port()
        command = servers.mlflow_command(folder / str(start), port)
        environment = servers.mlflow_environment(folder / str(start))
        server = servers.Server("MLflow", command, folder / f"{start}.log", environment)
        try:
            server.start().wait_until(servers.mlflow_ready(port), seconds=SECONDS_TO_START)
            break
        except MeliError:
            if start == STARTS - 1:
                raise
    try:
        yield MlflowServer(f"http://{servers.HOST}:{port}", server.pid)
    finally:
        server.stop(seconds=10)


@contextmanager
def http_server(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """The URL of a server whose answers are those of a handler."""
    with ThreadingHTTPServer((servers.HOST, 0), handler) as server:
        Thread(target=server.serve_forever, args=(0.05,)).start()
        try:
            yield f"http://{servers.HOST}:{server.server_address[1]}"
        finally:
            server.shutdown()
