from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from meli_tasks.concealed import revealed
from meli_tasks.core.errors import BadData, BadHyperparameters, Conflict, NotFound
from meli_tasks.execution.runner import Step
from meli_tasks.planning.plan import (
    Plan,
    ensemble_step,
    make_plan,
    why_no_ensemble,
)
from meli_tasks.planning.preview import preview
from meli_tasks.planning.request import Request
from meli_tasks.sets.catalog import load as load_set
from meli_tasks.settings import Settings
from meli_tasks.sources import Source, identify_vectors
from meli_tasks.sources.days import Day
from meli_tasks.sources.place import Part
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


def test_an_ensemble_is_of_the_sets_that_were_trained(settings: Settings) -> None:
    plan = plan_of(settings, sets=["quick_mlp", "quick_cnn", "mlp"])
    foreseen, smaller = plan.steps()[-1], ensemble_step(plan, ["mlp", "quick_cnn"])
    assert smaller is not None
    assert foreseen.key == ensemble_step(plan, ["mlp", "quick_mlp", "quick_cnn"]).key != smaller.key  # type: ignore[union-attr]
    assert smaller.inputs == {
        "ingest": plan.ingest.key, "model:mlp": plan.sets["mlp"].key, "model:quick_cnn": plan.sets["quick_cnn"].key,
    }  # fmt: skip
    assert ensemble_step(plan, ["mlp"]) is None and "two different models" in why_no_ensemble(plan, ["mlp"])
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
    with pytest.raises(BadData, match=r"plans/run/0123456789ab\.json in .* cannot be read: request: Field required"):
        Plan.load(file_store, "plans/run/0123456789ab.json")


def test_a_plan_records_its_run(settings: Settings) -> None:
    request = Request.check({"source": "sample:rows=50,seed=1", "sets": ["quick_cnn", "quick_mlp"]}, settings)
    before = datetime.now(UTC).replace(microsecond=0)
    plan = make_plan(request, settings, "manual__1", date(2026, 11, 1), "https://airflow/runs/1")
    assert (plan.run_id, plan.as_of, plan.dag_run_url) == ("manual__1", "2026-11-01", "https://airflow/runs/1")
    assert before <= datetime.fromisoformat(plan.at) <= datetime.now(UTC)
    assert "." not in plan.at
    assert plan.request == request
    assert list(plan.sets) == list(plan.resolved) == ["quick_cnn", "quick_mlp"]
    assert plan.resolved["quick_mlp"] == load_set("quick_mlp")
    assert plan.sets["quick_mlp"].params == load_set("quick_mlp").train.model_dump(mode="json")
    assert plan_of(settings, sets=["quick_mlp"]).as_of == plan_of(settings, sets=["quick_mlp"]).dag_run_url == ""


def test_the_date_of_the_request_comes_before_that_of_the_schedule(settings: Settings, tmp_path: Path) -> None:
    for day in (1, 2):
        (tmp_path / f"2026-11-0{day}.csv").write_text("title,category,created_at\na,b,2026-11-01\n")
    fields: dict[str, Any] = {"source": f"{tmp_path}/{{ds}}.csv", "sets": ["quick_mlp"], "date_column": "created_at"}
    request = Request.check({**fields, "as_of": "2026-11-01"}, settings)
    plan = make_plan(request, settings, "run", date(2026, 11, 2))
    assert plan.as_of == plan.ingest.params["until"] == "2026-11-01"
    assert plan.ingest.fetch == {"source": f"{tmp_path}/2026-11-01.csv"}
    assert plan.ingest.name == f"{tmp_path}/2026-11-01.csv"


def test_steps_are_named_after_what_they_make(settings: Settings) -> None:
    plan = plan_of(settings, sets=["quick_mlp"], overrides={"preprocess.max_ngrams": 1500, "embed.dimensions": 16})
    values = plan.resolved["quick_mlp"]
    (recipe,) = plan.recipes
    assert recipe.name == recipe.preprocess.name == f"{values.preprocess.tokenizer} words, 1.5k n-grams"
    assert [step.name for step in recipe.embeds] == [f"{values.embed.method} 16"]
    assert recipe.preprocess.params == values.preprocess.model_dump(mode="json")
    assert recipe.embeds[0].params == values.embed.model_dump(mode="json")
    assert recipe.embeds[0].inputs == {"preprocess": recipe.preprocess.key}
    without = plan_of(settings, sets=["quick_mlp"], overrides={"preprocess.max_ngrams": 0, "train.ngram_dimensions": 0})
    assert without.recipes[0].name == f"{values.preprocess.tokenizer} words"


def test_pretrained_vectors_are_an_input_of_embed(settings: Settings, tmp_path: Path) -> None:
    vectors = tmp_path / "vectors.txt"
    vectors.write_text("2 2\nmesa 1 0\nluz 0 1\n")
    overrides = {"embed.method": "pretrained", "embed.path": str(vectors), "embed.dimensions": 2}
    (recipe,) = plan_of(settings, sets=["quick_mlp"], overrides=overrides).recipes
    (embed,) = recipe.embeds
    assert embed.fetch == {"vectors": str(vectors)}
    assert embed.inputs == {
        "preprocess": recipe.preprocess.key, "vectors": identify_vectors(str(vectors), settings).identity,
    }  # fmt: skip


