"""The champion and the ingested titles as assets: an event only if something changed, and DAGs that wait for one."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.airflow_process import ROOT

if TYPE_CHECKING:
    from tests.airflow_process import InAirflow

pytestmark = pytest.mark.airflow

SNIPPET = re.compile(r"<!-- a DAG that waits for a champion -->\s*```python\n(.*?)```", re.DOTALL)
SCENARIOS: dict[str, Any] = {
    "kept": {"conf": {"sets": ["mlp"]}, "reused_titles": True},
    "promoted": {"conf": {"sets": ["mlp"]}, "action": "promote"},
}


@pytest.fixture(scope="module")
def runs(in_airflow: InAirflow, airflow_database: None, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Runs of meli_training beside the DAG of the documentation, in one folder of DAGs."""
    folder = tmp_path_factory.mktemp("dags")
    for path in (ROOT / "dags").iterdir():
        (folder / path.name).symlink_to(path)
    documented = SNIPPET.search((ROOT / "docs" / "operating.md").read_text(encoding="utf-8"))
    assert documented
    (folder / "announce_champion.py").write_text(documented.group(1), encoding="utf-8")
    done = in_airflow(
        str(Path(__file__).parent / "scenarios.py"),
        json.dumps(SCENARIOS),
        AIRFLOW__CORE__DAGS_FOLDER=str(folder),
        AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION="False",
        TESTED_CONSUMER="announce_champion",
    )
    assert done.returncode == 0, done.stderr[-3000:]
    answers: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answers


def test_a_promotion_and_new_titles_are_events_with_figures(runs: dict[str, Any]) -> None:
    titles, champion = runs["promoted"]["events"]
    assert titles[0] == "meli_titles"
    assert titles[1] == {
        "source": "titles.csv", "as_of": "2026-11-28", "titles": 1200, "categories": 39, "bad_rows": 2,
        "fingerprint": "ffffffff", "run": "run", "key": "ingested",
    }  # fmt: skip
    assert champion[0] == "meli_champion"
    assert champion[1].pop("balanced_accuracy") == pytest.approx(0.88)  # less the bias, as the pages display it
    assert champion[1] == {
        "action": "promote", "decision": 3, "set": "mlp", "interval": [0.88, 0.92], "selection_bias": 0.02,
        "run": "run", "as_of": "2026-11-28", "key": "c" * 32, "sha256": "d" * 64, "mlflow_version": "7",
    }  # fmt: skip


def test_nothing_is_sent_if_nothing_changed(runs: dict[str, Any]) -> None:
    assert runs["kept"]["state"] == runs["promoted"]["state"] == "success"
    assert runs["kept"]["events"] == []


def test_both_assets_are_there_before_their_first_event(runs: dict[str, Any]) -> None:
    # Airflow creates those of an alias with the event, and fails one of two tasks that send the first at the same time.
    assert runs["kept"]["events"] == []
    assert runs["kept"]["assets"] == ["meli_champion", "meli_titles"]


def test_airflows_scheduler_starts_the_documented_dag_for_a_new_champion_only(runs: dict[str, Any]) -> None:
    assert runs["kept"]["triggered"] == []
    assert runs["promoted"]["triggered"] == [{"type": "asset_triggered", "events": ["mlp"]}]
