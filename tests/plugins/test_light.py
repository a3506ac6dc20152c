"""Every task process imports every plugin: all of them together must cost it next to nothing."""

from __future__ import annotations

import json

import pytest

from tests.airflow_process import ROOT, InAirflow
from tests.dags.test_import import HEAVY, imported, packages

pytestmark = pytest.mark.airflow

HEAVY_PARTS = {"meli_airflow.application", "meli_airflow.auth", "meli_tasks.pages", "meli_tasks.store"}
MOST_MODULES = 12

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


def test_all_plugins_together_load_a_handful_of_modules(in_airflow: InAirflow) -> None:
    names = sorted(path.stem for path in (ROOT / "plugins").glob("*.py"))
    assert {"meli_links", "meli_pages"} <= set(names)
    loaded = imported(in_airflow, *names)
    assert not packages(loaded) & {*HEAVY, "meli_tasks", "fastapi", "starlette", "sqlalchemy"}
    assert not loaded & HEAVY_PARTS
    assert len(loaded) <= MOST_MODULES


def test_airflow_loads_the_plugins_and_nothing_else_of_the_folder(in_airflow: InAirflow) -> None:
    done = in_airflow("-c", LOADED)
    assert done.returncode == 0, done.stderr[-2000:]
    answered = json.loads(done.stdout.splitlines()[-1])
    assert answered["errors"] == {}
    assert {"meli_links", "meli_pages"} <= set(answered["names"])
    assert answered["pages"] == {"Models": "nav", "Result": "dag_run", "Learning curves": "task_instance"}
    # Relative, so it holds where Airflow lives under a path.
    assert answered["bundles"] == ["meli/static/pages.js"]
