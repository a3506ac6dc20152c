"""The folder that holds everything of a demo's stack: data, logs, secrets, and records of its processes.

It is `.meli/` in the checkout, or MELI_HOME. Nothing outside it is written, so two checkouts do not interfere, and
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
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from meli_tasks.core.errors import BadSettings, Conflict, Rejected
from meli_tasks.disk import atomic_write
from meli_tasks.settings import home as home_folder
from meli_tasks.settings import named_home

CHECKOUT = Path(__file__).resolve().parents[2]
NEEDED_MEGABYTES = 500
ADDED = frozenset({"mlflow_password", "mlflow_key"})
"""Secrets that a home of version 0.1.0 has not."""


@dataclass(frozen=True)
class Secrets:
    """Keys and passwords of one stack, generated at its first start."""

    s3_access_key: str
    s3_secret_key: str
    airflow_password: str
    airflow_fernet_key: str
    airflow_api_key: str
    airflow_jwt_secret: str
    mlflow_password: str
    mlflow_key: str

    @classmethod
    def generate(cls) -> Secrets:
        """Generate new ones."""
        return cls(
            s3_access_key=secrets.token_hex(10),
            s3_secret_key=secrets.token_hex(20),
            airflow_password=secrets.token_urlsafe(9),
            airflow_fernet_key=urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            airflow_api_key=secrets.token_hex(32),
            airflow_jwt_secret=secrets.token_hex(32),
            mlflow_password=secrets.token_urlsafe(9),
            mlflow_key=secrets.token_hex(32),
        )


@dataclass(frozen=True)
class Home:
    """The folders below the stack's root, which is an absolute path."""

    root: Path

    @classmethod
    def here(cls) -> Home:
        """MELI_HOME, else `.meli/` in the checkout."""
        named = named_home()
        return cls(named.absolute() if named else CHECKOUT / home_folder())

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
        """Create the folders, readable by their owner only.

        Raises:
            Rejected: too little disk space is left for a demo.
            BadSettings: the folder cannot be written.
        """
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            # Their own modes count if the root was there before, and others may enter it.
            for folder in (
                self.run,
                self.logs,
                self.airflow,
                *(self.root / name for name in ("s3", "mlflow", "cache")),
            ):
                folder.mkdir(mode=0o700, exist_ok=True)
                folder.chmod(0o700)
            free = shutil.disk_usage(self.root).free // 2**20
        except OSError as error:
            raise BadSettings(
                f"{self.root} cannot be written: {error.strerror}. Point MELI_HOME at a folder that can."
            ) from None
        if free < NEEDED_MEGABYTES:
            raise Rejected(
                f"{free} MB are free at {self.root}, and the demo needs {NEEDED_MEGABYTES}. "
                "Free some space, or point MELI_HOME at another disk."
            )

    def secrets(self) -> Secrets:
        """The stack's secrets, generated if there are none yet.

        Raises:
            BadSettings: the file cannot be read; new secrets would not open what the old ones protect.
        """
        file = self.root / "secrets.json"
        if file.exists():
            try:
                stored = json.loads(file.read_text(encoding="utf-8"))
                missing = ADDED - stored.keys()
                stored |= {name: value for name, value in asdict(Secrets.generate()).items() if name in missing}
                found = Secrets(**{field.name: str(stored[field.name]) for field in fields(Secrets)})
            except (ValueError, KeyError, TypeError, AttributeError):
                raise BadSettings(
                    f"{file} is damaged, and the demo's services open their data with it: restore it, or start over "
                    f"with another folder (MELI_HOME), or delete {self.root} with everything in it."
                ) from None
            if missing:
                self.write_private(file, json.dumps(stored, indent=1))
            return found
        drawn = Secrets.generate()
        self.write_private(file, json.dumps(asdict(drawn), indent=1))
        return drawn

    def write_private(self, file: Path, text: str) -> None:
        """Write a file that only its owner may read, whole or not at all."""
        with atomic_write(file) as part:
            part.touch(mode=0o600)
            part.write_text(text, encoding="utf-8")

    def write_environment(self, environment: Mapping[str, str]) -> None:
        """Write the stack's settings where `meli` reads its defaults."""
        head = "# written by `make demo`; environment variables override it"
        lines = [head, *(f"{name}={value}" for name, value in environment.items())]
        self.write_private(self.root / "environment", "\n".join(lines) + "\n")

    def remove_environment(self) -> None:
        """Delete the settings of a stack that has stopped."""
        (self.root / "environment").unlink(missing_ok=True)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the stack: one demo at a time.

        Raises:
            Conflict: another demo is using this folder.
        """
        # Not filelock: the file also holds the process id, and filelock empties the file before it has the lock.
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
