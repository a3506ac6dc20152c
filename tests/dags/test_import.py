"""The dag-processor reads the files again and again, and every task loads the plugins: both must stay light.

How light is counted in modules, which is the same on every machine. What they cost in CPU time is in the benchmarks.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from tests.airflow_process import ROOT, InAirflow

pytestmark = pytest.mark.airflow

HEAVY = {"torch", "gensim", "mlflow", "pandas", "pyarrow", "polars", "sklearn", "boto3"}

# Modules beyond those of Airflow itself, of which there are 1,376. Asking a person, and the triggers that wait for
# an answer, are most of what the first three load.
MOST_MODULES = {
    "meli_training": 350,
    "meli_backfill": 350,
    "meli_monitoring": 330,
    "meli_batch_predict": 140,
    "meli_prune": 130,
    "meli_verify": 130,
}

SCRIPT = """
import json, sys
import airflow.sdk, airflow.sdk.exceptions, airflow.plugins_manager, pendulum
before = set(sys.modules)
for name in {names}:
    __import__(name)
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def imported(in_airflow: InAirflow, *names: str) -> set[str]:
    """The modules that importing some loads beyond those of Airflow itself."""
    done = in_airflow("-c", SCRIPT.format(names=names))
    assert done.returncode == 0, done.stderr[-2000:]
    return set(json.loads(done.stdout.splitlines()[-1]))


def packages(modules: set[str]) -> set[str]:
    return {module.split(".")[0] for module in modules}


def test_every_dag_file_has_a_limit() -> None:
    assert set(MOST_MODULES) == {path.stem for path in (ROOT / "dags").glob("*.py")}


@pytest.mark.parametrize("name", MOST_MODULES)
def test_a_dag_file_loads_little_and_nothing_heavy(in_airflow: InAirflow, name: str) -> None:
    loaded = imported(in_airflow, name)
    assert "meli_tasks" in packages(loaded)
    assert not packages(loaded) & HEAVY
    assert len(loaded) <= MOST_MODULES[name]


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


COPIES = """
import json
from airflow.sdk.definitions.param import ParamsDict
copied = []
ParamsDict.__deepcopy__ = lambda self, memo: copied.append(len(self)) or ParamsDict(dict(self.items()))
from {name} import dag
print(json.dumps({{"fields": len(dag.params), "copied": max(copied, default=0)}}))
"""


@pytest.mark.parametrize("name", ["meli_training", "meli_backfill", "meli_batch_predict"])
def test_no_operator_copies_the_fields_of_the_form(in_airflow: InAirflow, name: str) -> None:
    done = in_airflow("-c", COPIES.format(name=name))
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["fields"] > 5
    assert found["copied"] <= 1, "a task's own parameters may be copied, but not those of the DAG"


def test_a_broken_setting_is_named_when_the_file_is_read(in_airflow: InAirflow) -> None:
    done = in_airflow("-c", "import meli_training", MELI_SCHEDULE="0 3 * * * Mars/Olympus")
    assert done.returncode == 1
    assert "MELI_SCHEDULE" in done.stderr.splitlines()[-1]
    assert "Mars/Olympus" in done.stderr.splitlines()[-1]


