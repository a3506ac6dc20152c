"""The sign-in of an MLflow server: the configuration of MLflow's own app for it."""

from __future__ import annotations

import os
from configparser import ConfigParser
from pathlib import Path

APP = "basic-auth"
ADMIN = "admin"
# Checking a password takes 0.2 s. The server is a single process, so its cache is never stale.
CACHE_SECONDS = 300


def write_configuration(file: Path, database: str) -> Path:
    """Write the configuration of the sign-in, which only its owner may read, and return its path.

    The password of the user `admin` comes from the variable MLFLOW_AUTH_ADMIN_PASSWORD at the first start.

    Args:
        file: Where to; replaced if it is there.
        database: The SQLAlchemy address of the database of accounts.
    """
    configuration = ConfigParser(interpolation=None)
    configuration["mlflow"] = {
        "default_permission": "READ",
        "database_uri": database,
        "admin_username": ADMIN,
        "auth_cache_ttl_seconds": str(CACHE_SECONDS),
    }
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as opened:
        configuration.write(opened)
    return file
