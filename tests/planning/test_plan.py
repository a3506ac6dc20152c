from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from meli_tasks.core.errors import BadData, BadHyperparameters, Conflict, NotFound
from meli_tasks.planning.plan import Plan, ensemble_step, evaluate_step, make_plan, no_ensemble
from meli_tasks.planning.preview import preview
from meli_tasks.planning.request import Request
from meli_tasks.sets.catalog import load as load_set
from meli_tasks.settings import Settings
from meli_tasks.stages import STAGES
from meli_tasks.store import Store


def plan_of(settings: Settings, as_of: date | None = None, **params: Any) -> Plan:
    return make_plan(Request.check({"source": "sample:rows=50,seed=1", **params}, settings), settings, "run", as_of)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(store=f"file://{tmp_path}/store", cache=tmp_path / "cache")


def test_sets_with_the_same_words_and_vectors_share_their_steps(settings: Settings) -> None:
    plan = plan_of(settings, sets=["quick_mlp", "quick_cnn"])
    assert len(plan.recipes) == 1
    assert len({step.key for step in plan.sets.values()}) == 2
    assert {step.inputs["preprocess"] for step in plan.sets.values()} == {plan.recipes[0].preprocess.key}
    assert {step.inputs["embed"] for step in plan.sets.values()} <= {step.key for step in plan.recipes[0].embeds}


def test_another_tokenizer_is_another_recipe_on_the_same_listings(settings: Settings) -> None:
    plan = plan_of(settings, sets=["quick_mlp", "mlp_1"], overrides={"embed.method": "word2vec"})
    assert len(plan.recipes) == 2
    assert {recipe.preprocess.inputs["ingest"] for recipe in plan.recipes} == {plan.ingest.key}


def test_a_training_s_override_leaves_what_comes_before_it_alone(settings: Settings) -> None:
    plain = plan_of(settings, sets=["quick_mlp"])
    changed = plan_of(settings, sets=["quick_mlp"], overrides={"train.epochs": 2})
    assert plain.recipes == changed.recipes
    assert plain.sets["quick_mlp"].key != changed.sets["quick_mlp"].key


def test_a_plan_survives_the_store(settings: Settings, file_store: Store) -> None:
    plan = plan_of(settings, date(2026, 11, 1), sets=["quick_mlp", "quick_cnn"])
    plan.save(file_store)
    assert Plan.load(file_store, plan.name) == plan


