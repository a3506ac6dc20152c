from __future__ import annotations

import os
from pathlib import Path

import pytest

from meli_tasks.core.errors import BadSettings
from meli_tasks.settings import Settings, _warn_of_old_name, home


def test_the_environment_wins_over_what_the_stack_wrote(tmp_path: Path) -> None:
    (tmp_path / "environment").write_text("# written by the demo\nMELI_STORE=s3://demo/a\nMELI_SETS=quick_mlp\n")
    settings = Settings.from_environment({"MELI_HOME": str(tmp_path), "MELI_SETS": "cnn"})
    assert (settings.store, settings.sets) == ("s3://demo/a", "cnn")


def test_a_store_and_its_keys_come_from_one_place(tmp_path: Path) -> None:
    (tmp_path / "environment").write_text(
        "MELI_STORE=s3://demo/a\nMELI_S3_ENDPOINT=http://demo\nAWS_ACCESS_KEY_ID=demo\nAWS_SECRET_ACCESS_KEY=demo\n"
    )
    given = {"MELI_HOME": str(tmp_path), "AWS_ACCESS_KEY_ID": "mine", "AWS_SECRET_ACCESS_KEY": "mine"}
    demo = Settings.from_environment(given)
    assert (demo.store, demo.s3_endpoint, demo.access_key, demo.secret_key) == (
        "s3://demo/a", "http://demo", "demo", "demo",
    )  # fmt: skip
    mine = Settings.from_environment({**given, "MELI_STORE": "s3://mine/b"})
    assert (mine.store, mine.s3_endpoint, mine.access_key, mine.secret_key) == ("s3://mine/b", "", "mine", "mine")
    assert Settings.from_environment({"MELI_HOME": str(tmp_path), "MELI_STORE": "s3://mine/b"}).secret_key == ""


WEB = "http://written:7"
VALUES = {
    "MELI_ADDRESSES": "https://me:written@host/7",
    "MELI_DEVICE": "cpu", "MELI_NOTIFY": "always", "MELI_SCHEDULE": "none", "MELI_STORE": "s3://written/7",
    "MELI_EMPTY_DAYS": "skip", "MELI_BATCH_SCHEDULE": "@daily", "MELI_BATCH_AFTER_PROMOTION": "true",
    "MELI_VERIFY_SCHEDULE": "@weekly", "MELI_VERIFY_REPAIR": "true",
    "MELI_MONITORING_SCHEDULE": "@daily", "MELI_MONITORING_TITLES": 700,
    "MELI_SOURCES": "s3://written", "MELI_PRUNE_SCHEDULE": "@daily", "MELI_MONITORING_RETRAIN": "advise",
    "MELI_SERVING_LOG_TITLES": "true", "MELI_RENDEZVOUS": "trainer:29400",
    "MELI_EMAIL": "a@b", "MELI_EMAIL_FROM": "a@b", "MELI_SMTP": "smtp://written",
} | dict.fromkeys(
    ("MELI_S3_ENDPOINT", "MLFLOW_TRACKING_URI", "MELI_MLFLOW_URL", "MELI_AIRFLOW_URL", "MELI_WEBHOOK",
     "MELI_SERVING_URL"), WEB
)  # fmt: skip
ALIASES = {str(field.alias): name for name, field in Settings.model_fields.items()}


@pytest.mark.parametrize("variable", ALIASES)
def test_a_variable_set_to_nothing_overrides_the_file_with_the_default(tmp_path: Path, variable: str) -> None:
    (tmp_path / "environment").write_text(f"{variable}={VALUES.get(variable, 7)}\n")
    default = getattr(Settings(), ALIASES[variable])
    written = Settings.from_environment({"MELI_HOME": str(tmp_path)})
    assert getattr(written, ALIASES[variable]) != default
    emptied = Settings.from_environment({"MELI_HOME": str(tmp_path), variable: ""})
    assert getattr(emptied, ALIASES[variable]) == default


@pytest.mark.parametrize("value", ["none", "None", ""])
def test_none_is_no_tracking(tmp_path: Path, value: str) -> None:
    (tmp_path / "environment").write_text("MLFLOW_TRACKING_URI=http://demo:5000\n")
    assert Settings.from_environment({"MELI_HOME": str(tmp_path), "MLFLOW_TRACKING_URI": value}).mlflow_uri == ""


