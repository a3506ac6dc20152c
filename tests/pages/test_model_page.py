"""The page of one model: every figure equals the stored one, and what is not stored is said to be missing."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from meli_tasks.artifacts import paths
from meli_tasks.artifacts.manifest import need
from meli_tasks.core.errors import NotFound
from meli_tasks.ledger import Ledger
from meli_tasks.pages import Pages
from meli_tasks.planning.evaluation import Evaluated, EvaluationReport
from meli_tasks.stages.evaluation import Evaluation, Scores
from meli_tasks.stages.figures import (
    AbstentionPoint,
    CategoryRecall,
    Confusion,
    GoldenResult,
    ReferenceModel,
    ReliabilityBin,
    SliceAccuracy,
)
from tests.pages.published import Counting, add_file, evaluate, promote
from tests.past_run import PastRun
from tests.rewriting import rewrite_file

CELLPHONES, PERFUMES = "CELLPHONES", "PERFUMES"
# Row in the listings, category, prediction, its probability, that of the true category.
PREDICTED = [
    (7, CELLPHONES, CELLPHONES, 0.9, 0.9),
    (3, CELLPHONES, PERFUMES, 0.6, 0.3),
    (9, CELLPHONES, PERFUMES, 0.8, 0.1),
    (4, PERFUMES, CELLPHONES, 0.7, 0.2),
    (1, PERFUMES, PERFUMES, 0.9, 0.9),
]
DEEP: dict[str, Any] = {
    "top3": 0.985,
    "calibration_error": 0.021,
    "reliability": (ReliabilityBin(lowest=0.9, highest=1.0, probability=0.96, accuracy=0.95, titles=31),),
    "abstention": (AbstentionPoint(threshold=0.7, coverage=0.8, accuracy=0.99),),
    "slices": {"title_length": {"1 to 5 words": SliceAccuracy(balanced_accuracy=0.8, titles=12, accuracy=0.81)}},
    "confusions": (Confusion(category=CELLPHONES, predicted=PERFUMES, titles=2, of_titles=3),),
    "suspect_labels": 4,
    "golden": GoldenResult(titles=10),
}


@pytest.fixture
def run(store: Counting) -> PastRun:
    return PastRun(store)


def parquet(columns: dict[str, Any]) -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "table.parquet"
        pq.write_table(pa.table(columns), path, row_group_size=4)
        return path.read_bytes()


def with_predictions(run: PastRun, evaluated: Evaluated, label: str = "mlp", *, deep: bool = True) -> None:
    """What evaluate and ingest left: the predictions of a model, and the titles by row."""
    rows, true, predicted, sure, of_true = (list(values) for values in zip(*PREDICTED, strict=True))
    columns = {
        "row": rows,
        "category": pa.array(true).dictionary_encode(),
        label: pa.array(predicted).dictionary_encode(),
        f"{label}_probability": pa.array(sure, pa.float32()),
    }
    if deep:
        columns[f"{label}_true_probability"] = pa.array(of_true, pa.float32())
    add_file(run, "evaluate", evaluated.key, "predictions.parquet", parquet(columns))
    listings = {"row": list(range(12)), "title": [f"title {row}" for row in range(12)]}
    add_file(run, "ingest", run.plan.ingest.key, "listings.parquet", parquet(listings))


def measured(run: PastRun, update: Mapping[str, object], label: str = "mlp") -> Evaluation:
    """Give a model's evaluation other figures: all of them in scores.json, the brief ones beside the plan."""
    report = EvaluationReport.load(run.store, run.plan.name)
    assert report is not None
    found = report.scores[label].model_copy(update=update)
    scores = {**report.scores, label: found}
    brief = {name: one.brief() for name, one in scores.items()}
    report.model_copy(update={"scores": brief}).save(run.store, run.plan.name)
    data = Scores(version=2, models=scores).model_dump_json().encode()
    rewrite_file(run.store, need(run.store, "evaluate", report.key), "scores.json", data)
    return found


def measured_in_depth(run: PastRun, label: str = "mlp") -> Evaluation:
    """Give a model's stored evaluation the figures of the current version."""
    return measured(run, DEEP, label)


def id_of(run: PastRun, label: str = "mlp") -> str:
    return paths.model_id(run.plan.name, label)


