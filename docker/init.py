"""Prepare the cluster, and check it: database, accounts, pools, bucket. The compose service `init`; may run again."""

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
    """Run an Airflow command in this process: loading Airflow takes longer than most commands do."""
    from airflow.cli.cli_parser import get_parser

    asked = get_parser().parse_args(arguments)
    asked.func(asked)


def make_accounts() -> None:
    """An account for each role, named as it; whoever is there already keeps their password."""
    for role in ROLES:
        name, password = role.lower(), os.environ[f"MELI_{role.upper()}_PASSWORD"]
        airflow(
            "users", "create", "--username", name, "--role", role, "--firstname", role, "--lastname", "Account",
            "--email", f"{name}@localhost", "--password", password,
        )  # fmt: skip


def make_pools(settings: Settings) -> None:
    """The pools that tasks ask for. Without one they would wait for ever, so both are looked for afterwards."""
    from airflow.models.pool import Pool

    wanted = {
        "gpu": (settings.slots, "trainings that run at once, one a card", False),
        # A backfill's waiting runs are deferred tasks, and must count.
        "backfill": (2, "backfilled runs at once", True),
    }
    for name, (slots, description, deferred) in wanted.items():
        Pool.create_or_update_pool(name, slots=slots, description=description, include_deferred=deferred)
    found = {pool.pool: (pool.slots, pool.description, pool.include_deferred) for pool in Pool.get_pools()}
    for name, pool in wanted.items():
        if found.get(name) != pool:
            sys.exit(f"The pool {name} should be {pool}, and is {found.get(name)}.")
        print(f"pool {name}: {pool[0]} slots")


def make_bucket(settings: Settings) -> None:
    """Make the store's bucket if it is not there, and try what the project needs of the store."""
    from botocore.exceptions import BotoCoreError, ClientError

    bucket = urlsplit(settings.store).netloc
    client = settings.s3_client(settings.s3_endpoint or None)
    deadline = time.monotonic() + SECONDS_FOR_S3
    while True:
        try:
            if bucket not in [found["Name"] for found in client.list_buckets()["Buckets"]]:
                client.create_bucket(Bucket=bucket)
                print(f"bucket {bucket}: made")
            break
        except (BotoCoreError, ClientError) as error:
            code = getattr(error, "response", {}).get("Error", {}).get("Code", "")
            if code.startswith("Bucket") or code == "AccessDenied":
                break  # somebody was faster, or the key may only use the bucket: the checks tell
            if time.monotonic() > deadline:
                sys.exit(f"The S3 server at {settings.s3_endpoint or 'AWS'} does not answer as it should: {error}")
            time.sleep(0.5)
    wrong = [check for check in probe(settings.open_store()) if not check.ok]
    if wrong:
        sys.exit("\n".join(f"{settings.store}, {check.name}: {check.seen} {check.advice}" for check in wrong))
    print(f"store {settings.store}: all checks passed")


def main() -> None:
    """Everything, in order."""
    settings = Settings.from_environment()
    make_bucket(settings)
    airflow("db", "migrate")
    airflow("fab-db", "migrate")
    make_accounts()
    make_pools(settings)


if __name__ == "__main__":
    main()
