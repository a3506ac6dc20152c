from __future__ import annotations

import os
from pathlib import Path

import pytest

from meli_tasks.core.errors import BadSettings
from meli_tasks.settings import Settings


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


def test_an_empty_variable_is_no_setting(tmp_path: Path) -> None:
    assert Settings.from_environment({"MELI_HOME": str(tmp_path), "MELI_SOURCE": ""}).source.startswith("sample:")


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