def test_another_store_is_not_tracked_in_the_demos_mlflow(tmp_path: Path) -> None:
    (tmp_path / "environment").write_text("MELI_STORE=s3://demo/a\nMLFLOW_TRACKING_URI=http://demo:5000\n")
    home = {"MELI_HOME": str(tmp_path)}
    assert Settings.from_environment(home).mlflow_uri == "http://demo:5000"
    assert Settings.from_environment({**home, "MELI_STORE": "file:///mine"}).mlflow_uri == ""
    mine = {"MELI_STORE": "file:///mine", "MLFLOW_TRACKING_URI": "http://mine:5000"}
    assert Settings.from_environment({**home, **mine}).mlflow_uri == "http://mine:5000"


def test_a_variable_under_its_old_name_is_still_read(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    home = {"MELI_HOME": str(tmp_path)}
    _warn_of_old_name.cache_clear()
    for _ in range(2):
        assert Settings.from_environment({**home, "MELI_CARDS": "2"}).devices == 2
    assert caplog.text.count("MELI_CARDS is deprecated: it is called MELI_DEVICES now") == 1
    assert Settings.from_environment({**home, "MELI_CARDS": "2", "MELI_GPUS": "3"}).devices == 3
    assert Settings.from_environment({**home, "MELI_GPUS": "3", "MELI_DEVICES": "5"}).devices == 5
    (tmp_path / "environment").write_text("MELI_GPUS=4\n")
    assert Settings.from_environment({**home, "MELI_CARDS": "2"}).devices == 2


def test_values_of_the_file_are_taken_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "environment").write_text("MELI_SOURCE=/a b/#1/{ds}.csv'\n")
    assert Settings.from_environment({"MELI_HOME": str(tmp_path)}).source == "/a b/#1/{ds}.csv'"


def test_the_arguments_of_settings_are_all_it_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MELI_STORE", "s3://from/the/environment")
    assert Settings().store == ""


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MELI_SCHEDULE", "0 3 * * * Mars/Olympus"),
        ("MELI_SCHEDULE", "0 3 * * * America"),  # a folder of zones
        ("MELI_SCHEDULE", "0 3 * * * zone.tab"),
        ("MELI_SCHEDULE", "0 3 * *"),
        ("MELI_SCHEDULE", "99 3 * * *"),
        ("MELI_SCHEDULE", "@nightly"),
        ("MELI_SCHEDULE", "@once America/Sao_Paulo"),
        ("MELI_SCHEDULE", "0 0 31 2 *"),
        ("MELI_SCHEDULE", "0 0 3 * * *"),
        ("MELI_SLOTS", "0"),
        ("MELI_SLOTS", "65"),
        ("MELI_THREADS", "-1"),
        ("MELI_DEVICE", "tpu"),
        ("MELI_CACHE_GB", "much"),
        ("MELI_CACHE_GB", "inf"),
        ("MELI_CACHE_GB", "nan"),
        ("MELI_DEADLINE_MINUTES", "inf"),
        ("MELI_DEADLINE_MINUTES", "1e12"),
        ("MELI_DEADLINE_MINUTES", "-5"),
        ("MELI_STORE", "/srv/meli"),
        ("MELI_STORE", "s3://"),
        ("MELI_STORE", "s3:///prefix"),
        ("MELI_STORE", "s3://a bucket/x"),
        ("MELI_STORE", "file://srv/meli"),
        ("MELI_S3_ENDPOINT", "127.0.0.1:9000"),
        ("MELI_S3_ENDPOINT", "http://:9000"),
        ("AWS_ENDPOINT_URL_S3", "ftp://host"),
        ("MLFLOW_TRACKING_URI", "localhost:5000"),
        ("MLFLOW_TRACKING_URI", "http://host:99999"),
        ("MLFLOW_TRACKING_URI", "sqlite:///mlflow.db"),
        ("MELI_MLFLOW_URL", "mlflow.example.com"),
        ("MELI_AIRFLOW_URL", "http:/localhost:8080"),
        ("MELI_AIRFLOW_URL", "http://local host"),
        ("MELI_EMAIL", "ops@example.com, nobody"),
        ("MELI_EMAIL_FROM", "meli@"),
        ("MELI_SETS", "mlp,two words"),
        ("MELI_SETS", ","),
    ],
)
def test_a_bad_setting_is_named_with_what_was_seen(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(BadSettings) as caught:
        Settings.from_environment({"MELI_HOME": str(tmp_path), name: value})
    assert name.replace("AWS_ENDPOINT_URL_S3", "MELI_S3_ENDPOINT") in str(caught.value)
    assert value in str(caught.value)
    assert "value error" not in str(caught.value).lower()
    assert "america/" not in str(caught.value)  # examples keep their capitals


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MELI_WEBHOOK", "hooks.example.com/services/hush"),
        ("MELI_WEBHOOK", "https://hooks example/hush"),
        ("MELI_SMTP", "mail.example.com:hush"),
        ("MELI_SMTP", "smtp://user:hu/sh@mail.example.com"),
        ("MELI_SMTP", "http://user:hush@mail.example.com"),
        ("MELI_S3_ENDPOINT", "http://user:hush@host:9000"),
        ("MLFLOW_TRACKING_URI", "ftp://user:hush@host"),
        ("MELI_AIRFLOW_URL", "http://user:hush@host:port"),
        ("MLFLOW_TRACKING_URI", "http://user:hush@[host"),
    ],
)
def test_a_bad_setting_with_a_secret_is_named_without_it(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(BadSettings, match=name) as caught:
        Settings.from_environment({"MELI_HOME": str(tmp_path), name: value})
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MELI_STORE", "file:///srv/a%20b"),
        ("MELI_STORE", "s3://bucket-1.x_y/pre/fix"),
        ("MELI_STORE", "s3://arn:aws:s3:us-east-1:123456789012:accesspoint/name"),
        ("MELI_S3_ENDPOINT", "http://[::1]:9000"),
        ("MLFLOW_TRACKING_URI", "https://user:p%40ss@mlflow.example.com/base"),
        ("MELI_SMTP", "smtps://user%40example.com:p%2Fss@mail.example.com"),
        ("MELI_EMAIL", " a@example.com , b@example.com,"),
        ("MELI_SETS", "mlp, search_cnn_20261122"),
        ("MELI_SCHEDULE", "0 3 * * MON#2 America/New_York"),
        ("MELI_SCHEDULE", "@quarterly utc"),
        ("MELI_SCHEDULE", "None"),
    ],
)
def test_a_good_setting_is_kept_as_it_is(tmp_path: Path, name: str, value: str) -> None:
    settings = Settings.from_environment({"MELI_HOME": str(tmp_path), name: value})
    assert getattr(settings, ALIASES[name]) == value


