"""Every task process imports every plugin: all of them together must cost it next to nothing."""

from __future__ import annotations

import json

import pytest

from tests.airflow_process import ROOT, InAirflow

pytestmark = pytest.mark.airflow

HEAVY = {
    "torch", "gensim", "mlflow", "pandas", "pyarrow", "polars", "sklearn", "boto3", "fastapi", "starlette",
    "meli_airflow.application", "meli_airflow.auth", "meli_tasks.pages", "meli_tasks.store",
}  # fmt: skip

SCRIPT = """
import json, sys, time
process_started = time.process_time()
import airflow.sdk, airflow.sdk.exceptions, airflow.plugins_manager
before = set(sys.modules)
airflow_seconds = time.process_time() - process_started
started = time.process_time()
for name in {names}:
    __import__(name)
cost = (time.process_time() - started) / airflow_seconds
print(json.dumps({{"cost": cost, "loaded": sorted(set(sys.modules) - before)}}))
"""

LOADED = """
import json
from airflow import plugins_manager
plugins, errors = plugins_manager._get_plugins()
ours = [plugin for plugin in plugins if plugin.name.startswith("meli")]
apps = [app for plugin in ours for app in plugin.react_apps]
print(json.dumps({
    "names": sorted(plugin.name for plugin in ours), "errors": errors,
    "pages": {app["name"]: app["destination"] for app in apps}, "bundles": sorted({app["bundle_url"] for app in apps}),
}))
"""


def answer(in_airflow: InAirflow, script: str) -> dict[str, object]:
    done = in_airflow("-c", script)
    assert done.returncode == 0, done.stderr[-2000:]
    answered: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return answered


def test_all_plugins_together_cost_a_task_less_than_a_fifth_of_airflows_import(in_airflow: InAirflow) -> None:
    names = sorted(path.stem for path in (ROOT / "plugins").glob("*.py"))
    assert {"meli_links", "meli_pages"} <= set(names)
    answered = answer(in_airflow, SCRIPT.format(names=names))
    loaded = set(answered["loaded"])  # type: ignore[call-overload]
    assert not loaded & HEAVY
    assert answered["cost"] < 0.2  # type: ignore[operator]


def test_airflow_loads_the_plugins_and_nothing_else_of_the_folder(in_airflow: InAirflow) -> None:
    answered = answer(in_airflow, LOADED)
    assert answered["errors"] == {}
    assert {"meli_links", "meli_pages"} <= set(answered["names"])  # type: ignore[call-overload]
    assert answered["pages"] == {"Models": "nav", "Result": "dag_run", "Learning curves": "task_instance"}
    # Relative, so it holds where Airflow lives under a path.
    assert answered["bundles"] == ["meli/static/pages.js"]
