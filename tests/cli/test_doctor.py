"""`meli doctor` against a store in a folder and small servers that answer as MLflow and Airflow do, or do not."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import quote

import pytest

from meli_tasks.cli import checks
from meli_tasks.settings import Settings
from meli_tasks.tracking import client as tracking_client
from meli_tasks.tracking.client import http_client
from tests.cli.program import here
from tests.servers import MlflowServer, S3Server

Answers = dict[str, tuple[int, Any]]

HEALTHY = {
    "metadatabase": {"status": "healthy"},
    "scheduler": {"status": "healthy"},
    "triggerer": {"status": "healthy"},
}
AIRFLOW: Answers = {
    "GET /api/v2/monitor/health": (200, HEALTHY),
    "POST /auth/token": (201, {"access_token": "the-token"}),
    "GET /api/v2/pools/gpu": (200, {"name": "gpu", "slots": 1, "occupied_slots": 0}),
    "GET /api/v2/pools/backfill": (200, {"name": "backfill", "slots": 2, "occupied_slots": 0}),
}
MLFLOW: Answers = {"GET /health": (200, "OK"), "POST /api/2.0/mlflow/experiments/search": (200, {"experiments": [{}]})}


@contextmanager
def server(answers: Answers, sign_in: str = "") -> Iterator[str]:
    """A server with fixed answers; pools want the token that /auth/token gave, everything the `sign_in`."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, body = answers.get(f"{self.command} {self.path}", (404, "absent"))
            if "/pools/" in self.path and self.headers.get("Authorization") != "Bearer the-token":
                status, body = 401, "who are you"
            if sign_in and self.headers.get("Authorization") != sign_in:
                status, body = 401, "who are you"
            data = (body if isinstance(body, str) else json.dumps(body)).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = _answer  # noqa: N815 names that the standard library calls

        def log_message(self, *arguments: Any) -> None:
            """Keeps the tests' output clean."""

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=httpd.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{httpd.server_port}"
    finally:
        httpd.shutdown()
        thread.join()
        httpd.server_close()


def settings(**values: Any) -> Settings:
    return Settings.from_environment({"MELI_HOME": "/nowhere", **{name: str(value) for name, value in values.items()}})


def airflow(answers: Answers, **values: Any) -> list[checks.CheckResult]:
    with server(answers) as url:
        sign_in = {"MELI_AIRFLOW_USER": "admin", "MELI_AIRFLOW_PASSWORD": "secret"}
        return list(checks.airflow(settings(MELI_AIRFLOW_URL=url, **{**sign_in, **values})))


def test_a_healthy_airflow_with_its_pool() -> None:
    health, pool, backfills = airflow(AIRFLOW)
    assert (health.state, pool.state, backfills.state) == ("ok", "ok", "ok")
    assert "metadatabase, scheduler, triggerer healthy" in health.observed
    assert pool.observed == "1 slot, 0 in use"


def test_a_missing_pool_or_one_of_another_size_comes_with_the_command_that_fixes_it() -> None:
    _, missing, _ = airflow({**AIRFLOW, "GET /api/v2/pools/gpu": (404, {"detail": "no"})})
    assert missing.state == "failed" and "airflow pools set gpu 1" in missing.advice
    _, other, _ = airflow(AIRFLOW, MELI_SLOTS=2)
    assert other.state == "failed" and "MELI_SLOTS=1" in other.advice
    *_, missing = airflow({**AIRFLOW, "GET /api/v2/pools/backfill": (404, {"detail": "no"})})
    assert missing.state == "failed" and "--include-deferred" in missing.advice


def test_an_unhealthy_scheduler_wrong_credentials_and_no_user() -> None:
    for part in ({"scheduler": {"status": "unhealthy"}}, {"triggerer": {"status": None}}):
        sick = airflow({**AIRFLOW, "GET /api/v2/monitor/health": (200, {**HEALTHY, **part})})[0]
        assert sick.state == "failed" and next(iter(part)) in sick.observed
    refused = airflow({**AIRFLOW, "POST /auth/token": (401, {})})[1]
    assert refused.state == "failed" and "MELI_AIRFLOW_PASSWORD" in refused.advice
    assert airflow(AIRFLOW, MELI_AIRFLOW_USER="")[1].state == "skipped"


def test_mlflow_that_answers_refuses_or_is_unavailable() -> None:
    with server(MLFLOW) as url:
        [line] = checks.mlflow(settings(MLFLOW_TRACKING_URI=url))
        assert line.state == "ok" and "1 experiment" in line.observed
    with server({**MLFLOW, "GET /health": (403, "Invalid Host header")}) as url:
        [line] = checks.mlflow(settings(MLFLOW_TRACKING_URI=url))
        assert line.state == "failed" and "--allowed-hosts" in line.advice
    [line] = checks.mlflow(settings(MLFLOW_TRACKING_URI=url))  # its server is gone
    assert line.state == "failed" and "does not answer" in line.observed
    [line] = checks.mlflow(settings())
    assert line.state == "skipped"


def test_mlflow_behind_a_sign_in_gets_the_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    refuses = {**MLFLOW, "POST /api/2.0/mlflow/experiments/search": (401, "sign in")}
    with server(refuses) as url:
        [line] = checks.mlflow(settings(MLFLOW_TRACKING_URI=url))
        assert line.state == "failed" and "MLFLOW_TRACKING_USERNAME" in line.advice
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "meli")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "secret")
    with server(MLFLOW, sign_in="Basic bWVsaTpzZWNyZXQ=") as url:
        [line] = checks.mlflow(settings(MLFLOW_TRACKING_URI=url))
        assert line.state == "ok"


