"""Which golden titles a run is planned with, and that every later task reads exactly these."""

from __future__ import annotations

import json
import logging
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from meli_tasks.allowed_addresses import NotAllowed
from meli_tasks.artifacts import paths
from meli_tasks.artifacts.manifest import ModelRef
from meli_tasks.core.errors import BadData
from meli_tasks.planning.compared import evaluate_step, judged_with
from meli_tasks.planning.plan import Plan, make_plan
from meli_tasks.planning.preview import nothing_new
from meli_tasks.planning.request import Request
from meli_tasks.settings import Settings
from meli_tasks.stages.listings.golden import GoldenFile
from meli_tasks.store import FileStore, Store
from tests.planning.test_preview import complete, decide

SETTINGS = Settings(store="file:///nowhere")
MUGS = "title,category\nTaza azul,MUGS\n"
SHOES = "title,category\nZapatilla,SHOES\n"


def plan_of(store: FileStore, source: str, **params: Any) -> Plan:
    fields = {"source": source, "sets": ["quick_mlp", "quick_cnn"], "ensemble": False, **params}
    return make_plan(Request.check(fields, SETTINGS), SETTINGS, "run", None, store=store)


@pytest.fixture
def titles(tmp_path: Path) -> Path:
    """A source of one file, in a folder of its own."""
    path = tmp_path / "titles" / "2026-11-01.csv"
    path.parent.mkdir()
    path.write_text("title,category\nTaza roja,MUGS\n")
    return path


def put(store: FileStore, text: str) -> None:
    store.write(paths.GOLDEN_FILE, text.encode())


def stored_titles(store: Store, plan: Plan) -> list[str]:
    assert plan.golden is not None
    blob = store.read(paths.golden(plan.golden.digest))
    assert blob is not None
    return [golden.title for golden in GoldenFile.model_validate_json(blob.data).titles]