def test_a_training_requests_a_gpu_by_queue_and_by_pod_template(in_airflow: InAirflow) -> None:
    # A mapped task keeps its arguments; the search, which is not mapped, has them as attributes.
    kept = "[getattr(task, 'partial_kwargs', None) or vars(task) for task in map(dag.get_task, sys.argv[1:])]"
    script = f"import json, sys; from meli_training import dag; print(json.dumps({kept}, default=str, skipkeys=True))"
    done = in_airflow("-c", script, "train_mlp", "train_cnn", "search")
    assert done.returncode == 0, done.stderr[-2000:]
    for task in json.loads(done.stdout.splitlines()[-1]):
        assert (task["queue"], task["pool"]) == ("gpu", "gpu")
        pod = yaml.safe_load(Path(task["executor_config"]["pod_template_file"]).read_text(encoding="utf-8"))
        assert pod["spec"]["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == "1"


GRAPH = """
import json
from meli_training import dag
groups = {name: sorted(group.children) for name, group in dag.task_group.get_task_group_dict().items() if name}
print(json.dumps({"edges": {task.task_id: sorted(task.downstream_task_ids) for task in dag.tasks}, "groups": groups}))
"""


def test_each_task_of_the_graph_points_only_at_the_stage_after_it(in_airflow: InAirflow) -> None:
    done = in_airflow("-c", GRAPH)
    assert done.returncode == 0, done.stderr[-2000:]
    graph = json.loads(done.stdout.splitlines()[-1])
    # `ingest` points at both tasks of the group that is mapped over what it returns; closed, the group is one box. It
    # also points at the last task, without which a run whose ingest failed would end as a success.
    assert graph["edges"] == {
        "plan": ["ingest"], "ingest": ["embed", "preprocess", "promote"],
        "preprocess": ["embed"], "embed": ["cnn_sets", "mlp_sets", "search"],
        "mlp_sets": ["train_mlp"], "cnn_sets": ["train_cnn"],
        "train_mlp": ["ensemble"], "train_cnn": ["ensemble"], "search": ["ensemble"],
        "ensemble": ["evaluate"], "evaluate": ["decide"], "decide": ["approve"], "approve": ["promote"],
        "promote": [],
    }  # fmt: skip
    assert graph["groups"] == {
        "recipe": ["embed", "preprocess"], "mlp": ["mlp_sets", "train_mlp"], "cnn": ["cnn_sets", "train_cnn"],
    }  # fmt: skip


def test_workers_of_a_search_run_beside_it_and_are_no_leaves(in_airflow: InAirflow) -> None:
    done = in_airflow("-c", GRAPH, MELI_SEARCH_WORKERS="3")
    assert done.returncode == 0, done.stderr[-2000:]
    edges = json.loads(done.stdout.splitlines()[-1])["edges"]
    assert edges["embed"] == ["cnn_sets", "mlp_sets", "search", "search_trials"]
    assert edges["search_trials"] == edges["search"] == ["ensemble"]


PAST = """
import json
from types import SimpleNamespace
import pendulum
from airflow.dag_processing.dagbag import DagBag
from airflow.ti_deps.deps.exec_date_after_start_date_dep import ExecDateAfterStartDateDep
found = {{}}
for dag_id, dag in DagBag().dags.items():
    for task in dag.tasks:
        instance = SimpleNamespace(task=task, logical_date=pendulum.parse({day!r}))
        statuses = ExecDateAfterStartDateDep()._get_dep_statuses(instance, None)
        found.setdefault(dag_id, []).extend(status.reason for status in statuses if not status.passed)
print(json.dumps(found))
"""


def test_a_run_for_a_day_of_the_past_is_not_green_without_a_task(in_airflow: InAirflow, airflow_database: None) -> None:
    done = in_airflow("-c", PAST.format(day="1999-12-31T03:00:00Z"))
    assert done.returncode == 0, done.stderr[-2000:]
    refused = json.loads(done.stdout.splitlines()[-1])
    dags = ("training", "backfill", "batch_predict", "monitoring", "prune", "verify")
    assert set(refused) == {f"meli_{name}" for name in dags}
    assert not any(refused.values())


MARKED = """
import json
from airflow.sdk.exceptions import AirflowFailException
from meli_training import dag
found = {}
for name in ("ingest", "decide"):
    try:
        dag.get_task(name).python_callable(None)
    except AirflowFailException as error:
        found[name] = str(error)
print(json.dumps(found))
"""


def test_a_task_after_one_that_was_marked_as_success_fails_at_once_and_names_it(in_airflow: InAirflow) -> None:
    done = in_airflow("-c", MARKED)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["ingest"].endswith("Clear plan to run it.")
    assert found["decide"].endswith("Clear evaluate to run it.")
