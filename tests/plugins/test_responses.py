"""What the pages' JavaScript expects of the server: types/responses.d.ts against the JSON that Python produces.

tsc checks that the JavaScript reads only declared fields; this checks that the server sends the declared ones.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from meli_tasks.artifacts import paths
from meli_tasks.backfill.preview import BackfillPreview, DateRun
from meli_tasks.backfill.report import BackfillReport, DateReport
from meli_tasks.pages import NightFilter, RunFilter
from meli_tasks.pages.actions import ChangedPage
from meli_tasks.pages.compared import CategoryChange, MemberRow, Score, ScoreDifference
from meli_tasks.pages.models import ChampionOnPage, NightWithNothingNew, Note
from meli_tasks.pages.monitored import (
    MonitoredAccuracy,
    MonitoredDay,
    MonitoredStatistic,
    MonitoredStream,
    MonitoringAdvice,
)
from meli_tasks.pages.news import BetterThan, WayBack
from meli_tasks.pages.night_models import NightFigure, NightRow
from meli_tasks.pages.one_model import (
    Answering,
    CategoryFigures,
    ConfusedTitle,
    ConfusedTitles,
    ConfusionsPage,
    HeadFigure,
    LineageRow,
    ModelFigures,
    ModelMember,
    SliceRow,
    TrainedOn,
)
from meli_tasks.pages.outcomes import RunOutcome
from meli_tasks.pages.predicting import PredictionsPage
from meli_tasks.pages.run_head import FailedTask, RunHead
from meli_tasks.pages.scoring import ScoredFile, ScoredRow, ScoringEvent
from meli_tasks.prediction.explain import Explanation
from meli_tasks.stages.figures import AbstentionPoint, Confusion, LostTitle, ReferenceModel, ReliabilityBin
from meli_tasks.stages.summaries import Gate
from meli_tasks.store.file import FileStore
from tests.pages.published import evaluate, promote
from tests.pages.served import ServedPages
from tests.past_run import PastRun

TYPES = Path(__file__).parents[2] / "plugins/meli_airflow/types/responses.d.ts"
# Fields that the web application adds to what `Pages` returns: they come from Airflow's database.
FROM_AIRFLOW = {
    "Nights": {"in_airflow"},
    "Monitoring": {"in_airflow"},
    "ChampionNews": {"in_airflow"},
    "Models": {"in_airflow"},
    "Decisions": {"in_airflow"},
    "Run": {"state", "head"},
    "Training": {"task"},
    "Model": {"in_airflow"},
}


def declared() -> dict[str, dict[str, bool]]:
    """The fields of each interface, and whether each is required."""
    interfaces = re.findall(r"^export interface (\w+) \{\n(.*?)^\}", TYPES.read_text(encoding="utf-8"), re.M | re.S)
    field = re.compile(r"^  (\w+)(\??): ", re.M)
    return {name: {key: not optional for key, optional in field.findall(body)} for name, body in interfaces}


def missing(interface: str, value: Mapping[str, Any]) -> set[str]:
    """The declared fields that a JSON object lacks."""
    required = {name for name, needed in declared()[interface].items() if needed}
    assert required, f"{interface} has no required field in {TYPES.name}"
    return required - value.keys() - FROM_AIRFLOW.get(interface, set())


@pytest.fixture(scope="module")
def responses(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Mapping[str, Any]]:
    """A JSON object for each interface, as the server sends it after an evaluated and promoted run."""
    run = PastRun(FileStore(tmp_path_factory.mktemp("responses") / "store"), accuracies={"mlp": 0.90, "cnn": 0.94})
    evaluate(run)
    promote(run, "cnn")
    pages = ServedPages(run.store)
    models, decisions, page = pages.models(RunFilter()), pages.decisions(20), pages.run(run.plan.name)
    training = pages.training(run.plan.name, "mlp")
    first, second = models["rows"][:2]
    comparison = pages.comparison([first["id"], second["id"]])
    return {
        "Models": models, "TestSet": models["test_sets"][0], "NothingNew": models["nothing_new"],
        "CurrentFigure": models["champion"]["current"], "Night": dict.fromkeys(NightWithNothingNew.model_fields),
        "MemberRow": dict.fromkeys(MemberRow.model_fields),
        "RunCounts": models["runs"], "ModelRow": first, "Champion": models["champion"],
        "Decisions": decisions, "Decision": decisions["decisions"][0],
        "Comparison": comparison, "CategoryRow": comparison["categories"][0],
        "ParameterTable": comparison["parameters"][0], "Parameter": comparison["parameters"][0]["rows"][0],
        "ComparedModel": comparison["models"][0], "Curve": comparison["models"][0]["curve"],
        "ComparedTitles": comparison["titles"], "Score": dict.fromkeys(Score.model_fields),
        "ScoreDifference": dict.fromkeys(ScoreDifference.model_fields),
        "CategoryChange": dict.fromkeys(CategoryChange.model_fields),
        "Run": page, "Step": page["steps"][0],
        "Training": training, "Epoch": training["epochs"][0],
        "Artifact": pages.artifact("train", run.models["mlp"]),
        "Model": pages.model(first["id"]),
        "Nights": pages.nights(NightFilter(), []), "ChampionNews": pages.news([]),
        "Monitoring": pages.monitoring(),
        "MonitoredStatistic": dict.fromkeys(MonitoredStatistic.model_fields),
        "MonitoredAccuracy": dict.fromkeys(MonitoredAccuracy.model_fields),
        "MonitoredDay": dict.fromkeys(MonitoredDay.model_fields),
        "MonitoredStream": dict.fromkeys(MonitoredStream.model_fields),
        "MonitoringAdvice": dict.fromkeys(MonitoringAdvice.model_fields),
    }  # fmt: skip


@pytest.mark.parametrize(
    "interface",
    ["Models", "TestSet", "NothingNew", "CurrentFigure", "Night", "MemberRow",
     "RunCounts", "ModelRow", "Champion", "Decisions", "Decision", "Comparison", "CategoryRow", "Parameter",
     "ParameterTable", "ComparedModel", "Curve", "ComparedTitles", "Score", "ScoreDifference", "CategoryChange",
     "Run", "Step", "Training", "Epoch", "Artifact", "Model", "Nights", "ChampionNews",
     "Monitoring", "MonitoredStatistic", "MonitoredAccuracy", "MonitoredDay", "MonitoredStream", "MonitoringAdvice"],
)  # fmt: skip
def test_the_server_sends_every_declared_field(interface: str, responses: dict[str, Mapping[str, Any]]) -> None:
    sent = json.loads(json.dumps(responses[interface]))
    assert missing(interface, sent) == set()


@pytest.mark.parametrize(
    ("interface", "kind"),
    [
        ("Note", Note), ("HeadFigure", HeadFigure), ("ModelMember", ModelMember), ("TrainedOn", TrainedOn),
        ("Answering", Answering),
        ("SliceRow", SliceRow), ("CategoryFigures", CategoryFigures), ("LineageRow", LineageRow),
        ("ModelFigures", ModelFigures), ("Confusions", ConfusionsPage), ("ConfusedTitles", ConfusedTitles),
        ("ConfusedTitle", ConfusedTitle), ("Confusion", Confusion), ("LostTitle", LostTitle),
        ("RunHead", RunHead), ("FailedTask", FailedTask),
        ("Changed", ChangedPage), ("ChampionOn", ChampionOnPage), ("Predictions", PredictionsPage),
        ("NightRow", NightRow), ("NightFigure", NightFigure), ("RunOutcome", RunOutcome),
        ("BetterThan", BetterThan), ("WayBack", WayBack),
        ("ScoredRow", ScoredRow), ("ScoredFile", ScoredFile), ("ScoringEvent", ScoringEvent),
        ("ReferenceModel", ReferenceModel), ("ReliabilityBin", ReliabilityBin), ("AbstentionPoint", AbstentionPoint),
    ],
)  # fmt: skip
def test_the_parts_of_a_models_page_are_declared_as_they_are_served(interface: str, kind: type[BaseModel]) -> None:
    assert declared()[interface].keys() == kind.model_fields.keys()


def test_a_running_step_reports_the_declared_progress(tmp_path: Path) -> None:
    run = PastRun(FileStore(tmp_path / "store"))
    note = dict.fromkeys(declared()["Progress"], 1) | {"run_id": run.run_id, "state": "running", "error": "lost"}
    run.store.delete(f"train/{run.models['mlp']}/manifest.json")
    run.store.write(paths.progress_log("train", run.models["mlp"]), json.dumps(note).encode())
    progress = ServedPages(run.store).training(run.plan.name, "mlp")["progress"]
    assert declared()["Progress"].keys() == progress.keys()


def test_an_explanation_has_the_declared_fields() -> None:
    assert declared()["Explanation"].keys() == {field.name for field in fields(Explanation)}


def test_a_gate_has_the_declared_fields() -> None:
    assert missing("Gate", dict.fromkeys(Gate.model_fields)) == set()


def test_a_backfills_stored_files_have_the_declared_fields() -> None:
    for interface, stored in {"BackfillDate": DateRun, "BackfillReportDate": DateReport}.items():
        assert missing(interface, dict.fromkeys(field.name for field in fields(stored))) == set()
    text = TYPES.read_text(encoding="utf-8")
    for name, stored in {"preview": BackfillPreview, "report": BackfillReport}.items():
        body = re.search(rf"^  {name}: \{{\n(.*?)^  \}} \| null;", text, re.M | re.S)
        assert body is not None
        nested = set(re.findall(r"^    (\w+)\??: ", body[1], re.M))
        assert nested
        assert nested <= {field.name for field in fields(stored)}
