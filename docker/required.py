"""The secrets of the stack: which there are, how each is drawn, and when one is not fit to be used."""

from __future__ import annotations

import base64
import binascii
import re
import secrets
from collections.abc import Callable, Mapping

SHORTEST = 16
FEWEST_DIFFERENT = 6
# Parts of values that stand in documentation, in examples and in other people's compose files.
OF_EXAMPLES = ("change", "example", "secret", "password", "admin", "airflow", "default", "replace", "todo")


def _fernet_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


def _long() -> str:
    return secrets.token_hex(32)


def _password() -> str:
    return secrets.token_hex(12)


DRAWN: dict[str, Callable[[], str]] = {
    "AIRFLOW_FERNET_KEY": _fernet_key,
    "AIRFLOW_JWT_SECRET": _long,
    "AIRFLOW_API_SECRET": _long,
    "POSTGRES_PASSWORD": _password,
    "REDIS_PASSWORD": _password,
    "MLFLOW_SECRET": _long,
    "MLFLOW_ADMIN_PASSWORD": _password,
    "MLFLOW_TRACKING_PASSWORD": _password,
    "MELI_ADMIN_PASSWORD": _password,
    "MELI_OP_PASSWORD": _password,
    "MELI_USER_PASSWORD": _password,
    "MELI_VIEWER_PASSWORD": _password,
    "AWS_ACCESS_KEY_ID": lambda: secrets.token_hex(10),
    "AWS_SECRET_ACCESS_KEY": lambda: secrets.token_hex(20),
}
# They stand inside URLs, where other signs would need quoting.
IN_URLS = {"POSTGRES_PASSWORD", "REDIS_PASSWORD"}
OF_S3 = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}


def objections(environment: Mapping[str, str]) -> list[str]:
    """What is wrong with the secrets, a line each; no line holds a secret."""
    own_s3 = environment.get("MELI_S3_ENDPOINT", "") == ""  # AWS, where a machine's role may stand in for keys
    found: list[str] = []
    names: dict[str, str] = {}
    for name in DRAWN:
        value = environment.get(name, "")
        if name in OF_S3 and own_s3 and not value:
            continue
        if problem := _objection(name, value):
            found.append(f"{name} {problem}")
        elif value in names:
            found.append(f"{name} is the same as {names[value]}")
        names.setdefault(value, name)
    store = environment.get("MELI_STORE", "")
    if not re.fullmatch(r"s3://[^/]+(/.*)?", store):
        found.append(f"MELI_STORE is {store!r}, and the stack keeps its results and logs in S3: s3://bucket/prefix")
    return found


def _objection(name: str, value: str) -> str:
    checks = (
        (not value, "is missing"),
        (any(part in value.lower() for part in OF_EXAMPLES), "is an example's value"),
        (len(value) < SHORTEST and name not in OF_S3, f"has {len(value)} characters, and needs {SHORTEST}"),
        (len(set(value)) < FEWEST_DIFFERENT, f"has only {len(set(value))} different characters"),
        (
            name in IN_URLS and not re.fullmatch(r"[A-Za-z0-9._~-]+", value),
            "stands in an address: letters, digits and . _ ~ - only",
        ),
        (name == "AIRFLOW_FERNET_KEY" and not _is_fernet_key(value), "is not 32 bytes in URL-safe base64"),
    )
    return next((problem for wrong, problem in checks if wrong), "")


def _is_fernet_key(value: str) -> bool:
    try:
        return len(base64.urlsafe_b64decode(value)) == 32
    except (binascii.Error, ValueError):
        return False
