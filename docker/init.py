"""Prepare the cluster once: database, the admin's account, the pool for trainings. The compose service `init`."""

import os
import subprocess


def airflow(*arguments: str) -> None:
    """Run an Airflow command, stopping at its first failure."""
    subprocess.run(["airflow", *arguments], check=True)


airflow("db", "migrate")
airflow("fab-db", "migrate")
airflow(
    "users", "create", "--username", "admin", "--role", "Admin", "--firstname", "Admin", "--lastname", "Admin",
    "--email", "admin@localhost", "--password", os.environ["MELI_ADMIN_PASSWORD"],
)  # fmt: skip
airflow("pools", "set", "gpu", os.environ.get("MELI_SLOTS", "1"), "trainings that run at once, one a card")