def test_credentials_in_airflows_address_sign_in_and_are_not_displayed(tmp_path: Path) -> None:
    given = {"MELI_HOME": str(tmp_path), "MELI_AIRFLOW_URL": "http://me:p%40ss@host:8080/base"}
    settings = Settings.from_environment(given)
    found = (settings.airflow_url, settings.airflow_user, settings.airflow_password)
    assert found == ("http://host:8080/base", "me", "p@ss")
    named = Settings.from_environment({**given, "MELI_AIRFLOW_USER": "you", "MELI_AIRFLOW_PASSWORD": "yours"})
    assert (named.airflow_url, named.airflow_user, named.airflow_password) == ("http://host:8080/base", "you", "yours")
    assert Settings(mlflow_pages="http://me:hush@host").mlflow_pages == "http://host"


@pytest.mark.parametrize("nothing", ["", "  "])
def test_a_home_that_is_empty_is_the_usual_one(nothing: str) -> None:
    assert home({"MELI_HOME": nothing}) == home({}) == Path(".meli")


def test_no_store_says_how_to_have_one(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match="MELI_STORE is not set"):
        Settings.from_environment({"MELI_HOME": str(tmp_path)}).open_store()


def test_secrets_are_not_shown(tmp_path: Path) -> None:
    settings = Settings.from_environment(
        {"MELI_HOME": str(tmp_path), "AWS_SECRET_ACCESS_KEY": "hush", "MELI_AIRFLOW_PASSWORD": "hush"}
    )
    assert "hush" not in repr(settings)


def test_cores_are_counted_where_the_system_has_no_affinity(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert Settings(slots=2).training_threads() == 3


def test_trainings_share_the_cores() -> None:
    cores = len(os.sched_getaffinity(0))
    assert Settings(slots=1).training_threads() == cores
    assert Settings(slots=64).training_threads() == max(1, cores // 64)
    assert Settings(slots=2, threads=5).training_threads() == 5


@pytest.mark.parametrize(
    ("schedule", "cron", "zone"),
    [
        ("0 3 * * * America/Sao_Paulo", "0 3 * * *", "America/Sao_Paulo"),
        ("30 2 * * MON-FRI", "30 2 * * MON-FRI", "UTC"),
        ("@daily America/Mexico_City", "@daily", "America/Mexico_City"),
        ("none", None, "UTC"),
        ("none America/Sao_Paulo", None, "America/Sao_Paulo"),
    ],
)
def test_one_setting_holds_the_cron_and_its_time_zone(schedule: str, cron: str | None, zone: str) -> None:
    settings = Settings(schedule=schedule)
    assert (settings.cron, settings.timezone) == (cron, zone)
