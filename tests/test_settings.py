from __future__ import annotations

import os
from pathlib import Path

import pytest

from meli_tasks.core.errors import BadSettings
from meli_tasks.settings import Settings, _warn_of_old_name


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


VALUES = {"MELI_DEVICE": "cpu", "MELI_NOTIFY": "always", "MELI_SCHEDULE": "none"}
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
        assert Settings.from_environment({**home, "MELI_CARDS": "2"}).gpus == 2
    assert caplog.text.count("MELI_CARDS is deprecated: it is called MELI_GPUS now") == 1
    assert Settings.from_environment({**home, "MELI_CARDS": "2", "MELI_GPUS": "3"}).gpus == 3
    (tmp_path / "environment").write_text("MELI_GPUS=4\n")
    assert Settings.from_environment({**home, "MELI_CARDS": "2"}).gpus == 2


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
        ("MELI_SCHEDULE", "0 3 * *"),
        ("MELI_SLOTS", "0"),
        ("MELI_DEVICE", "tpu"),
        ("MELI_CACHE_GB", "much"),
    ],
)
def test_a_bad_setting_is_named_with_what_was_seen(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(BadSettings) as caught:
        Settings.from_environment({"MELI_HOME": str(tmp_path), name: value})
    assert name in str(caught.value)
    assert value in str(caught.value)
    assert "value error" not in str(caught.value).lower()
    assert "america/" not in str(caught.value)  # examples keep their capitals


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
