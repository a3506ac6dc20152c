from __future__ import annotations

import re
from pathlib import Path

import pytest

import meli_tasks
from meli_tasks.artifacts import paths

RUN = "manual__2026-11-22T03:00:00+00:00"


def test_names_are_those_of_the_stores_that_exist() -> None:
    """A store outlives the version that wrote it: none of these may ever change."""
    plan = paths.plan(RUN, "0123456789ab")
    names = {
        "train/k/manifest.json": paths.manifest("train", "k"),
        "train/k/a/model.json": paths.artifact_file("train", "k", "a", "model.json"),
        "plans/manual__2026-11-22T03-00-00-00-00~ce57937d/0123456789ab.json": plan,
        "plans/manual__2026-11-22T03-00-00-00-00~ce57937d/0123456789ab/preview.json": paths.preview(plan),
        "plans/manual__2026-11-22T03-00-00-00-00~ce57937d/0123456789ab/searched.json": paths.searched(plan),
        "plans/manual__2026-11-22T03-00-00-00-00~ce57937d/0123456789ab/evaluated.json": paths.evaluated(plan),
        "plans/manual__2026-11-22T03-00-00-00-00~ce57937d/0123456789ab/verdict.json": paths.verdict(plan),
        "ledger/00000007.json": paths.decision(7),
        "golden.csv": paths.GOLDEN_FILE,
        "golden/d.json": paths.golden("d"),
        "sets/mlp.yaml": paths.hyperparameter_set("mlp"),
        "searches/k/a-b~c8687a08-d.json": paths.search(paths.searches_of("k"), paths.search_part("a b", "d")),
        "backfills/a-b~6783a31e/preview.json": paths.backfill_preview("a:b"),
        "backfills/a-b~6783a31e/report.json": paths.backfill_report("a:b"),
        "checkpoints/train/k/newest.json": paths.newest_checkpoint("train", "k"),
        "live/train/k.json": paths.progress_log("train", "k"),
        "stops/train/k.json": paths.stop_request("train", "k"),
        "failed/ingest/k/quarantine.csv": paths.failed_file("ingest", "k", "quarantine.csv"),
        "notices/r/nothing-new.json": paths.notification("r", "nothing new", 0),
        "notices/r/failed-2.json": paths.notification("r", "failed", 2),
        "notices/r/failures/train.json": paths.failure("r", "train", -1),
        "notices/r/failures/train-3.json": paths.failure("r", "train", 3),
        "tracking/runs/train-k.json": paths.tracking_claim("train-k"),
        "tracking/pending/training-d.json": paths.pending("training", "d"),
    }
    assert list(names) == list(names.values())
    former = "manual__2026-11-22T03-00-00-00-00"
    assert paths.former_plans_of_run(RUN) == f"plans/{former}/"
    assert paths.former_backfill_preview(RUN) == f"backfills/{former}/preview.json"
    assert paths.former_backfill_report(RUN) == f"backfills/{former}/report.json"


def test_ids_that_differ_only_in_their_punctuation_have_names_of_their_own() -> None:
    ids = ["a:b", "a+b", "a~b", "a-b", "a b", "a/b", "a::b", "a.b", "a_b", "ä:b", "a%3Ab"]
    for name in (
        paths.plans_of_run,
        paths.failures,
        paths.backfill_preview,
        paths.backfill_report,
        lambda run_id: paths.notification(run_id, "failed", 0),
        lambda run_id: paths.search_part(run_id, "d"),
    ):
        assert len({name(one) for one in ids}) == len(ids)
        assert name("a-b") == name(paths.former_name_part("a:b"))  # an id without such letters keeps its name


@pytest.mark.parametrize("label", ["mlp", "ensemble", "a/b"])
def test_a_models_id_leads_back_to_its_plan(label: str) -> None:
    plan = paths.plan(RUN, "0123456789ab")
    assert paths.plan_and_label(paths.model_id(plan, label)) == (plan, label)
    assert paths.plan_digest(plan) == "0123456789ab"


@pytest.mark.parametrize("model", ["", "a", "a/b", "a/b/"])
def test_what_is_no_models_id(model: str) -> None:
    assert paths.plan_and_label(model) == ("", "")


def test_names_are_parsed_as_they_are_written() -> None:
    plan = paths.plan("r", "d")
    assert paths.is_plan(plan) and not paths.is_plan(paths.preview(plan)) and not paths.is_plan("sets/a/b.json")
    assert paths.is_evaluated(paths.evaluated(plan)) and not paths.is_evaluated(plan)
    assert (paths.plan_of_searched(paths.searched(plan)), paths.plan_of_searched(plan)) == (plan, None)
    assert (paths.key_of_manifest("train/k/manifest.json"), paths.key_of_manifest("train/k/a/manifest.json")) == (
        "k",
        None,
    )
    assert (paths.decision_number("ledger/00000007.json"), paths.decision_number("ledger/7.json")) == (7, None)
    assert (paths.set_name("sets/mlp.yaml"), paths.set_name("sets/notes.txt")) == ("mlp", None)
    assert (paths.backfill_of_preview("backfills/b/preview.json"), paths.backfill_of_preview("backfills/b/x")) == (
        "b",
        None,
    )
    assert paths.is_search("searches/k/p.json", "p") and not paths.is_search("searches/k/q.json", "p")


def test_no_other_module_writes_a_name() -> None:
    """Prefixes and file names of the store as text outside of this module; docstrings may mention them."""
    written = re.compile(
        r'f?"(plans|ledger|searches|backfills|checkpoints|live|stops|failed|notices|tracking)/[^"]*"'
        r'|/(manifest|preview|searched|evaluated|newest)\.json"'
    )
    root = Path(meli_tasks.__file__).parent
    found = [
        f"{file.relative_to(root)}: {match[0]}"
        for file in root.rglob("*.py")
        if file != Path(paths.__file__)
        for match in written.finditer(re.sub(r'"""[\s\S]*?"""', "", file.read_text(encoding="utf-8")))
    ]
    assert found == []