def test_every_figure_is_the_stored_one(run: PastRun) -> None:
    evaluate(run)
    stored = measured_in_depth(run)
    page = Pages(run.store).model(id_of(run))
    assert (page.row.balanced_accuracy, page.row.interval) == (stored.balanced_accuracy, stored.interval)
    assert page.figures is not None
    assert page.figures.model_dump() == {
        name: getattr(stored, name) if name != "golden" else DEEP["golden"].model_dump()
        for name in ("top3", "calibration_error", "suspect_labels", "golden")
    }
    assert page.test_set is not None
    assert page.test_set.titles == sum(one.titles for one in stored.categories.values())
    assert (page.reliability, page.abstention) == (stored.reliability, stored.abstention)
    [part] = page.slices
    assert (part.kind, part.name, part.titles, part.accuracy) == ("title_length", "1 to 5 words", 12, 0.81)


def test_the_worst_categories_come_first(run: PastRun) -> None:
    evaluate(run)
    stored = measured_in_depth(run).categories
    recalls = [one.recall for one in Pages(run.store).model(id_of(run)).categories]
    assert recalls == sorted(one.recall for one in stored.values())


def test_a_category_keeps_its_interval_and_count(run: PastRun) -> None:
    evaluate(run)
    recall = CategoryRecall(recall=0.5, titles=8, interval=(0.2, 0.8), predicted=11)
    measured(run, {"categories": {PERFUMES: recall}})
    [found] = Pages(run.store).model(id_of(run)).categories
    assert found.model_dump() == {"category": PERFUMES, "few": False, **recall.model_dump()}


def test_an_evaluation_of_an_earlier_version_lacks_the_new_figures(run: PastRun) -> None:
    evaluate(run)
    page = Pages(run.store).model(id_of(run))
    assert page.figures is not None
    assert page.figures.model_dump() == dict.fromkeys(("top3", "calibration_error", "suspect_labels", "golden"))
    assert (page.slices, page.reliability, page.reference, page.has_predictions) == ([], (), None, False)


def test_a_model_that_was_not_evaluated_has_no_figures(run: PastRun) -> None:
    page = Pages(run.store).model(id_of(run))
    assert (page.row.state, page.figures, page.test_set, page.categories) == ("not evaluated", None, None, [])


def test_the_reference_model_is_that_of_the_evaluation(run: PastRun) -> None:
    evaluated = evaluate(run)
    reference = ReferenceModel(balanced_accuracy=0.88, interval=(0.87, 0.89), accuracy=0.9, trained_titles=1_000)
    scores = Scores(version=2, models={}, reference=reference)
    add_file(run, "evaluate", evaluated.key, "scores.json", scores.model_dump_json().encode())
    assert Pages(run.store).model(id_of(run)).reference == reference


def test_lineage_parameters_and_how_to_load_it(run: PastRun) -> None:
    evaluate(run)
    page = Pages(run.store).model(id_of(run))
    assert [(row.stage, row.key) for row in page.lineage[:1]] == [("train", run.models["mlp"])]
    assert page.parameters["train.learning_rate"] == 0.001
    assert page.parameters["data.source"] == "s3://titles/{ds}.csv.gz"
    [command, files] = page.load
    sha256 = run.trainings["mlp"].model_sha256[:12]
    assert command.code == f'meli predict --model {run.models["mlp"]}@{sha256} "a title"'
    assert files.code == f"{run.store.url}/train/{run.models['mlp']}/attempt1/"


def test_the_decisions_that_it_took_part_in_are_listed(run: PastRun) -> None:
    evaluate(run)
    champion = promote(run, "mlp")
    ledger = Ledger(run.store)
    ledger.append(1, action="keep", reason="no challenger is better", by="another run")
    pages = Pages(run.store)
    assert [row.number for row in pages.model(id_of(run)).decisions] == [1]
    assert champion.train == run.models["mlp"]
    assert pages.model(id_of(run, "cnn")).decisions == []
    assert any("champion" in way.code for way in pages.model(id_of(run)).load)


def test_stored_confusions_are_shown_as_they_are(run: PastRun) -> None:
    evaluate(run)
    measured_in_depth(run)
    page = Pages(run.store).confusions(id_of(run))
    assert (page.pairs, page.has_titles) == ([*DEEP["confusions"]], False)


def test_confusions_that_an_earlier_version_did_not_store_are_counted(run: PastRun) -> None:
    with_predictions(run, evaluate(run), deep=False)
    page = Pages(run.store).confusions(id_of(run))
    assert page.pairs == [
        Confusion(category=CELLPHONES, predicted=PERFUMES, titles=2, of_titles=3),
        Confusion(category=PERFUMES, predicted=CELLPHONES, titles=1, of_titles=2),
    ]
    assert page.has_titles


