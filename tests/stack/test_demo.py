from __future__ import annotations

from inspect import signature
from pathlib import Path

import pytest

from meli_tasks.core.errors import BadData, BadHyperparameters, BadSettings
from meli_tasks.proxies import NAMES
from meli_tasks.settings import Settings
from meli_tasks.stack import demo
from meli_tasks.stack.home import Home
from meli_tasks.stack.processes import Record, Service
from meli_tasks.stack.servers import SEAWEED_PORTS
from meli_tasks.stack.services import Ports, Stack, airflow_environment, stack_settings


@pytest.mark.parametrize(
    "source", ["sample", "sample:rows=10,seed=2", "s3://bucket/day={ds}/*.parquet", "https://example.org/titles.csv.gz"]
)
def test_what_is_no_path_stays_as_it_is(source: str, tmp_path: Path) -> None:
    assert demo.absolute(source, tmp_path) == source


def test_a_relative_path_becomes_absolute_from_where_the_caller_stands(tmp_path: Path) -> None:
    (tmp_path / "titles.csv").touch()
    assert demo.absolute("titles.csv", tmp_path) == str(tmp_path / "titles.csv")
    assert demo.absolute("days/{ds}/*.csv", tmp_path) == str(tmp_path / "days/{ds}/*.csv")


def test_a_file_that_is_not_there_is_told_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(BadData, match=r"MELI_SOURCE=titels.csv: there is no file .*/titels.csv"):
        demo.requested_settings({"MELI_SOURCE": "titels.csv", "MELI_HOME": str(tmp_path)}, tmp_path)


@pytest.mark.parametrize(
    "source", ["sample:rows=many", "sample:rows=0", "sample:row=5", "ftp://example.org/titles.csv"]
)
def test_a_source_that_cannot_be_is_told_before_anything_starts(source: str, tmp_path: Path) -> None:
    with pytest.raises(BadData, match=source.partition(":")[0]):
        demo.requested_settings({"MELI_SOURCE": source, "MELI_HOME": str(tmp_path)}, tmp_path)


def test_an_unknown_set_is_told_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(BadHyperparameters, match="mlpp"):
        demo.requested_settings({"MELI_SETS": "mlpp", "MELI_HOME": str(tmp_path)}, tmp_path)


def test_a_wrong_setting_is_told_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match="MELI_THREADS"):
        demo.requested_settings({"MELI_THREADS": "many", "MELI_HOME": str(tmp_path)}, tmp_path)


def test_the_nights_are_off_unless_asked_for(tmp_path: Path) -> None:
    assert demo.requested_settings({"MELI_HOME": str(tmp_path)}, tmp_path).schedule == "none"
    assert (
        demo.requested_settings({"MELI_HOME": str(tmp_path), "MELI_SCHEDULE": "0 4 * * *"}, tmp_path).schedule
        == "0 4 * * *"
    )


def test_parallel_trainings_share_the_cores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home(tmp_path)
    home.make()
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: set(range(8)))
    settings = stack_settings(home, Settings.from_environment({}), Ports({"s3": 1}, 2, 3), home.secrets())
    assert (settings["MELI_SLOTS"], settings["MELI_THREADS"]) == ("2", "4")


def test_airflow_is_told_everything_by_its_environment(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.make()
    environment = airflow_environment(home, Ports({"s3": 1}, 2, 8081), home.secrets())
    assert environment["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == "http://127.0.0.1:8081/execution/"
    assert environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"].startswith(f"sqlite:///{tmp_path}")


def test_every_process_of_the_stack_reaches_the_others_past_a_proxy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also MLflow's server, which sends the artifacts to S3: through a proxy it stored none, and registered nothing."""
    home = Home(tmp_path)
    home.make()
    for name in NAMES:
        monkeypatch.setenv(name, "example.org")
    ports = Ports(dict.fromkeys(SEAWEED_PORTS, 1), 2, 3)
    stack = Stack.of(home, Settings.from_environment({}), ports)
    services = [found for found in vars(Stack).values() if callable(found) and "Service" in str(signature(found))]
    assert {listing.__name__ for listing in services} >= {"storage", "airflow"}
    for listing in services:
        found = listing(stack)
        for service in [found] if isinstance(found, Service) else found:
            for name in NAMES:
                named = service.variables[name].split(",")
                assert named[0] == "example.org" and {"127.0.0.1", "localhost", "::1"} <= set(named), service.name


@pytest.mark.parametrize("arguments", [[], ["demos"], ["stop", "now"]])
def test_a_wrong_command_line_shows_the_right_one(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert demo.main(arguments) == 2
    assert "demo|stop|status" in capsys.readouterr().out


def test_the_status_says_where_to_go_and_how_to_sign_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MELI_HOME", str(tmp_path))
    home = Home(tmp_path)
    home.make()
    password = home.secrets().airflow_password
    server = [Record("airflow-api-server", 7, "now", 8080, "", ""), Record("mlflow", 8, "now", 5000, "", "")]
    monkeypatch.setattr(demo.processes, "running", lambda home: server)
    home.write_environment({"MELI_AIRFLOW_URL": "http://localhost:9"})  # nothing listens there
    assert demo.main(["status"]) == 0
    shown = capsys.readouterr().out
    assert "champion                unknown: the S3 server is not running\n" in shown
    assert "last run                unknown: Airflow at http://localhost:9 does not answer yet\n" in shown
    assert "http://localhost:8080" in shown and "http://localhost:5000" in shown
    assert f"sign in as admin with the password {password}" in shown


def test_stop_and_status_of_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MELI_HOME", str(tmp_path / "never"))
    assert demo.main(["status"]) == 3
    assert demo.main(["stop"]) == 0
    assert "No process of" in capsys.readouterr().out
