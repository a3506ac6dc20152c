"""The folder that holds everything a demo's stack keeps: data, logs, secrets, and who runs.

`.meli/` in the checkout, or where MELI_HOME points. Nothing outside it is written, so two checkouts do not meet, and
removing it removes the stack.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import shutil
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from meli_tasks.core.errors import BadSettings, Conflict, Rejected
from meli_tasks.disk import atomic_write
from meli_tasks.settings import home as home_folder

CHECKOUT = Path(__file__).resolve().parents[2]
NEEDED_MEGABYTES = 500


@dataclass(frozen=True)
class Secrets:
    """Keys and passwords of one stack, drawn at random when it is first started."""

    s3_access_key: str
    s3_secret_key: str
    airflow_password: str
    airflow_fernet_key: str
    airflow_api_key: str
    airflow_jwt_secret: str

    @classmethod
    def draw(cls) -> Secrets:
        """New ones."""
        return cls(
            s3_access_key=secrets.token_hex(10),
            s3_secret_key=secrets.token_hex(20),
            airflow_password=secrets.token_urlsafe(9),
            airflow_fernet_key=urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            airflow_api_key=secrets.token_hex(32),
            airflow_jwt_secret=secrets.token_hex(32),
        )


@dataclass(frozen=True)
class Home:
    """The folders below the stack's root, which is an absolute path."""

    root: Path

    @classmethod
    def here(cls) -> Home:
        """The one that MELI_HOME names, else `.meli/` in the checkout."""
        return cls(home_folder().absolute() if "MELI_HOME" in os.environ else CHECKOUT / home_folder())

    @property
    def run(self) -> Path:
        """One file for each process that was started."""
        return self.root / "run"

    @property
    def logs(self) -> Path:
        """The servers' output."""
        return self.root / "logs"

    @property
    def airflow(self) -> Path:
        """AIRFLOW_HOME: its database and the logs of its tasks."""
        return self.root / "airflow"

    def make(self) -> None:
        """Make the folders, readable by their owner only.

        Raises:
            Rejected: too little room is left for a demo.
            BadSettings: the folder cannot be written.
        """
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            for folder in (self.run, self.logs, self.airflow):
                folder.mkdir(exist_ok=True)
            free = shutil.disk_usage(self.root).free // 2**20
        except OSError as error:
            raise BadSettings(
                f"{self.root} cannot be written: {error.strerror}. Point MELI_HOME at a folder that can."
            ) from None
        if free < NEEDED_MEGABYTES:
            raise Rejected(
                f"{free} MB are free at {self.root}, and the demo needs {NEEDED_MEGABYTES}. "
                "Make room, or point MELI_HOME at another disk."
            )

    def secrets(self) -> Secrets:
        """The stack's secrets; drawn when there are none."""
        file = self.root / "secrets.json"
        if file.exists():
            return Secrets(**json.loads(file.read_text(encoding="utf-8")))
        drawn = Secrets.draw()
        self.write_private(file, json.dumps(asdict(drawn), indent=1))
        return drawn

    def write_private(self, file: Path, text: str) -> None:
        """Write a file that only its owner may read, whole or not at all."""
        with atomic_write(file) as part:
            part.touch(mode=0o600)
            part.write_text(text, encoding="utf-8")

    def remember(self, environment: Mapping[str, str]) -> None:
        """Leave the stack's settings where `meli` finds them as defaults."""
        head = "# written by `make demo`; what the environment says wins"
        lines = [head, *(f"{name}={value}" for name, value in environment.items())]
        self.write_private(self.root / "environment", "\n".join(lines) + "\n")

    def forget(self) -> None:
        """Take the settings of a stack away that runs no more."""
        (self.root / "environment").unlink(missing_ok=True)

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the stack for one demo at a time.

        Raises:
            Conflict: another demo is at work in this folder.
        """
        with (self.run / "lock").open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.seek(0)
                holder = lock.read().strip()
                raise Conflict(
                    f"Another demo is running in {self.root} (process {holder}): wait, or stop that one."
                ) from None
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            yield
