"""The database of an MLflow server: brought to the server's version before it starts.

A server refuses a database of another version, so after an upgrade of MLflow neither the demo nor the cluster would
start. Nothing is imported from MLflow here: whether there is something to do is known in milliseconds.
"""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path

from meli_tasks.core.errors import Conflict, Rejected
from meli_tasks.redaction import redact

_REVISION = re.compile(r"^(down_)?revision(?:\s*:[^=]+)?\s*=\s*(.+)$", re.MULTILINE)
_QUOTED = re.compile(r"[\"']([^\"']+)[\"']")


def upgrade(url: str) -> str:
    """Upgrade a database, by its SQLAlchemy address; a new one is left to the server.

    An SQLite file is copied first, beside itself. For other databases, restoring needs a backup of your own.

    Returns:
        What was done, in a sentence; an empty string if there was nothing to do.

    Raises:
        Conflict: a later version of MLflow upgraded it.
        Rejected: the upgrade failed.
    """
    current, known, head = _revision(url), *_revisions()
    if current in ("", head):
        return ""
    place = _without_password(url)
    if current not in known and current != _UNKNOWN:
        raise Conflict(
            f"The database {place} has the schema {current}, which a later version of MLflow wrote and this one does "
            "not know: install that version again, or restore a backup from before its upgrade."
        )
    copy = _copied(url, current)
    # Not `mlflow db upgrade URL`: every user of the machine sees the arguments of a process.
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM], env={**os.environ, _ADDRESS: url}, capture_output=True, text=True, check=False
    )
    if done.returncode or _revision(url) != head:
        saved = f" Its copy from before is {copy}." if copy else ""
        end = redact("\n".join((done.stderr or done.stdout).strip().splitlines()[-8:]))
        raise Rejected(f"The database {place} could not be upgraded from {current} to {head}.{saved}\n{end}")
    saved = f"; its copy from before is {copy}" if copy else ""
    return f"Upgraded MLflow's database {place} from the schema {current} to {head}{saved}."


_UNKNOWN = "without a version"
_ADDRESS = "MLFLOW_BACKEND_STORE_URI"
_PROGRAM = f"import os; from mlflow.db import upgrade; upgrade.callback(os.environ[{_ADDRESS!r}])"


def _without_password(url: str) -> str:
    from sqlalchemy.engine import make_url

    return make_url(url).render_as_string(hide_password=True)


def _revision(url: str) -> str:
    """The revision of the schema; an empty string if there is no database or nothing in it."""
    from sqlalchemy import create_engine, inspect, text
    from sqlalchemy.engine import make_url

    file = make_url(url).database if url.startswith("sqlite") else None
    if file and not Path(file).exists():
        return ""
    engine = create_engine(url)
    try:
        tables = inspect(engine).get_table_names()
        if not [table for table in tables if not table.startswith("alembic_")]:
            return ""
        if "alembic_version" not in tables:
            return _UNKNOWN
        with engine.connect() as connection:
            found = connection.execute(text("select version_num from alembic_version")).scalar()
            return str(found) if found else _UNKNOWN
    finally:
        engine.dispose()


def _revisions() -> tuple[set[str], str]:
    """The revisions that the installed MLflow knows, and the newest of them."""
    package = find_spec("mlflow")
    assert package and package.origin
    known: set[str] = set()
    replaced: set[str] = set()
    for file in (Path(package.origin).parent / "store" / "db_migrations" / "versions").glob("*.py"):
        for down, value in _REVISION.findall(file.read_text(encoding="utf-8")):
            (replaced if down else known).update(_QUOTED.findall(value))
    [head] = known - replaced
    return known, head


def _copied(url: str, revision: str) -> Path | None:
    """A copy of an SQLite database beside it; None for any other."""
    from sqlalchemy.engine import make_url

    file = make_url(url).database if url.startswith("sqlite") else None
    if not file:
        return None
    copy = Path(f"{file}.{revision.replace(' ', '-')}")
    with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
    return copy