def test_a_confusion_unfolds_into_its_titles_the_surest_first(run: PastRun) -> None:
    with_predictions(run, evaluate(run))
    found = Pages(run.store).confused_titles(id_of(run), CELLPHONES, PERFUMES, 20)
    assert found.titles == 2
    assert [(one.row, one.title) for one in found.shown] == [(9, "title 9"), (3, "title 3")]
    assert [one.probability for one in found.shown] == pytest.approx([0.8, 0.6])
    assert [one.true_probability for one in found.shown] == pytest.approx([0.1, 0.3])


def test_a_probability_that_was_not_stored_is_missing_and_not_zero(run: PastRun) -> None:
    with_predictions(run, evaluate(run), deep=False)
    [found] = Pages(run.store).confused_titles(id_of(run), PERFUMES, CELLPHONES, 20).shown
    assert (found.title, found.true_probability) == ("title 4", None)


def test_only_so_many_titles_are_returned_but_all_are_counted(run: PastRun) -> None:
    with_predictions(run, evaluate(run))
    found = Pages(run.store).confused_titles(id_of(run), CELLPHONES, PERFUMES, 1)
    assert (found.titles, [one.row for one in found.shown]) == (2, [9])


def test_titles_and_predictions_are_downloaded_a_single_time(run: PastRun, monkeypatch: pytest.MonkeyPatch) -> None:
    with_predictions(run, evaluate(run))
    names: list[str] = []
    download = run.store.download
    monkeypatch.setattr(run.store, "download", lambda name, path: (names.append(name), download(name, path))[1])
    pages = Pages(run.store)
    for pair in ((CELLPHONES, PERFUMES), (PERFUMES, CELLPHONES)):
        pages.confused_titles(id_of(run), *pair, 20)
    assert [name.rpartition("/")[2] for name in names] == ["predictions.parquet", "listings.parquet"]


def test_of_very_many_titles_only_those_that_are_shown_are_read(run: PastRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meli_tasks.pages.predicted.MOST_KEPT_TITLES", 3)
    with_predictions(run, evaluate(run))
    read: list[list[int]] = []
    read_table = pq.read_table

    def recorded(path: Path, **options: Any) -> pa.Table:
        table = read_table(path, **options)
        if "title" in table.column_names:
            read.append(table["row"].to_pylist())
        return table

    monkeypatch.setattr(pq, "read_table", recorded)
    found = Pages(run.store).confused_titles(id_of(run), CELLPHONES, PERFUMES, 1)
    assert ([one.title for one in found.shown], read) == (["title 9"], [[9]])


def test_requests_at_the_same_time_read_a_table_one_after_another(
    run: PastRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_predictions(run, evaluate(run))
    pages, names, answers = Pages(run.store), list[str](), list[int]()
    download, another_read = run.store.download, threading.Event()

    def ask() -> None:
        answers.append(pages.confused_titles(id_of(run), CELLPHONES, PERFUMES, 20).titles)

    second = threading.Thread(target=ask)

    def recorded(name: str, path: Path) -> None:
        names.append(name.rpartition("/")[2])
        if len(names) == 1:
            second.start()
            another_read.wait(0.3)  # as long as the other one could need to begin as well
        else:
            another_read.set()
        download(name, path)

    monkeypatch.setattr(run.store, "download", recorded)
    ask()
    second.join()
    assert (sorted(names), answers) == (["listings.parquet", "predictions.parquet"], [2, 2])


def test_what_is_no_longer_in_the_store_is_named(run: PastRun) -> None:
    evaluated = evaluate(run)
    with_predictions(run, evaluated)
    ingest = need(run.store, "ingest", run.plan.ingest.key)
    run.store.delete(ingest.file_name("listings.parquet"))
    pages = Pages(run.store)
    with pytest.raises(NotFound, match=r"listings\.parquet"):
        pages.confused_titles(id_of(run), CELLPHONES, PERFUMES, 20)
    with pytest.raises(NotFound, match="no table of suspect labels"):
        pages.suspect_labels(id_of(run))
    with pytest.raises(NotFound, match="has no model 'nobody'"):
        pages.model(id_of(run, "nobody"))
    with pytest.raises(NotFound, match="There is no run"):
        pages.model("a/b/mlp")


def test_suspect_labels_are_the_stored_file(run: PastRun) -> None:
    evaluated = evaluate(run)
    table = b"row,title,language,category,suggested_category\n3,title 3,spanish,CELLPHONES,PERFUMES\n"
    add_file(run, "evaluate", evaluated.key, "suspect_labels.csv", table)
    pages = Pages(run.store)
    assert pages.suspect_labels(id_of(run)) == table
    assert pages.model(id_of(run)).has_suspects


def test_a_model_that_was_not_evaluated_has_no_confusions(run: PastRun) -> None:
    with pytest.raises(NotFound, match="has not evaluated mlp"):
        Pages(run.store).confusions(id_of(run))