def test_without_a_file_there_are_none_and_the_log_says_where_it_looked(
    file_store: FileStore, titles: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        plan = plan_of(file_store, str(titles))
    assert plan.golden is None
    looked = f"{titles.parent}/golden.csv or {file_store.url}/golden.csv"
    assert f"golden titles: none (there is no {looked})" in caplog.text
    assert "golden" not in evaluate_step(plan, {"quick_mlp": ModelRef("a" * 32)}, file_store).inputs


def test_the_file_in_the_store_is_read(file_store: FileStore, titles: Path, caplog: pytest.LogCaptureFixture) -> None:
    put(file_store, MUGS)
    with caplog.at_level(logging.INFO):
        plan = plan_of(file_store, str(titles))
    assert plan.golden is not None
    assert (plan.golden.address, plan.golden.titles) == (f"{file_store.url}/golden.csv", 1)
    assert f"golden titles: 1 title from {file_store.url}/golden.csv" in caplog.text
    assert stored_titles(file_store, plan) == ["Taza azul"]
    step = evaluate_step(plan, {"quick_mlp": ModelRef("a" * 32)}, file_store)
    assert step.inputs["golden"] == plan.golden.digest


def test_the_file_beside_the_source_comes_first(
    file_store: FileStore, titles: Path, caplog: pytest.LogCaptureFixture
) -> None:
    put(file_store, MUGS)
    (titles.parent / "golden.csv").write_text(SHOES)
    with caplog.at_level(logging.INFO):
        plan = plan_of(file_store, f"{titles.parent}/*.csv")
    assert stored_titles(file_store, plan) == ["Zapatilla"]
    assert f"{file_store.url}/golden.csv is not read, because there is a file beside the source" in caplog.text


def test_a_file_that_may_not_be_read_is_an_error_only_if_it_was_requested(file_store: FileStore, titles: Path) -> None:
    put(file_store, MUGS)
    (titles.parent / "golden.csv").write_text(SHOES)
    settings = Settings(store="file:///nowhere", sources=str(titles))

    def plan(**params: Any) -> Plan:
        fields = {"source": str(titles), "sets": ["quick_mlp"], **params}
        return make_plan(Request.check(fields, settings), settings, "run", None, store=file_store)

    assert stored_titles(file_store, plan()) == ["Taza azul"]
    with pytest.raises(NotAllowed):
        plan(golden=f"{titles.parent}/golden.csv")
    with pytest.raises(NotAllowed):
        plan(overrides={"embed.method": "pretrained", "embed.path": f"{titles.parent}/golden.csv"})


def test_the_parameter_comes_before_both(file_store: FileStore, titles: Path, tmp_path: Path) -> None:
    put(file_store, SHOES)
    mine = tmp_path / "mine-2026-11-20.jsonl"
    mine.write_text(json.dumps({"title": "Taza azul", "category": "MUGS"}))
    given = {"golden": f"{tmp_path}/mine-{{ds}}.jsonl", "as_of": date(2026, 11, 20)}
    assert stored_titles(file_store, plan_of(file_store, str(titles), **given)) == ["Taza azul"]
    assert plan_of(file_store, str(titles), golden="none").golden is None


def test_generated_titles_have_golden_titles_only_if_they_are_requested(
    file_store: FileStore, titles: Path, caplog: pytest.LogCaptureFixture
) -> None:
    put(file_store, MUGS)
    with caplog.at_level(logging.INFO):
        assert plan_of(file_store, "sample:rows=50,seed=1").golden is None
    assert "golden titles: none, because the titles are generated" in caplog.text
    assert plan_of(file_store, "sample:rows=50,seed=1", golden=str(titles)).golden is not None


@pytest.mark.parametrize(
    ("golden", "message"),
    [
        ("absent.csv", r"There are no golden titles at .*absent\.csv\. The source .*absent\.csv matches no file"),
        ("*.csv", "golden is .*, which has 2 files. Golden titles are a single file"),
        ("bad.csv", r"The golden titles in .*bad\.csv cannot be used: no column 'category'"),
    ],
)
def test_a_file_that_is_requested_must_be_usable(
    file_store: FileStore, titles: Path, tmp_path: Path, golden: str, message: str
) -> None:
    (tmp_path / "bad.csv").write_text("title\nTaza\n")
    (tmp_path / "other.csv").write_text(MUGS)
    with pytest.raises(BadData, match=message):
        plan_of(file_store, str(titles), golden=f"{tmp_path}/{golden}")


def test_a_huge_file_is_not_downloaded(file_store: FileStore, titles: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meli_tasks.planning.golden._MAX_BYTES", 5)
    with pytest.raises(BadData, match="are larger than"):
        plan_of(file_store, str(titles), golden=str(titles))


def test_rows_that_cannot_be_used_are_warned_of(
    file_store: FileStore, titles: Path, caplog: pytest.LogCaptureFixture
) -> None:
    put(file_store, f"{MUGS},MUGS\n")
    plan_of(file_store, str(titles))
    assert "1 row of the golden titles cannot be used: line 3: no title." in caplog.text


def test_a_changed_file_is_another_plan_and_another_evaluation(file_store: FileStore, titles: Path) -> None:
    put(file_store, MUGS)
    before = plan_of(file_store, str(titles))
    put(file_store, SHOES)
    after = plan_of(file_store, str(titles))
    assert before.name != after.name
    models = {"quick_mlp": ModelRef("a" * 32)}
    assert evaluate_step(before, models, file_store).key != evaluate_step(after, models, file_store).key
    # What the first run was planned with is still there.
    assert stored_titles(file_store, before) == ["Taza azul"]


def test_the_same_titles_in_another_file_are_the_same(file_store: FileStore, titles: Path) -> None:
    put(file_store, MUGS)
    before = plan_of(file_store, str(titles)).golden
    put(file_store, 'category;title\nMUGS;"Taza  azul"\n')
    after = plan_of(file_store, str(titles)).golden
    assert before is not None and after is not None
    assert before.digest == after.digest


def test_changed_golden_titles_are_something_new(file_store: FileStore, titles: Path) -> None:
    plan = complete(file_store, plan_of(file_store, str(titles)))
    decide(file_store, plan)
    assert "decision 1 of" in nothing_new(plan, file_store)
    put(file_store, MUGS)
    golden = plan_of(file_store, str(titles))
    assert nothing_new(golden, file_store) == ""
    decide(file_store, golden)
    assert "decision 2 of" in nothing_new(golden, file_store)
    put(file_store, SHOES)
    assert nothing_new(plan_of(file_store, str(titles)), file_store) == ""


def test_a_stored_plan_keeps_its_golden_titles(file_store: FileStore, titles: Path) -> None:
    put(file_store, MUGS)
    plan = plan_of(file_store, str(titles))
    plan.save(file_store)
    put(file_store, SHOES)
    loaded = Plan.load(file_store, plan.name, to_run=True)
    assert (loaded.golden, judged_with(loaded)) == (plan.golden, judged_with(plan))


@pytest.mark.integration
def test_golden_titles_are_found_in_buckets(s3_store: Store) -> None:
    folder = f"{s3_store.url}/titles"
    for name in ("titles/2026-11-01.csv", "titles/golden.csv", "mine.csv"):
        s3_store.write(name, MUGS.encode())
    s3_store.write(paths.GOLDEN_FILE, SHOES.encode())
    settings = Settings.from_environment().model_copy(update={"store": s3_store.url})

    def planned(source: str, **params: Any) -> tuple[str, list[str]]:
        fields = {"source": source, "sets": ["quick_mlp"], **params}
        plan = make_plan(Request.check(fields, settings), settings, "run", date(2026, 11, 1), store=s3_store)
        assert plan.golden is not None
        return plan.golden.address, stored_titles(s3_store, plan)

    beside = (f"{folder}/golden.csv", ["Taza azul"])
    assert [planned(f"{folder}/{spec}") for spec in ("{ds}.csv", "*.csv", "")] == [beside] * 3
    assert planned(f"{s3_store.url}/mine.csv") == (f"{s3_store.url}/golden.csv", ["Zapatilla"])
    assert planned(f"{folder}/", golden=f"{s3_store.url}/golden.csv")[1] == ["Zapatilla"]
