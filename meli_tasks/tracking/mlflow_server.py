"""An MLflow server whose database is upgraded first: `python -m meli_tasks.tracking.mlflow_server OPTIONS`.

The options are those of `mlflow server`; `--backend-store-uri` names the database.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from meli_tasks.core.errors import MeliError
from meli_tasks.tracking.database import upgrade


def main(options: Sequence[str]) -> None:
    """Upgrade the database, and become the server."""
    database = options[options.index("--backend-store-uri") + 1]
    try:
        if done := upgrade(database):
            sys.stdout.write(f"{done}\n")
            sys.stdout.flush()  # execv discards what is buffered
    except MeliError as error:
        sys.exit(str(error))
    os.execv(sys.executable, [sys.executable, "-m", "mlflow", "server", *options])


if __name__ == "__main__":
    main(sys.argv[1:])
