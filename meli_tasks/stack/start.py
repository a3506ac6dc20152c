"""Starting the stack, as much of it as possible at the same time, and stopping it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version

from meli_tasks.core.errors import Unreachable
from meli_tasks.settings import Settings
from meli_tasks.stack import processes
from meli_tasks.stack.home import Home
from meli_tasks.stack.interrupts import Interrupts
from meli_tasks.stack.processes import Record, Service
from meli_tasks.stack.servers import POLL_SECONDS
from meli_tasks.stack.services import PER_RUN_VARIABLES, TRIGGERER, Ports, Stack, prepare_airflow
from meli_tasks.wording import duration

SECONDS_TO_PROVE_HEALTH = 10.0
SECONDS_OF_SILENCE = 3.0
"""After which a wait says what it waits for."""
# In this order no process is left that would write to a stopped store.
STOP_ORDER = (
    ("serving", "airflow-scheduler", "airflow-dag-processor", "airflow-triggerer", "airflow-api-server", "mlflow"),
    ("s3",),
)
FOREIGN_PREFIXES = ("AIRFLOW", "_AIRFLOW", "MLFLOW_", "AWS_")


@dataclass
class StackStart:
    """One start of a stack. It remembers what it started, so that an interrupted demo stops exactly that.

    What no training run needs (the triggerer, the service) can be started while one is running, when a core is idle.
    """

    home: Home
    say: Callable[[str], None]
    interrupts: Interrupts = field(default_factory=Interrupts)
    started: dict[str, Record] = field(default_factory=dict)
    _migration: subprocess.Popen[bytes] | None = None
    _began: float = field(default_factory=time.monotonic)
    _later: list[Service] = field(default_factory=list)
    _said: float = field(default_factory=time.monotonic)

    def run(self, requested: Settings) -> Stack:
        """Start what is not running yet, and return once everything answers.

        Raises:
            Unreachable: a server ended or did not get ready; the message has the end of its log.
        """
        stack = self.run_needed(requested)
        self.start_others()
        self.wait_for_others()
        return stack

    def run_needed(self, requested: Settings) -> Stack:
        """Start what a training run needs, and return once it answers; `start_others` starts the rest.

        Raises:
            Unreachable: a server ended or did not get ready; the message has the end of its log.
        """
        remove_foreign_variables()
        self.home.make()
        stack = Stack.of(self.home, requested, Ports.choose(self.home))
        self.home.write_environment(
            {name: value for name, value in stack.settings.items() if name not in PER_RUN_VARIABLES}
        )
        prepare_airflow(self.home, stack.secrets)
        reused = [
            service.title
            for service in (*stack.storage(), *stack.airflow(), stack.serving())
            if self._is_reusable(service)
        ]
        if reused:
            self.say(f"Already running: {', '.join(reused)}")
        storage = [service for service in stack.storage() if service.title not in reused]
        airflow = [service for service in stack.airflow() if service.title not in reused]
        serving = [service for service in (stack.serving(),) if service.title not in reused]
        if airflow:
            self._begin_migration(stack)
        self._start(storage)
        self._finish_migration()
        needed = [service for service in airflow if service.name != TRIGGERER]
        self._later = [*(service for service in airflow if service.name == TRIGGERER), *serving]
        self._start(needed)
        processes.wait(self.home, self.started, [*storage, *needed], self._report_ready, self._remind)
        return stack

    def start_others(self) -> None:
        """Start the rest, and return immediately."""
        self._start(self._later)

    def wait_for_others(self) -> None:
        """Return once the rest answers.

        Raises:
            Unreachable: a server ended or did not get ready; the message has the end of its log.
        """
        self._said = time.monotonic()
        # Nearly always they have answered long before, so that is not reported.
        processes.wait(self.home, self.started, self._later, lambda service: None, self._remind)
        self._later = []

    def undo(self) -> None:
        """Stop what this start started, and nothing else."""
        if self._migration and self._migration.poll() is None:
            self._migration.kill()
            self._migration.wait()
        stop_all(self.home, list(self.started.values()), self.say)

    def _start(self, services: Sequence[Service]) -> None:
        for service in services:
            with self.interrupts.held():
                self.started[service.name] = processes.start(self.home, service)

    def _is_reusable(self, service: Service) -> bool:
        """Whether it is running with these settings and answers. If it is running but does not, it is stopped."""
        record = processes.read(self.home, service.name)
        if not record:
            return False
        if record.is_alive() and record.fingerprint == service.fingerprint:
            deadline = time.monotonic() + SECONDS_TO_PROVE_HEALTH
            while time.monotonic() < deadline and record.is_alive():
                if service.ready():
                    return True
                time.sleep(2 * POLL_SECONDS)
        if processes.stop(self.home, [record]):
            self.say(f"{service.title} had other settings or did not answer: restarting it")
        return False

    def _begin_migration(self, stack: Stack) -> None:
        """Create Airflow's tables; needed a single time for each version of Airflow."""
        done = self.home.airflow / "migrated"
        if done.exists() and done.read_text(encoding="utf-8") == version("apache-airflow"):
            return
        with (self.home.logs / "airflow-migrate.log").open("wb") as log, self.interrupts.held():
            self._migration = subprocess.Popen(
                [sys.executable, "-m", "airflow", "db", "migrate"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                env={**os.environ, **stack.airflow()[0].variables}, start_new_session=True,
            )  # fmt: skip

    def _finish_migration(self) -> None:
        if self._migration is None:
            return
        while self._migration.poll() is None:
            self._say_after_silence("Creating Airflow's database")
            time.sleep(2 * POLL_SECONDS)
        if self._migration.returncode:
            raise Unreachable(
                f"Airflow's database could not be created. {processes.log_end(self.home, 'airflow-migrate')}"
            )
        (self.home.airflow / "migrated").write_text(version("apache-airflow"), encoding="utf-8")

    def _report_ready(self, service: Service) -> None:
        where = f" at http://localhost:{service.port}" if service.port else ""
        self._say(f"{service.title} ready{where}")

    def _remind(self, waiting: Sequence[Service]) -> None:
        self._say_after_silence(f"Waiting for {' and '.join(service.title for service in waiting[:2])}")

    def _say_after_silence(self, what: str) -> None:
        if time.monotonic() - self._said >= SECONDS_OF_SILENCE:
            self._say(what)

    def _say(self, what: str) -> None:
        """Say something with the time since the start."""
        self._said = time.monotonic()
        self.say(f"{what} ({duration(self._said - self._began)})")


def stop_all(home: Home, records: Sequence[Record], say: Callable[[str], None]) -> list[Record]:
    """Stop processes of the stack, those that write to the store first."""
    stopped: list[Record] = []
    for names in STOP_ORDER:
        group = [record for record in records if record.name in names]
        if group:
            stopped += processes.stop(home, group)
    for record in stopped:
        say(f"Stopped {record.name} (process {record.pid})")
    if not processes.running(home):
        home.remove_environment()
    return stopped


def remove_foreign_variables() -> None:
    """Remove the caller's variables for another Airflow, MLflow or S3, which our servers must not read."""
    for name in [name for name in os.environ if name.startswith(FOREIGN_PREFIXES)]:
        del os.environ[name]
