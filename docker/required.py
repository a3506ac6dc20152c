"""The secrets of the services: their names, how each is generated, and when one is refused."""

from __future__ import annotations

import base64
import binascii
import re
import secrets
from collections.abc import Callable, Mapping

MIN_LENGTH = 16
MIN_DISTINCT = 6
# Parts of values that appear in documentation, examples and other people's compose files.
EXAMPLE_PARTS = ("change", "example", "secret", "password", "admin", "airflow", "default", "replace", "todo")


def _fernet_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


def _long() -> str:
    return secrets.token_hex(32)


def _password() -> str:
    return secrets.token_hex(12)


GENERATORS: dict[str, Callable[[], str]] = {
    "AIRFLOW_FERNET_KEY": _fernet_key,
    "AIRFLOW_JWT_SECRET": _long,
    "AIRFLOW_API_SECRET": _long,
    "POSTGRES_PASSWORD": _password,
    "AIRFLOW_DATABASE_PASSWORD": _password,
    "MLFLOW_DATABASE_PASSWORD": _password,
    "REDIS_PASSWORD": _password,
    "MLFLOW_SECRET": _long,
    "MLFLOW_ADMIN_PASSWORD": _password,
    "MLFLOW_TRACKING_PASSWORD": _password,
    "MELI_ADMIN_PASSWORD": _password,
    "MELI_OP_PASSWORD": _password,
    "MELI_USER_PASSWORD": _password,
    "MELI_VIEWER_PASSWORD": _password,
    "MELI_SERVING_KEYS": _password,
    "AWS_ACCESS_KEY_ID": lambda: secrets.token_hex(10),
    "AWS_SECRET_ACCESS_KEY": lambda: secrets.token_hex(20),
}
# These appear inside URLs, where other characters would need quoting.
IN_URLS = {"AIRFLOW_DATABASE_PASSWORD", "MLFLOW_DATABASE_PASSWORD", "REDIS_PASSWORD"}
# Missing where the service is not used, as in an .env of an earlier version.
OPTIONAL = {"MELI_SERVING_KEYS"}
OF_S3 = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}


def objections(environment: Mapping[str, str]) -> list[str]:
    """The problems of the secrets, one line each; no line contains a secret."""
    on_aws = environment.get("MELI_S3_ENDPOINT", "") == ""  # where a machine's role may replace the keys
    problems: list[str] = []
    names: dict[str, str] = {}
    for name in GENERATORS:
        value = environment.get(name, "")
        if not value and (name in OPTIONAL or (name in OF_S3 and on_aws)):
            continue
        if problem := _objection(name, value):
            problems.append(f"{name} {problem}")
        elif value in names:
            problems.append(f"{name} is the same as {names[value]}")
        names.setdefault(value, name)
    store = environment.get("MELI_STORE", "")
    if not re.fullmatch(r"s3://[^/]+(/.*)?", store):
        problems.append(f"MELI_STORE is {store!r}, but results and logs go to S3: s3://bucket/prefix")
    return problems


def _objection(name: str, value: str) -> str:
    checks = (
        (not value, "is missing"),
        (any(part in value.lower() for part in EXAMPLE_PARTS), "has an example value"),
        (len(value) < MIN_LENGTH and name not in OF_S3, f"has {len(value)} characters and needs {MIN_LENGTH}"),
        (len(set(value)) < MIN_DISTINCT, f"has too few distinct characters ({len(set(value))})"),
        (
            name in IN_URLS and not re.fullmatch(r"[A-Za-z0-9._~-]+", value),
            "is part of a URL: only letters, digits and . _ ~ - are allowed",
        ),
        (name == "AIRFLOW_FERNET_KEY" and not _is_fernet_key(value), "is not 32 bytes in URL-safe base64"),
    )
    return next((problem for failed, problem in checks if failed), "")


def _is_fernet_key(value: str) -> bool:
    try:
        return len(base64.urlsafe_b64decode(value)) == 32
    except (binascii.Error, ValueError):
        return False