def test_a_plan_keeps_its_name_when_a_stage_gets_a_new_version(
    settings: Settings, file_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_of(settings, sets=["quick_mlp"])
    plan.save(file_store)
    monkeypatch.setitem(STAGES, "train", replace(STAGES["train"], version=STAGES["train"].version + 1))
    assert Plan.load(file_store, plan.name).name == plan.name != plan_of(settings, sets=["quick_mlp"]).name


@pytest.mark.parametrize("stage", ["ingest", "preprocess", "embed", "train"])
def test_a_plan_of_an_older_version_is_not_run_on(
    settings: Settings, file_store: Store, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    plan = plan_of(settings, date(2026, 11, 1), sets=["quick_mlp", "quick_cnn"], search_minutes=5)
    plan.save(file_store)
    other = plan_of(settings, sets=["quick_mlp"], overrides={"embed.dimensions": 16})  # on arrays of its own
    plan.add_searched("found", other.sets["quick_mlp"], load_set("quick_mlp"), file_store)
    assert list(Plan.load(file_store, plan.name, to_run=True).sets) == ["quick_mlp", "quick_cnn", "found"]
    monkeypatch.setitem(STAGES, stage, replace(STAGES[stage], version=STAGES[stage].version + 1))
    with pytest.raises(Conflict, match=f"{plan.name} was planned by an older version.*: clear the task plan"):
        Plan.load(file_store, plan.name, to_run=True)
    assert Plan.load(file_store, plan.name).sets.keys() == {"quick_mlp", "quick_cnn", "found"}


def test_asking_differently_under_the_same_run_overwrites_nothing(settings: Settings) -> None:
    one, other = plan_of(settings, sets=["quick_mlp"]), plan_of(settings, sets=["quick_cnn"])
    assert one.name != other.name
    assert one.name.rsplit("/", 1)[0] == other.name.rsplit("/", 1)[0]


def test_the_date_goes_into_the_source(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "titles-2026-11-01.csv").write_text("title,category\na,b\n")
    plan = plan_of(settings, date(2026, 11, 1), source=f"{tmp_path}/titles-{{ds}}.csv", sets=["quick_mlp"])
    assert plan.ingest.fetch["source"].endswith("titles-2026-11-01.csv")
    with pytest.raises(BadData, match="titles-2026-11-02"):
        plan_of(settings, date(2026, 11, 2), source=f"{tmp_path}/titles-{{ds}}.csv", sets=["quick_mlp"])
    with pytest.raises(BadData, match="as_of"):
        plan_of(settings, source=f"{tmp_path}/titles-{{ds}}.csv", sets=["quick_mlp"])


def test_the_same_content_elsewhere_is_the_same_artifact(settings: Settings, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "titles.csv").write_text("title,category\na,b\n")
    plans = [plan_of(settings, source=f"{tmp_path}/{folder}/titles.csv", sets=["quick_mlp"]) for folder in ("a", "b")]
    assert plans[0].ingest.key == plans[1].ingest.key


def test_missing_pretrained_vectors_say_where_they_come_from(settings: Settings) -> None:
    with pytest.raises(NotFound, match="SBW-vectors-300-min5"):
        plan_of(settings, sets=["mlp_1"])


@pytest.mark.parametrize(
    "params",
    [
        {"sets": ["mpl"]},
        {"overrides": {"train.epoch": 3}},
        {"overrides": {"train.epochs": 0}},
        {"overrides": {"train.epochs": "many"}},
        {"overrides": {"train.hidden": [2_000_000_000]}},
    ],
)
def test_what_does_not_exist_or_fit_is_refused(settings: Settings, params: dict[str, Any]) -> None:
    with pytest.raises(BadHyperparameters):
        plan_of(settings, **{"sets": ["quick_mlp"], **params})


def test_evaluation_does_not_depend_on_the_order_of_the_models(settings: Settings) -> None:
    plan = plan_of(settings, sets=["quick_mlp"])
    assert evaluate_step(plan, {"a": "1", "b": "2"}).key == evaluate_step(plan, {"b": "2", "a": "1"}).key


def test_an_ensemble_is_of_the_sets_that_were_trained(settings: Settings) -> None:
    plan = plan_of(settings, sets=["quick_mlp", "quick_cnn", "mlp"])
    foreseen, smaller = plan.steps()[-1], ensemble_step(plan, ["mlp", "quick_cnn"])
    assert smaller is not None
    assert foreseen.key == ensemble_step(plan, ["mlp", "quick_mlp", "quick_cnn"]).key != smaller.key  # type: ignore[union-attr]
    assert smaller.inputs == {
        "ingest": plan.ingest.key, "model:mlp": plan.sets["mlp"].key, "model:quick_cnn": plan.sets["quick_cnn"].key,
    }  # fmt: skip
    assert ensemble_step(plan, ["mlp"]) is None and "two different models" in no_ensemble(plan, ["mlp"])
    with pytest.raises(BadHyperparameters, match="A set cannot be named 'ensemble'"):
        plan_of(settings, sets=["ensemble"])


def test_the_preview_says_what_is_to_be_computed(settings: Settings, file_store: Store) -> None:
    found = preview(plan_of(settings, sets=["quick_mlp"]), file_store)
    lines = found.lines()
    assert (found.computed, found.cached, found.estimate_seconds, found.nothing_new) == (4, 0, None, "")
    assert [line.split()[0] for line in lines[:-1]] == ["ingest", "preprocess", "embed", "train"]
    assert all("to compute" in line for line in lines[:-1])


def test_a_plan_with_fields_of_another_version_is_read(settings: Settings, file_store: Store) -> None:
    plan = plan_of(settings, sets=["quick_mlp"])
    stored = json.loads(plan.model_dump_json())
    del stored["version"], stored["request"]["ensemble"]
    stored["request"]["a_field_of_another_version"] = 1
    stored["resolved"]["quick_mlp"]["train"]["another"] = 1
    file_store.write(plan.name, json.dumps(stored).encode())
    read = Plan.load(file_store, plan.name)
    assert (read.sets, read.resolved) == (plan.sets, plan.resolved)
    assert not read.request.ensemble  # a plan from before there were ensembles makes none
    with pytest.raises(Conflict, match="planned by an older version"):
        Plan.load(file_store, plan.name, to_run=True)


def test_what_is_not_a_plan_is_named(file_store: Store) -> None:
    file_store.write("plans/run/0123456789ab.json", b'{"run_id": 1}')
    with pytest.raises(BadData, match=r"plans/run/0123456789ab\.json in .* is not a plan"):
        Plan.load(file_store, "plans/run/0123456789ab.json")
