"""A cluster on this machine: every process of docker-compose.yaml but the containers, with two GPU workers.

Processes that end are started again, as Docker's `restart: unless-stopped` does, unless a test holds them down.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from meli_tasks.stack import servers
from meli_tasks.stack.processes import members
from tests.cluster import database
from tests.cluster.api import ClusterApi
from tests.cluster.compose import BIN, ROOT, Composed, Native, Ports, services, write_secrets

BUCKET = "meli"
GPU_WORKERS = ("gpu-1", "gpu-2")
WORKERS = {"default-1": "worker", **dict.fromkeys(GPU_WORKERS, "gpu-worker")}
AIRFLOW = ("api-server", "scheduler", "dag-processor", "triggerer")
SECONDS_TO_START = 600.0  # for one that hangs; one that ends is noticed at once


class Member:
    """A process of the cluster with everything it starts, which is its session."""

    def __init__(self, name: str, command: list[str], environment: dict[str, str], log: Path) -> None:
        self.name = name
        self.held = True
        # Postgres waits for its clients to go when it gets SIGTERM; its image stops it by SIGINT.
        self._end = signal.SIGINT if name == "postgres" else signal.SIGTERM
        self._parts = name, command, log, environment
        self._server = servers.Server(*self._parts)
        self._changing = threading.RLock()
        # Forgotten once it is empty: another process may lead a session of that number then.
        self._session = 0

    def start(self) -> None:
        """Start it, after ending what an earlier start has left; from here on it is kept running."""
        with self._changing:
            self.kill()
            self._server = servers.Server(*self._parts).start()
            self._session = self._server.pid
            self.held = False

    def keep(self) -> None:
        """Start it again if it has ended and nobody holds it down."""
        with self._changing:
            if not self.held and not self.is_alive():
                self.start()

    def is_alive(self) -> bool:
        """Whether its first process runs."""
        return self._server.is_alive()

    def wait_until(self, ready: Callable[[], bool], seconds: float = SECONDS_TO_START) -> None:
        """Return when `ready`. Errors: MeliError when it ends first, or is late."""
        self._server.wait_until(ready, seconds)

    def ask_to_end(self) -> None:
        """Tell its first process to end, which ends the others; it stays down."""
        with self._changing:
            self.held = True
            if self._server.is_alive():
                os.kill(self._server.pid, self._end)

    def stop(self, seconds: float = 20.0) -> None:
        """Ask it to end and see to it that all of its processes do; it stays down."""
        self.ask_to_end()
        deadline = time.monotonic() + seconds
        while self._server.is_alive() and time.monotonic() < deadline:
            time.sleep(servers.POLL_SECONDS)
        self.kill()

    def kill(self) -> None:
        """SIGKILL to all of its processes at once; it stays down."""
        with self._changing:
            self.held = True
            if not self._session:
                return
            deadline = time.monotonic() + 10
            while ((left := members({self._session})) or self._server.is_alive()) and time.monotonic() < deadline:
                for pid in left:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                time.sleep(servers.POLL_SECONDS)
            assert not left, f"{self.name}: the processes {sorted(left)} do not end, not even by SIGKILL"
            self._session = 0


class Cluster:
    """The running cluster: its processes by name, its REST API, and the environment a program needs to look into it."""

    def __init__(self, folder: Path, shared: Path) -> None:
        """`folder` keeps logs and data; `shared` is one that the databases' own user can reach."""
        self.folder = folder
        self._seaweed = servers.seaweed_ports()
        free = [*self._seaweed.values(), *(port + servers.GRPC_OFFSET for port in self._seaweed.values())]
        for _ in range(4):
            free.insert(0, servers.free_port(avoid=free))
        ports = Ports(free[0], free[1], self._seaweed["s3"], free[2], free[3])
        self.ports = ports
        secrets = write_secrets(
            folder,
            MELI_SLOTS=str(len(GPU_WORKERS)),
            MELI_GPU_DEVICE="cpu",
            MELI_AIRFLOW_URL=f"http://{servers.HOST}:{ports.airflow}",
            MELI_MLFLOW_URL=f"http://{servers.HOST}:{ports.mlflow}",
            MELI_SCHEDULE="none",  # no run but those of the tests
        )
        self.secrets = dict(line.split("=", 1) for line in secrets.read_text().splitlines())
        self._native = Native(services(secrets), folder, ports)
        self._members: dict[str, Member] = {}
        self._databases(shared)
        for name in ("mlflow", *AIRFLOW):
            self._add(name, self._composed(name, name))
        for name, service in WORKERS.items():
            composed = self._composed(service, name)
            # Where the file has one container each, here are several on one machine: each needs a name of its own.
            composed.command.extend(["--celery-hostname", f"{name}@{folder.name}"])
            self._add(name, composed)
        self.api = ClusterApi(f"http://{servers.HOST}:{ports.airflow}", "admin", self.secrets["MELI_ADMIN_PASSWORD"])
        self._over = threading.Event()
        self._watch = threading.Thread(target=self._keep_running, daemon=True)

    def __getitem__(self, name: str) -> Member:
        return self._members[name]

    @property
    def environment(self) -> dict[str, str]:
        """The settings of the tasks, as the services have them."""
        return self._composed("scheduler", "scheduler").environment

    def start(self) -> None:
        """Start everything in order, each when what it needs is ready, and set the cluster up once."""
        keys = self.secrets["AWS_ACCESS_KEY_ID"], self.secrets["AWS_SECRET_ACCESS_KEY"]
        for name in ("postgres", "redis", "s3"):
            self[name].start()
        self["postgres"].wait_until(self.postgres_ready)
        self["redis"].wait_until(self.redis_ready)
        self["s3"].wait_until(servers.seaweed_ready(self._seaweed, BUCKET, *keys))
        self._run_once("databases")
        self["mlflow"].start()
        self._run_once("init")
        for name in (*AIRFLOW, *WORKERS):
            self[name].start()
        self["mlflow"].wait_until(servers.mlflow_ready(self.ports.mlflow))
        self["api-server"].wait_until(lambda: self.api.health().get("scheduler") == "healthy")
        for dag in sorted(path.stem for path in (ROOT / "dags").glob("meli_*.py")):
            self["dag-processor"].wait_until(lambda dag=dag: self.api.has_dag(dag))  # type: ignore[misc]
            self.api.unpause(dag)
        for name in WORKERS:
            log = self.folder / f"{name}.log"
            self[name].wait_until(lambda log=log: " ready." in log.read_text(errors="replace"))  # type: ignore[misc]
        self._watch.start()

    def _run_once(self, service: str) -> None:
        """Run a service that ends by itself."""
        once, log = self._composed(service, service), self.folder / f"{service}.log"
        with log.open("w") as output:
            made = subprocess.run(
                once.command, env=os.environ | once.environment, stdout=output, stderr=output, check=False
            )
        assert made.returncode == 0, log.read_text()

    def stop(self) -> None:
        """End everything, the servers after those who use them."""
        self._over.set()
        if self._watch.ident:
            self._watch.join()
        for name in (*AIRFLOW, *WORKERS):
            self[name].ask_to_end()
        with contextlib.ExitStack() as ends:  # the last one first, and all of them, whatever one of them raises
            for member in self._members.values():
                ends.callback(member.stop, 10)

    def postgres_ready(self) -> bool:
        """Whether Postgres lets us in."""
        return database.postgres_ready(self.ports.postgres, self.secrets["POSTGRES_PASSWORD"])()

    def redis_ready(self) -> bool:
        """Whether Redis answers."""
        return database.redis_ready(self.ports.redis, self.secrets["REDIS_PASSWORD"])()

    def _databases(self, shared: Path) -> None:
        postgres, port = shared / "postgres", self.ports.postgres
        database.make_postgres(postgres, self.secrets["POSTGRES_PASSWORD"])
        self._add("postgres", Composed(database.postgres_command(postgres, port), {}))
        redis = self._native.of("redis", "redis")
        self._add(
            "redis",
            Composed(database.redis_command(redis.command, shared / "redis", self.ports.redis), redis.environment),
        )
        keys = self.secrets["AWS_ACCESS_KEY_ID"], self.secrets["AWS_SECRET_ACCESS_KEY"]
        weed = servers.seaweed_command(self.folder / "s3", self._seaweed, BUCKET)
        self._add("s3", Composed(weed, servers.seaweed_environment(*keys)))

    def _add(self, name: str, composed: Composed) -> None:
        log = self.folder / f"{name}.log"
        self._members[name] = Member(name, composed.command, composed.environment, log)

    def _composed(self, service: str, data: str) -> Composed:
        """A service of the compose file with what its image's environment says, for the folders of this checkout."""
        composed = self._native.of(service, data)
        image = {
            "AIRFLOW_HOME": str(self.folder / "airflow"),
            "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "false",
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
        }
        here = {
            "AIRFLOW__API__HOST": servers.HOST,
            "AIRFLOW__API__PORT": str(self.ports.airflow),
            # Containers have names of their own, by which Airflow tells its workers apart.
            "AIRFLOW__CORE__HOSTNAME_CALLABLE": "tests.cluster.hostname.member",
            "MELI_CLUSTER_MEMBER": data,
            "MELI_HOME": str(self.folder / data),
            "AWS_EC2_METADATA_DISABLED": "true",
            "NO_PROXY": f"{servers.HOST},localhost",
            "no_proxy": f"{servers.HOST},localhost",
        }
        return Composed(composed.command, image | composed.environment | here)

    def _keep_running(self) -> None:
        while not self._over.wait(0.5):
            for member in self._members.values():
                member.keep()


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Cluster]:
    """A cluster that is stopped whatever happens; its logs stay in `folder`."""
    with TemporaryDirectory(prefix="meli-cluster-") as shared:
        Path(shared).chmod(0o711)
        cluster = Cluster(folder, Path(shared))
        try:
            cluster.start()
            yield cluster
        finally:
            cluster.stop()
