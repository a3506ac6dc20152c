"""The dashboard: every metric that it asks for exists, with the labels that it names. No Grafana is started."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from meli_tasks.serving.metrics import Metrics
from tests.airflow_process import InAirflow

DASHBOARD = Path(__file__).parents[2] / "docker" / "grafana" / "meli-tasks.json"
METRIC = re.compile(r"\b(?:airflow_meli|meli_serving)_\w+")
SELECTED = re.compile(r"(\w+)\{([^}]*)\}")
LABELS = re.compile(r"(\w+)=~?\"")
GROUPED = re.compile(r"by \(([^)]*)\)")
SHOWN = re.compile(r"\{\{(\w+)\}\}")
OF_HISTOGRAMS = {"le"}


@pytest.fixture(scope="module")
def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="module")
def known(in_airflow: InAirflow) -> dict[str, set[str]]:
    """The labels of each metric by the name that Prometheus has for it."""
    done = in_airflow("-c", "import json; from meli_airflow.metrics import METRICS; print(json.dumps(METRICS))")
    pipeline = json.loads(done.stdout.splitlines()[-1])
    found = {f"airflow_{name.replace('.', '_')}": set(tags) for name, (_, tags, _) in pipeline.items()}
    metrics = Metrics()
    for collector in vars(metrics).values():
        if name := getattr(collector, "_name", ""):
            labels = set(collector._labelnames)
            endings = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}.get(collector._type, ("",))
            found |= {f"{name}{ending}": labels for ending in endings}
    return found


@pytest.mark.airflow
def test_every_query_names_metrics_and_labels_that_exist(dashboard: dict[str, Any], known: dict[str, set[str]]) -> None:
    asked: set[str] = set()
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            names = set(METRIC.findall(target["expr"]))
            assert names, target
            assert names <= known.keys(), panel["title"]
            labels = set.union(*(known[name] for name in names)) | OF_HISTOGRAMS
            assert {
                label for _, inside in SELECTED.findall(target["expr"]) for label in LABELS.findall(inside)
            } <= labels
            grouped = {label.strip() for inside in GROUPED.findall(target["expr"]) for label in inside.split(",")}
            assert grouped <= labels, panel["title"]
            displayed = set(SHOWN.findall(target["legendFormat"]))
            assert displayed <= (grouped or labels), panel["title"]
            asked |= names
    of_the_pipeline = {name for name in known if name.startswith("airflow_")} - {"airflow_meli_monitoring_examined"}
    assert of_the_pipeline <= asked


def test_panels_have_names_of_their_own_and_do_not_overlap(dashboard: dict[str, Any]) -> None:
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len({panel["title"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells
