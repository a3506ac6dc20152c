"""The compose file, the Dockerfiles and the secrets, by the real Compose and hadolint; nothing is started here."""

from __future__ import annotations

import itertools
import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from meli_tasks.settings import Settings

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
PROFILES = ("s3", "cpu", "gpu", "serving")
ONCE = {"check", "databases", "init"}
# Where a setting has no meaning for tasks: those with which the doctor signs in, and what only the service reads.
ELSEWHERE = {
    "MELI_AIRFLOW_USER", "MELI_AIRFLOW_PASSWORD", "MELI_SERVING_HOST", "MELI_SERVING_PORT", "MELI_SERVING_KEYS",
    "MELI_SERVING_KEYS_FILE",
}  # fmt: skip


def compose(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    command = [str(BIN / "docker-compose"), "--project-directory", str(ROOT)]
    if "--file" not in arguments:
        command += ["--file", str(ROOT / "docker-compose.yaml")]
    if (folder / ".env").exists():
        command += ["--env-file", str(folder / ".env")]
    return subprocess.run(
        [*command, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def services(folder: Path, *arguments: str) -> dict[str, Any]:
    shown = compose(folder, *arguments, "--profile", "*", "config", "--format", "json")
    assert shown.returncode == 0, shown.stderr
    found: dict[str, Any] = json.loads(shown.stdout)["services"]
    return found


def script(name: str, folder: Path, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "docker" / name)]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def variables(file: Path) -> dict[str, str]:
    lines = (line for line in file.read_text().splitlines() if line and not line.startswith("#"))
    return dict(line.split("=", 1) for line in lines)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One with a fresh .env."""
    assert script("write_secrets.py", tmp_path).returncode == 0
    return tmp_path


@pytest.fixture
def drawn(folder: Path) -> dict[str, str]:
    """The variables of a fresh .env."""
    return variables(folder / ".env")


@pytest.mark.parametrize(
    "profiles", [chosen for many in range(5) for chosen in itertools.combinations(PROFILES, many)], ids="+".join
)
def test_every_choice_of_profiles_is_valid(folder: Path, profiles: tuple[str, ...]) -> None:
    with (folder / ".env").open("a") as file:
        file.write(f"COMPOSE_PROFILES={','.join(profiles)}\n")
    checked = compose(folder, "config", "--services")
    assert checked.returncode == 0, checked.stderr
    chosen = {"cpu-trainer": "cpu" in profiles, "gpu-worker": "gpu" in profiles}
    chosen |= {name: name in profiles for name in ("s3", "serving")}
    assert {name: name in checked.stdout.split() for name in chosen} == chosen


def test_secrets_are_for_their_owner_and_kept(folder: Path) -> None:
    assert stat.S_IMODE((folder / ".env").stat().st_mode) == 0o600
    before = (folder / ".env").read_text()
    again = script("write_secrets.py", folder)
    assert again.returncode != 0
    assert (folder / ".env").read_text() == before


def test_secrets_that_a_new_version_needs_are_added(folder: Path) -> None:
    before = (folder / ".env").read_text()
    lines = [line for line in before.splitlines() if "_DATABASE_" not in line]
    (folder / ".env").write_text("\n".join(lines))
    added = script("write_secrets.py", folder)
    assert added.stdout == (
        "Added AIRFLOW_DATABASE_PASSWORD, MLFLOW_DATABASE_PASSWORD to .env. The rest of it was kept.\n"
    )
    after = (folder / ".env").read_text().splitlines()
    assert after[:-2] == lines
    assert {line.partition("=")[0] for line in after} == {line.partition("=")[0] for line in before.splitlines()}


def test_fresh_secrets_are_accepted(folder: Path, drawn: dict[str, str]) -> None:
    accepted = script("check_secrets.py", folder, drawn)
    assert accepted.returncode == 0, accepted.stderr


def test_a_missing_secret_is_refused(folder: Path, drawn: dict[str, str]) -> None:
    needed = [name for name in drawn if not name.startswith(("AWS_", "COMPOSE_", "MELI_S3", "MELI_SERVING"))]
    assert len(needed) == 15
    for name in needed:
        rest = {other: value for other, value in drawn.items() if other != name}
        (folder / ".env").write_text("".join(f"{other}={value}\n" for other, value in rest.items()))
        refused = compose(folder, "config", "--quiet")
        assert refused.returncode != 0, name
        assert f"{name} is missing a value: run make secrets first" in refused.stderr


def test_the_example_is_refused_and_names_every_secret(folder: Path, drawn: dict[str, str]) -> None:
    example = variables(ROOT / ".env.example")
    assert example.keys() == drawn.keys()
    refused = script("check_secrets.py", folder, example)
    assert refused.returncode != 0
    secret = drawn.keys() - {"MELI_STORE", "MELI_S3_ENDPOINT", "COMPOSE_PROFILES"}
    for name in secret:
        assert f"{name} has an example value" in refused.stderr


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("REDIS_PASSWORD", "k9", "REDIS_PASSWORD has 2 characters and needs 16"),
        ("POSTGRES_PASSWORD", "a" * 30, "POSTGRES_PASSWORD has too few distinct characters (1)"),
        ("MLFLOW_DATABASE_PASSWORD", "4f7d1c/9b2e8@a6d5c3", "MLFLOW_DATABASE_PASSWORD is part of a URL"),
        ("MELI_ADMIN_PASSWORD", "AdminAdmin123456", "MELI_ADMIN_PASSWORD has an example value"),
        ("AIRFLOW_FERNET_KEY", "4f7d1c9b2e8a6d5c3f1b", "AIRFLOW_FERNET_KEY is not 32 bytes in URL-safe base64"),
        ("AWS_SECRET_ACCESS_KEY", "", "AWS_SECRET_ACCESS_KEY is missing"),
        ("AWS_ACCESS_KEY_ID", "minioadmin", "AWS_ACCESS_KEY_ID has an example value"),
        ("MELI_STORE", "file:///srv/meli", "MELI_STORE is 'file:///srv/meli'"),
    ],
)
def test_weak_values_are_refused_without_printing_them(
    folder: Path, drawn: dict[str, str], name: str, value: str, message: str
) -> None:
    refused = script("check_secrets.py", folder, drawn | {name: value})
    assert refused.returncode != 0
    assert message in refused.stderr
    assert not any(secret in refused.stderr for key, secret in drawn.items() if key.endswith(("PASSWORD", "SECRET")))


def test_two_equal_secrets_are_refused(folder: Path, drawn: dict[str, str]) -> None:
    refused = script("check_secrets.py", folder, drawn | {"REDIS_PASSWORD": drawn["POSTGRES_PASSWORD"]})
    assert "REDIS_PASSWORD is the same as POSTGRES_PASSWORD" in refused.stderr


def test_on_aws_a_role_may_replace_the_keys(folder: Path, drawn: dict[str, str]) -> None:
    without = drawn | {"MELI_S3_ENDPOINT": "", "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
    assert script("check_secrets.py", folder, without).returncode == 0
    (folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in without.items()))
    connection = json.loads(services(folder)["worker"]["environment"]["AIRFLOW_CONN_MELI_S3"])
    assert connection["extra"] == {"region_name": "us-east-1"}


def test_task_logs_go_to_the_same_s3_as_results(folder: Path, drawn: dict[str, str]) -> None:
    environment = services(folder)["worker"]["environment"]
    connection = json.loads(environment["AIRFLOW_CONN_MELI_S3"])
    assert connection["extra"]["endpoint_url"] == environment["MELI_S3_ENDPOINT"] == drawn["MELI_S3_ENDPOINT"]
    assert connection["login"] == drawn["AWS_ACCESS_KEY_ID"]
    assert environment["AIRFLOW__LOGGING__REMOTE_BASE_LOG_FOLDER"] == f"{drawn['MELI_STORE']}/logs"


def test_services_reach_each_other_without_a_proxy(folder: Path) -> None:
    """Docker's client may give all containers HTTP_PROXY."""
    every = services(folder)
    for asking in ("worker", "api-server", "mlflow", "s3"):
        environment = every[asking]["environment"]
        assert environment["NO_PROXY"] == environment["no_proxy"]
        assert {"127.0.0.1", "mlflow", "s3", "api-server"} <= set(environment["NO_PROXY"].split(","))


def test_every_setting_reaches_the_tasks(folder: Path) -> None:
    known = {str(field.alias) for field in Settings.model_fields.values()} - ELSEWHERE
    assert known <= services(folder)["worker"]["environment"].keys()


def test_the_service_has_all_settings_and_its_keys_but_no_other_secret(folder: Path, drawn: dict[str, str]) -> None:
    found = services(folder)["serving"]
    known = {str(field.alias) for field in Settings.model_fields.values()} - ELSEWHERE
    assert known | {"MELI_SERVING_HOST", "MELI_SERVING_PORT"} <= found["environment"].keys()
    assert found["environment"]["MELI_SERVING_KEYS"] == drawn["MELI_SERVING_KEYS"]
    others = {name for name in drawn if name.endswith(("PASSWORD", "SECRET", "FERNET_KEY"))}
    values = found["environment"].values()
    assert not {drawn[name] for name in others - {"MLFLOW_TRACKING_PASSWORD"}} & set(values)
    assert found["ports"][0]["host_ip"] == "127.0.0.1"
    # It is healthy before there is a champion: a new cluster has none.
    assert found["healthcheck"]["test"][-1] == "http://127.0.0.1:8900/health/live"


def test_an_environment_of_before_the_service_is_still_accepted(folder: Path, drawn: dict[str, str]) -> None:
    before = {name: value for name, value in drawn.items() if name != "MELI_SERVING_KEYS"}
    assert script("check_secrets.py", folder, before).returncode == 0
    (folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in before.items()))
    assert services(folder)["serving"]["environment"]["MELI_SERVING_KEYS"] == ""


def test_every_service_is_confined_limited_and_watched(folder: Path) -> None:
    for name, service in services(folder).items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert "mem_limit" in service or service["deploy"]["resources"]["limits"]["memory"], name
        assert service["image"].startswith("meli-tasks:") or service["user"], name
        pinned = re.search(r":\d+\.\d+[\w.-]*@sha256:[0-9a-f]{64}$", service["image"])
        assert service["image"].startswith("meli-tasks:") or pinned, name
        assert service["restart"] == ("no" if name in ONCE else "unless-stopped"), name
        assert ("healthcheck" in service) == (name not in ONCE), name
        assert all(needed["condition"] != "service_started" for needed in service.get("depends_on", {}).values()), name


def test_a_server_shares_a_network_only_with_those_who_use_it(folder: Path) -> None:
    members = {name: set(service.get("networks", ())) for name, service in services(folder).items()}
    assert members["check"] == set()
    airflow = {"init", "api-server", "scheduler", "dag-processor", "triggerer", "worker", "cpu-trainer", "gpu-worker"}
    users = {"postgres": airflow | {"databases", "mlflow"}, "redis": airflow, "s3": airflow | {"mlflow", "serving"}}
    for server, its_users in users.items():
        [network] = members[server]
        assert {name for name, networks in members.items() if network in networks} == its_users | {server}
    networks = json.loads(compose(folder, "config", "--format", "json").stdout)["networks"]
    assert {name for name, network in networks.items() if network.get("internal")} == {"database", "broker", "storage"}


def test_each_service_gets_the_password_of_its_own_role_in_postgres_only(folder: Path, drawn: dict[str, str]) -> None:
    """Only `databases`, which ends, can become the superuser; `check` has no network."""
    environments = {name: json.dumps(service.get("environment", {})) for name, service in services(folder).items()}
    readers = {
        secret: {name for name, environment in environments.items() if drawn[secret] in environment}
        for secret in ("POSTGRES_PASSWORD", "AIRFLOW_DATABASE_PASSWORD", "MLFLOW_DATABASE_PASSWORD")
    }
    airflow = {"init", "api-server", "scheduler", "dag-processor", "triggerer", "worker", "cpu-trainer", "gpu-worker"}
    assert readers == {
        "POSTGRES_PASSWORD": {"check", "databases", "postgres"},
        "AIRFLOW_DATABASE_PASSWORD": {"check", "databases"} | airflow,
        "MLFLOW_DATABASE_PASSWORD": {"check", "databases", "mlflow"},
    }
    environment = services(folder)["scheduler"]["environment"]
    assert "//airflow:" in environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]
    assert "//airflow:" in environment["AIRFLOW__CELERY__RESULT_BACKEND"]
    assert "//mlflow:" in services(folder)["mlflow"]["environment"]["MLFLOW_DATABASES"]


