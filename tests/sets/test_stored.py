"""Sets that live in the store: usable by name like the package's own, checked like them, never overwritten."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from meli_tasks.core.errors import BadHyperparameters, Conflict
from meli_tasks.planning.plan import make_plan
from meli_tasks.planning.request import Request
from meli_tasks.sets import catalog as named_sets
from meli_tasks.sets import stored as stored_sets
from meli_tasks.settings import Settings
from meli_tasks.stages.summaries import ENSEMBLE
from meli_tasks.store import Store
from tests.cli.program import here
from tests.unreadable import CONTENTS, put


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(store=f"file://{tmp_path}/store", cache=tmp_path / "cache")


@pytest.fixture
def store(settings: Settings) -> Store:
    return settings.open_store()


def kept(store: Store, name: str, **train: Any) -> dict[str, Any]:
    values = named_sets.load("quick_mlp").model_dump(mode="json")
    values["train"] |= train
    stored_sets.write(store, name, values, {"run_id": "somebody"})
    return values


@pytest.mark.parametrize("content", CONTENTS)
def test_what_is_no_set_is_named_and_hides_no_other(
    content: str, file_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MELI_STORE", file_store.url)
    put(file_store, "sets/spoilt.yaml", content)
    file_store.write("sets/good.yaml", b"title: good\ntrain: {architecture: mlp}\n")
    result = here("sets")
    assert result.exit_code == 0, result.output
    assert "good" in result.stdout
    assert "spoilt" in result.stderr and "`meli sets spoilt --remove` removes it" in result.stderr


def test_a_stored_set_is_resolved_by_name_and_overridden_like_any_other(settings: Settings, store: Store) -> None:
    kept(store, "found", epochs=3, learning_rate=1.02e-05)
    assert named_sets.resolve("found", {}, settings).train.learning_rate == 1.02e-05
    assert named_sets.resolve("found", {"train.epochs": 4}, settings).train.epochs == 4
    assert named_sets.made_by("found", settings) == {"run_id": "somebody"}
    assert named_sets.made_by("mlp", settings) == {}
    assert stored_sets.names(store) == ["found"]


def test_a_run_uses_stored_sets_and_those_of_the_package(settings: Settings, store: Store) -> None:
    kept(store, "found", epochs=3)
    request = Request.check({"source": "sample:rows=50", "sets": ["quick_mlp"], "stored_sets": "found"}, settings)
    plan = make_plan(request, settings, "run", None)
    assert plan.sets["found"].params["epochs"] == 3
    assert plan.sets["found"].inputs == plan.sets["quick_mlp"].inputs


def test_an_unknown_name_suggests_the_closest_of_both(settings: Settings, store: Store) -> None:
    kept(store, "search_mlp_20261122")
    with pytest.raises(BadHyperparameters, match="Did you mean search_mlp_20261122"):
        named_sets.resolve("serch_mlp_20261122", {}, settings)
    with pytest.raises(BadHyperparameters, match="Did you mean mlp"):
        named_sets.resolve("mpl", {}, settings)
    with pytest.raises(BadHyperparameters, match="There is no set 'found'"):
        named_sets.resolve("found", {}, Settings())


def test_a_name_can_be_used_a_single_time(settings: Settings, store: Store) -> None:
    values = kept(store, "found")
    stored_sets.write(store, "found", values, {"run_id": "somebody"})  # the same again: a write repeated
    with pytest.raises(Conflict, match="already has a set 'found'"):
        kept(store, "found", epochs=9)
    stored_sets.remove(store, "found")
    with pytest.raises(BadHyperparameters, match="no set 'found'"):
        stored_sets.remove(store, "found")
    kept(store, "found", epochs=9)
    assert named_sets.resolve("found", {}, settings).train.epochs == 9


def test_the_sets_of_the_package_cannot_be_replaced(settings: Settings, store: Store) -> None:
    store.write("sets/mlp.yaml", b"title: not this one\ntrain: {architecture: cnn}\n")
    assert named_sets.resolve("mlp", {}, settings) == named_sets.load("mlp")


@pytest.mark.parametrize("name", ["../up", "a/b", "", "x" * 300, "two words", "ñandú", "ñ" * 150])
def test_invalid_names_are_rejected(store: Store, name: str) -> None:
    with pytest.raises(BadHyperparameters, match="is not a valid name of a set"):
        stored_sets.write(store, name, {}, {})
    assert stored_sets.read(store, name) is None


@pytest.mark.parametrize("name", ["row", "category", ENSEMBLE, "mlp_probability"])
def test_reserved_names_are_rejected(settings: Settings, store: Store, name: str) -> None:
    with pytest.raises(BadHyperparameters, match=f"A set cannot be named '{name}'"):
        kept(store, name)
    store.write(f"sets/{name}.yaml", b"extends: mlp\ntitle: put there by hand\n")
    request = Request.check({"source": "sample:rows=50", "stored_sets": name}, settings)
    with pytest.raises(BadHyperparameters, match=f"A set cannot be named '{name}'"):
        make_plan(request, settings, "run", None)
    stored_sets.remove(store, name)
    assert stored_sets.names(store) == []


@pytest.mark.parametrize(("train", "seen"), [("train: 5", "5"), ("train:", "None"), ("train: [1]", r"\[1\]")])
def test_an_override_of_a_section_that_is_not_a_mapping_is_rejected(
    settings: Settings, store: Store, train: str, seen: str
) -> None:
    store.write("sets/odd.yaml", f"title: x\n{train}".encode())
    for overrides in ({}, {"train.epochs": 2}, {"train.epochs": 2, "train.hidden": "5"}):
        with pytest.raises(BadHyperparameters, match=f"train = {seen}, expected a section of keys"):
            named_sets.resolve("odd", overrides, settings)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("title: [", "Set 'odd' is not valid YAML"),
        ("words", "Set 'odd' must be a mapping of keys to values"),
        ("title: x\ntrain: {architecture: mlp, epoch: 3}", "did you mean train.epochs?"),
        ("title: !!python/object/apply:os.getcwd []\ntrain: {architecture: mlp}", "Set 'odd' is not valid YAML"),
        ("extends: nothing\ntitle: x", "extends 'nothing', but there is no such set"),
    ],
)
def test_a_document_that_somebody_wrote_by_hand_is_validated(
    settings: Settings, store: Store, text: str, message: str
) -> None:
    store.write("sets/odd.yaml", text.encode())
    with pytest.raises(BadHyperparameters) as caught:
        named_sets.resolve("odd", {}, settings)
    assert message in str(caught.value)
