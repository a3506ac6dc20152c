"""Postgres and Redis from Debian's packages, on free ports, in a folder of their own; neither runs as root."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import psycopg2
import redis

from meli_tasks.stack.servers import HOST

POSTGRES_HOMES = Path("/usr/lib/postgresql")  # Debian keeps its server programs off the PATH


def postgres_folder() -> Path | None:
    """Where `initdb` and `postgres` are, the newest version's; None if they are not installed."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    versions = [path.parent for path in POSTGRES_HOMES.glob("*/bin/initdb")]
    return max(versions, key=lambda path: float(path.parent.name), default=None)


def missing_programs() -> str:
    """What to install before a cluster can run; empty when all is there."""
    missing = [
        *([] if postgres_folder() else ["postgresql"]),
        *([] if shutil.which("redis-server") else ["redis-server"]),
    ]
    if not missing:
        return ""
    packages = " ".join(missing)
    return f"The cluster tests need {packages}: apt-get install {packages}, or `make test-cluster` as root does it."


def as_somebody() -> list[str]:
    """What goes before a command that must not run as root: both servers refuse it, or should."""
    return ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"] if os.geteuid() == 0 else []


def give_away(folder: Path) -> None:
    """Let the servers write in `folder`, whoever they run as."""
    if os.geteuid() == 0:
        shutil.chown(folder, "nobody", "nogroup")


def make_postgres(folder: Path, password: str, superuser: str = "postgres") -> None:
    """Make an empty database server in `folder`, where only `superuser` may come in."""
    programs = postgres_folder()
    assert programs, missing_programs()
    folder.mkdir()
    give_away(folder)
    secret = folder.with_suffix(".password")
    secret.touch(mode=0o600)
    secret.write_text(password, encoding="utf-8")
    give_away(secret)
    made = subprocess.run(
        [
            *(*as_somebody(), str(programs / "initdb"), "-D", str(folder), "-U", superuser, f"--pwfile={secret}"),
            *("--auth=scram-sha-256", "--encoding=UTF8", "--no-locale"),
        ],
        cwd="/", capture_output=True, text=True, check=False,
    )  # fmt: skip
    secret.unlink()
    assert made.returncode == 0, made.stdout + made.stderr


def postgres_command(folder: Path, port: int) -> list[str]:
    """The server's command line; its socket is in its folder as well."""
    programs = postgres_folder()
    assert programs, missing_programs()
    return [
        *(*as_somebody(), str(programs / "postgres"), "-D", str(folder), "-p", str(port), "-k", str(folder)),
        *("-c", f"listen_addresses={HOST}"),
    ]


def postgres_ready(port: int, password: str, superuser: str = "postgres") -> Callable[[], bool]:
    """Whether it lets its superuser in."""

    def ready() -> bool:
        try:
            psycopg2.connect(
                host=HOST, port=port, user=superuser, password=password, dbname="postgres", connect_timeout=3
            ).close()
        except psycopg2.OperationalError:
            return False
        return True

    return ready


def redis_command(command: list[str], folder: Path, port: int) -> list[str]:
    """The compose file's command line, at our port and with its data in `folder`."""
    folder.mkdir()
    give_away(folder)
    return [*as_somebody(), *command, "--bind", HOST, "--port", str(port), "--dir", str(folder)]


def redis_ready(port: int, password: str) -> Callable[[], bool]:
    """Whether it answers to the password."""

    def ready() -> bool:
        try:
            with redis.Redis(host=HOST, port=port, password=password, socket_timeout=3) as client:
                return bool(client.ping())
        except redis.exceptions.RedisError:
            return False

    return ready