def test_the_s3_server_demands_certificates_at_its_other_ports() -> None:
    dockerfile = (ROOT / "docker" / "Dockerfile").read_text(encoding="utf-8")
    entry = json.loads(re.search(r"ENTRYPOINT (\[.*?\])", dockerfile, re.DOTALL)[1].replace("\\\n", ""))  # type: ignore[index]
    assert entry[:4] == ["python3", "/opt/meli/s3_security.py", "/tmp/security", "weed"]
    assert {"-config_dir=/tmp/security", "-disableHttp"} <= set(entry)


def test_no_password_is_among_the_arguments_of_a_process(folder: Path, drawn: dict[str, str]) -> None:
    """Every user of the machine sees them; the environment of a process only its owner."""
    secret = {
        value for name, value in drawn.items() if name not in {"MELI_STORE", "MELI_S3_ENDPOINT", "COMPOSE_PROFILES"}
    }
    for name, service in services(folder).items():
        arguments = [*(service.get("entrypoint") or []), *(service.get("command") or [])]
        arguments += service.get("healthcheck", {}).get("test", [])
        assert not [part for part in arguments if any(value in part for value in secret)], name


@pytest.mark.parametrize(("worker", "gpu", "files"), [("gpu-worker", "0", ()), ("gpu-worker-2", "1", ("second-gpu",))])
def test_a_gpu_worker_has_one_gpu_and_one_training_task(
    folder: Path, worker: str, gpu: str, files: tuple[str, ...]
) -> None:
    paths = [ROOT / "docker-compose.yaml", *(ROOT / "docker" / f"{file}.yaml" for file in files)]
    found = services(folder, *(part for path in paths for part in ("--file", str(path))))[worker]
    assert found["deploy"]["resources"]["reservations"]["devices"] == [
        {"driver": "nvidia", "device_ids": [gpu], "capabilities": ["gpu"]}
    ]
    command = " ".join(found["command"])
    assert "--queues gpu" in command
    assert "--concurrency 1" in command
    assert found["environment"]["MELI_DEVICE"] == "cuda"
    assert found["image"] == "meli-tasks:gpu"


def test_the_second_machine_takes_part_in_what_the_gpu_worker_trains(folder: Path) -> None:
    paths = [ROOT / "docker-compose.yaml", ROOT / "docker" / "several-machines.yaml"]
    found = services(folder, *(part for path in paths for part in ("--file", str(path))))
    worker, node = found["gpu-worker"], found["gpu-node"]
    for name in ("MELI_NODES", "MELI_RENDEZVOUS", "MELI_DEVICES", "MELI_DEVICE", "MELI_STORE"):
        assert worker["environment"][name] == node["environment"][name], name
    assert worker["environment"]["MELI_RENDEZVOUS"] == "gpu-worker:29400"
    assert node["command"] == ["meli", "node"]
    devices = [each["deploy"]["resources"]["reservations"]["devices"][0]["device_ids"] for each in (worker, node)]
    assert devices == [["0"], ["1"]]


@pytest.mark.parametrize("file", ["docker/Dockerfile", "tests/docker/stand_in/Dockerfile"])
def test_the_dockerfiles_are_clean(file: str) -> None:
    linted = subprocess.run([BIN / "hadolint", ROOT / file], capture_output=True, text=True, check=False)
    assert linted.returncode == 0, linted.stdout