@pytest.mark.parametrize("password", ["secret", "p@s:s/w?r#d %"])
def test_mlflow_is_reached_as_the_tasks_reach_it(monkeypatch: pytest.MonkeyPatch, password: str) -> None:
    """With what MLflow's client understands, also behind a proxy that guards every address of the server."""
    basic = f"Basic {b64encode(f'meli:{password}'.encode()).decode()}"
    with server(MLFLOW, sign_in=basic) as url:
        address = url.replace("://", f"://meli:{quote(password, safe='')}@")
        [line] = checks.mlflow(settings(MLFLOW_TRACKING_URI=address))
        assert (line.state, line.observed) == ("ok", f"{url.replace('://', '://...@')} answers; 1 experiment")
        assert tracking_client.MlflowServer(address).post("experiments/search", max_results=1) == {"experiments": [{}]}
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "a-token")
    with server(MLFLOW, sign_in="Bearer a-token") as url:
        [line] = checks.mlflow(settings(MLFLOW_TRACKING_URI=url.replace("://", "://other:one@")))
        assert line.state == "ok"


@pytest.mark.parametrize("value", ["true", "1", "TRUE"])
def test_certificates_are_checked_unless_mlflows_own_variable_says_otherwise(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_INSECURE_TLS", value)
    assert http_client().verify is False
    for checked in ("0", "false", ""):
        monkeypatch.setenv("MLFLOW_TRACKING_INSECURE_TLS", checked)
        assert http_client().verify is True


def test_airflow_with_a_sign_in_in_its_address_or_in_netrc(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login other password one\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with server(AIRFLOW) as url:
        address = url.replace("://", "://admin:p%40ss@")
        lines = list(checks.airflow(settings(MELI_AIRFLOW_URL=address)))
    assert [line.state for line in lines] == ["ok", "ok", "ok"]
    assert not any("p%40ss" in line.observed for line in lines)


def test_a_full_disk_fails_the_check(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    [fine] = checks.disk(settings(MELI_CACHE=tmp_path / "cache"))
    assert fine.state == "ok"
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 1e8})())
    [line] = checks.disk(settings(MELI_CACHE=tmp_path / "cache"))
    assert line.state == "failed" and "0.1 GB free" in line.observed and "MELI_CACHE" in line.advice


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "PACKAGES", ("numpy", "no-such-package"))
    [line] = checks.python(settings())
    assert line.state == "failed" and "no-such-package is missing" in line.observed


def test_the_whole_doctor_on_a_store_in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MELI_STORE", (tmp_path / "store").as_uri())
    result = here("doctor", "--json")
    report = json.loads(result.stdout)
    states = {line["name"]: line["state"] for line in report["checks"]}
    assert states["store: conditional create"] == states["store: conditional replace"] == "ok"
    assert states["mlflow"] == states["airflow"] == "skipped"
    assert report["ok"] and result.exit_code == 0, report
    assert "store: write and read" in here("doctor").stdout


def test_a_failed_check_exits_with_one_and_the_others_still_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MELI_SETS", "quick_mlp,no_such_set")
    result = here("doctor", "--json")
    failed = {line["name"]: line for line in json.loads(result.stdout)["checks"] if line["state"] == "failed"}
    assert result.exit_code == 1
    assert set(failed) == {"store", "sets"}
    assert "MELI_STORE is not set" in failed["store"]["observed"]
    assert "no_such_set" in failed["sets"]["observed"]


def test_settings_that_cannot_be_read_are_a_failed_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MELI_SLOTS", "0")
    result = here("doctor", "--json")
    assert result.exit_code == 1
    assert "MELI_SLOTS" in json.loads(result.stdout)["checks"][0]["observed"]


def doctor(monkeypatch: pytest.MonkeyPatch, **environment: str) -> dict[str, dict[str, str]]:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return {line["name"]: line for line in json.loads(here("doctor", "--json").stdout)["checks"]}


@pytest.mark.integration
def test_the_doctor_on_real_servers(
    s3_server: S3Server, mlflow_server: MlflowServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    store = f"s3://{s3_server.bucket}/doctor"
    lines = doctor(monkeypatch, MELI_STORE=store, **s3_server.environment, **mlflow_server.environment)
    assert [name for name, line in lines.items() if line["state"] == "failed"] == []
    assert lines["store: conditional create"]["state"] == lines["mlflow"]["state"] == "ok"


@pytest.mark.integration
def test_the_doctor_names_a_read_only_key_wrong_keys_and_a_missing_bucket(
    s3_server: S3Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    store = f"s3://{s3_server.bucket}/doctor"
    read_only = doctor(monkeypatch, MELI_STORE=store, **s3_server.reader_environment)
    assert read_only["store: write and read"]["state"] == "failed"
    wrong = doctor(monkeypatch, **{**s3_server.environment, "AWS_SECRET_ACCESS_KEY": "wrong"})
    assert wrong["store: write and read"]["state"] == "failed"
    absent = doctor(monkeypatch, **{**s3_server.environment, "MELI_STORE": "s3://no-such-bucket/doctor"})
    assert "no-such-bucket" in absent["store: write and read"]["observed"]
