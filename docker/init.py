"""Prepares and checks database, accounts, pools and bucket. This is the compose service `init`; it may run again."""

from __future__ import annotations

import os
import sys
import time
from urllib.parse import urlsplit

from meli_tasks.settings import Settings
from meli_tasks.store.probe import probe

ROLES = ("Admin", "Op", "User", "Viewer")
SECONDS_FOR_S3 = 30


def airflow(*arguments: str) -> None:
    """Runs an Airflow command in this process, because loading Airflow takes longer than most commands."""
    from airflow.cli.cli_parser import get_parser

    command = get_parser().parse_args(arguments)
    command.func(command)


def make_accounts() -> None:
    """Creates one account per role, with the role's name; existing accounts keep their passwords."""
    for role in ROLES:
        name, password = role.lower(), os.environ[f"MELI_{role.upper()}_PASSWORD"]
        airflow(
            "users", "create", "--username", name, "--role", role, "--firstname", role, "--lastname", "Account",
            "--email", f"{name}@localhost", "--password", password,
        )  # fmt: skip


def make_pools(settings: Settings) -> None:
    """Creates the pools of the tasks and checks them: a task whose pool is missing would wait forever."""
    from airflow.models.pool import Pool

    pools = {
        "gpu": (settings.slots, "training tasks that run at once, one per GPU", False),
        # The waiting runs of a backfill are deferred tasks, and they must count.
        "backfill": (2, "backfilled runs at once", True),
    }
    for name, (slots, description, deferred) in pools.items():
        Pool.create_or_update_pool(name, slots=slots, description=description, include_deferred=deferred)
    existing = {pool.pool: (pool.slots, pool.description, pool.include_deferred) for pool in Pool.get_pools()}
    for name, pool in pools.items():
        if existing.get(name) != pool:
            sys.exit(f"The pool {name} should be {pool} but is {existing.get(name)}.")
        print(f"pool {name}: {pool[0]} slots")


def make_bucket(settings: Settings) -> None:
    """Creates the store's bucket if it is missing, and probes everything that the project needs of the store."""
    from botocore.exceptions import BotoCoreError, ClientError

    bucket = urlsplit(settings.store).netloc
    client = settings.s3_client(settings.s3_endpoint or None)
    deadline = time.monotonic() + SECONDS_FOR_S3
    while True:
        try:
            if bucket not in [existing["Name"] for existing in client.list_buckets()["Buckets"]]:
                client.create_bucket(Bucket=bucket)
                print(f"bucket {bucket}: created")
            break
        except (BotoCoreError, ClientError) as error:
            code = getattr(error, "response", {}).get("Error", {}).get("Code", "")
            if code.startswith("Bucket") or code == "AccessDenied":
                break  # another process created it, or the key may not create buckets: the probe below decides
            if time.monotonic() > deadline:
                sys.exit(f"The S3 server at {settings.s3_endpoint or 'AWS'} does not answer properly: {error}")
            time.sleep(0.5)
    failed = [check for check in probe(settings.open_store()) if not check.ok]
    if failed:
        sys.exit("\n".join(f"{settings.store}, {check.name}: {check.observed} {check.advice}" for check in failed))
    print(f"store {settings.store}: all checks passed")


def main() -> None:
    """Runs all preparations in order."""
    settings = Settings.from_environment()
    make_bucket(settings)
    airflow("db", "migrate")
    airflow("fab-db", "migrate")
    make_accounts()
    make_pools(settings)


if __name__ == "__main__":
    main()
