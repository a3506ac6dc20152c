"""An MLflow server whose database is upgraded first: `python -m meli_tasks.tracking.mlflow_server OPTIONS`.

The options are those of `mlflow server`. The database's address comes from MLFLOW_BACKEND_STORE_URI, because it may
hold a password, and every user of the machine sees the arguments of a process.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from meli_tasks.core.errors import MeliError
from meli_tasks.tracking.database import upgrade

DATABASE = "MLFLOW_BACKEND_STORE_URI"


def main(options: Sequence[str]) -> None:
    """Upgrade the database, and become the server."""
    database = os.environ.get(DATABASE, "")
    if not database:
        sys.exit(f"{DATABASE} is not set: it is the address of MLflow's database.")
    try:
        if done := upgrade(database):
            sys.stdout.write(f"{done}\n")
            sys.stdout.flush()  # execv discards what is buffered
    except MeliError as error:
        sys.exit(str(error))
    os.execv(sys.executable, [sys.executable, "-m", "mlflow", "server", *options])


if __name__ == "__main__":
    main(sys.argv[1:])