def test_what_grants_access_to_vectors_is_in_no_key_and_no_manifest(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = Source("any", ((Day("any"), (Part("v.txt", "etag"),)),))
    monkeypatch.setattr("meli_tasks.sources.identify_vectors", lambda path, settings: found)

    def embedded(path: str) -> Step:
        overrides = {"embed.method": "pretrained", "embed.path": path, "embed.dimensions": 2}
        plan = plan_of(settings, sets=["quick_mlp"], overrides=overrides)
        assert "secret" not in json.dumps(plan.displayed_set("quick_mlp"))
        return plan.recipes[0].embeds[0]

    one, other = (embedded(f"https://user:secret{n}@host/v.txt?sig=secret{n}") for n in (1, 2))
    assert one.key == other.key == embedded("/moved/v.txt").key
    assert one.params["path"] == "https://...@host/v.txt?..."
    assert one.fetch == {"vectors": "https://...@host/v.txt?..."}
    assert revealed(one.fetch["vectors"]) == "https://user:secret2@host/v.txt?sig=secret2"


def test_a_plan_of_an_earlier_version_has_its_secrets_and_nobody_sees_them(settings: Settings) -> None:
    path = "https://user:secret@host/v.txt?sig=secret"
    plan = plan_of(settings, sets=["quick_mlp"])
    stored = json.loads(plan.model_dump_json())
    stored["request"] |= {"source": path, "overrides": {"embed.path": path}}
    stored["ingest"]["fetch"] = {"source": path}
    stored["resolved"]["quick_mlp"]["embed"]["path"] = path
    loaded = Plan.model_validate_json(json.dumps(stored))
    assert "secret" not in loaded.model_dump_json() + repr(loaded)
    assert revealed(loaded.ingest.fetch["source"]) == path


def test_sets_with_the_same_words_and_other_vectors_are_one_recipe(settings: Settings) -> None:
    same_words = {"preprocess.max_words": 300, "preprocess.max_ngrams": 500, "preprocess.boundaries": True}
    plan = plan_of(settings, sets=["quick_mlp", "mlp", "quick_cnn"], overrides=same_words)
    (recipe,) = plan.recipes
    assert [step.name for step in recipe.embeds] == ["fasttext 16", "fasttext 100"]
    assert [(step.stage, step.name) for step in plan.steps()] == [
        ("ingest", plan.ingest.name),
        ("preprocess", recipe.name),
        ("embed", "fasttext 16"),
        ("embed", "fasttext 100"),
        ("train", "quick_mlp"),
        ("train", "mlp"),
        ("train", "quick_cnn"),
        ("ensemble", "mlp, quick_cnn, quick_mlp"),
    ]


def test_a_family_is_the_sets_of_one_architecture(settings: Settings) -> None:
    plan = plan_of(settings, sets=["quick_mlp", "quick_cnn"])
    assert (plan.family("mlp"), plan.family("cnn")) == (["quick_mlp"], ["quick_cnn"])


def test_a_plan_for_another_run_has_a_name_of_its_own(settings: Settings) -> None:
    plan = plan_of(settings, sets=["quick_mlp"])
    other = plan.for_run("another")
    assert other.run_id == "another"
    assert re.fullmatch(r"plans/another/[0-9a-f]{12}\.json", other.name)
    assert other.name.rpartition("/")[2] == plan.name.rpartition("/")[2]
    assert (other.request, other.sets, other.at) == (plan.request, plan.sets, plan.at)
    assert (plan.folder, other.folder) == (plan.name.removesuffix(".json"), other.name.removesuffix(".json"))


def test_a_plan_that_does_not_exist_is_named(file_store: Store) -> None:
    with pytest.raises(NotFound) as caught:
        Plan.load(file_store, "plans/run/0123456789ab.json")
    assert str(caught.value) == (f"No plan plans/run/0123456789ab.json in {file_store.url}: run the task `plan` first.")


def test_a_searched_set_joins_a_plan_that_searches_and_no_other(settings: Settings, file_store: Store) -> None:
    values = load_set("quick_cnn")
    searching, plain = (plan_of(settings, sets=["quick_mlp"], search_minutes=minutes) for minutes in (5, 0))
    for plan in (searching, plain):
        plan.save(file_store)
        plan.add_searched("found", plan.sets["quick_mlp"], values, file_store)
    loaded = Plan.load(file_store, searching.name)
    assert (loaded.sets["found"], loaded.resolved["found"]) == (searching.sets["quick_mlp"], values)
    assert loaded.name == searching.name
    assert "found" not in Plan.load(file_store, plain.name).sets


def test_why_a_run_makes_no_ensemble(settings: Settings) -> None:
    plan = plan_of(settings, sets=["quick_mlp", "quick_cnn"])
    assert why_no_ensemble(plan, ["quick_mlp", "quick_cnn"]) == ""
    assert why_no_ensemble(plan, ["quick_mlp"]) == "it needs two different models, but 1 was trained"
    assert why_no_ensemble(plan, []) == "it needs two different models, but 0 were trained"
    without = plan_of(settings, sets=["quick_mlp", "quick_cnn"], ensemble=False)
    assert why_no_ensemble(without, ["quick_mlp", "quick_cnn"]) == "this run does not request one"
    assert without.steps()[-1].stage == "train"


def test_a_model_under_two_names_is_one_member_under_the_first(settings: Settings) -> None:
    plan = plan_of(settings, sets=["quick_mlp", "quick_cnn"], ensemble_members=7)
    plan.sets["a_copy"] = plan.sets["quick_mlp"]
    step = ensemble_step(plan, ["quick_mlp", "quick_cnn", "a_copy"])
    assert step is not None
    assert (step.stage, step.name) == ("ensemble", "a_copy, quick_cnn")
    assert step.params == plan.request.ensembling().model_dump()
    assert set(step.inputs) == {"ingest", "model:a_copy", "model:quick_cnn"}
    assert ensemble_step(plan, ["quick_mlp", "a_copy"]) is None
