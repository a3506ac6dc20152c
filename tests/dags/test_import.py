"""The dag-processor reads the file again and again, and every task loads the plugin: both must stay light."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from tests.airflow_process import InAirflow

pytestmark = pytest.mark.airflow

HEAVY = ["torch", "gensim", "mlflow", "pandas", "pyarrow", "polars", "sklearn", "boto3"]

SCRIPT = """
import json, sys, time
import airflow.sdk, airflow.sdk.exceptions, airflow.plugins_manager, pendulum
before = set(sys.modules)
started = time.process_time()
import {module}
print(json.dumps({{"seconds": time.process_time() - started, "loaded": sorted(set(sys.modules) - before)}}))
"""


def imported(in_airflow: InAirflow, module: str) -> tuple[float, set[str]]:
    done = in_airflow("-c", SCRIPT.format(module=module))
    assert done.returncode == 0, done.stderr[-2000:]
    answer = json.loads(done.stdout.splitlines()[-1])
    return answer["seconds"], {name.split(".")[0] for name in answer["loaded"]}


def test_the_dag_file_loads_nothing_heavy_and_takes_under_half_a_second(in_airflow: InAirflow) -> None:
    seconds, loaded = imported(in_airflow, "meli_training")
    assert "meli_tasks" in loaded
    assert not loaded & set(HEAVY)
    assert seconds < 0.5


def test_the_plugin_costs_a_task_next_to_nothing(in_airflow: InAirflow) -> None:
    seconds, loaded = imported(in_airflow, "meli_links")
    assert not loaded & {*HEAVY, "meli_tasks", "fastapi", "sqlalchemy"}
    assert seconds < 0.1


def test_the_form_has_a_typed_field_for_every_parameter(in_airflow: InAirflow) -> None:
    schemas_of = "{name: dag.params.get_param(name).schema for name in dag.params}"
    script = f"import json; from meli_training import dag; print(json.dumps({schemas_of}))"
    done = in_airflow("-c", script)
    assert done.returncode == 0, done.stderr[-2000:]
    schemas = json.loads(done.stdout.splitlines()[-1])
    assert all("type" in schema and "section" in schema for schema in schemas.values())
    assert schemas["as_of"]["type"] == ["string", "null"]
    assert schemas["language"]["enum"] == ["any", "spanish", "portuguese"]
    assert {"mlp", "cnn"} <= set(schemas["sets"]["examples"])


def test_a_broken_setting_is_named_when_the_file_is_read(in_airflow: InAirflow) -> None:
    done = in_airflow("-c", "import meli_training", MELI_SCHEDULE="0 3 * * * Mars/Olympus")
    assert done.returncode == 1
    assert "MELI_SCHEDULE" in done.stderr.splitlines()[-1]
    assert "Mars/Olympus" in done.stderr.splitlines()[-1]


def test_a_training_asks_for_a_card_by_queue_and_by_pod(in_airflow: InAirflow) -> None:
    kept = "[dag.get_task(name).partial_kwargs for name in ('train_mlp', 'train_cnn', 'search')]"
    script = f"import json; from meli_training import dag; print(json.dumps({kept}, default=str))"
    done = in_airflow("-c", script)
    assert done.returncode == 0, done.stderr[-2000:]
    for asked in json.loads(done.stdout.splitlines()[-1]):
        assert (asked["queue"], asked["pool"]) == ("gpu", "gpu")
        pod = yaml.safe_load(Path(asked["executor_config"]["pod_template_file"]).read_text(encoding="utf-8"))
        assert pod["spec"]["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == "1"
