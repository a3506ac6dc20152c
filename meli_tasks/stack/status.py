"""`make status`: what is running, how to sign in, the champion and the last run."""

from __future__ import annotations

from datetime import UTC, datetime

from rich.console import Console

from meli_tasks.airflow_client import AirflowApi
from meli_tasks.core.errors import MeliError
from meli_tasks.ledger import Ledger
from meli_tasks.settings import Settings
from meli_tasks.stack import processes
from meli_tasks.stack.home import Home
from meli_tasks.stack.summary import sign_in_line
from meli_tasks.stack.watch import DAG
from meli_tasks.wording import duration

WIDTH = 22  # of the longest name of a process
S3, AIRFLOW, MLFLOW = "s3", "airflow-api-server", "mlflow"


def status(console: Console) -> int:
    """Print the running processes, how to sign in to Airflow and MLflow, the champion and the last run.

    Returns:
        0 if there are some, 3 if there are none.
    """
    home = Home.here()
    records = {record.name: record for record in processes.running(home)}
    if not records:
        console.print(f"No process of {home.root} is running. `make demo` starts them.", highlight=False)
        return 3
    for record in records.values():
        where = f"http://localhost:{record.port}" if record.port else ""
        _line(console, record.name, f"process {record.pid:<8} {where}".rstrip())
        if record.name in (AIRFLOW, MLFLOW):
            secrets = home.secrets()
            password = secrets.airflow_password if record.name == AIRFLOW else secrets.mlflow_password
            _line(console, "", sign_in_line(password))
    settings = Settings.from_environment({"MELI_HOME": str(home.root)})  # what the stack wrote, and nothing else
    console.print()
    _line(console, "champion", _champion(settings) if S3 in records else "unknown: the S3 server is not running")
    _line(console, "last run", _last_run(settings) if AIRFLOW in records else "unknown: Airflow is not running")
    return 0


def _line(console: Console, name: str, text: str) -> None:
    console.print(f"{name:<{WIDTH}}  {text}", markup=False, highlight=False, soft_wrap=True)


def _champion(settings: Settings) -> str:
    """The champion's set, its figure, and since when; or why it is not known."""
    try:
        last = Ledger(settings.open_store()).last()
    except MeliError as error:
        return f"unknown: {error}"
    if last is None or last.champion is None:
        return "none yet"
    champion = last.champion
    return f"{champion.set_name}, balanced accuracy {champion.described_figure}, by run {champion.run_id}"


def _last_run(settings: Settings) -> str:
    """The state of the last training run, how long ago it ended, and its page; or why it is not known."""
    api = AirflowApi(settings.airflow_url, settings.airflow_user, settings.airflow_password)
    if not api.health():  # a single request: the others wait for a server that restarts
        return f"unknown: Airflow at {settings.airflow_url} does not answer yet"
    try:
        run = api.newest_run(DAG)
    except MeliError as error:
        return f"unknown: {error}"
    if run is None:
        return "none yet"
    ended = f" {duration((datetime.now(UTC) - run.end_date).total_seconds())} ago" if run.end_date else ""
    return f"{run.state}{ended}: {settings.airflow_url}/dags/{DAG}/runs/{run.dag_run_id}"
