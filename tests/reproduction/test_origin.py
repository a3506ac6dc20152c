"""What a model was made from, back to the source, also where listings are made from other listings."""

from __future__ import annotations

from dataclasses import replace

from meli_tasks.artifacts.manifest import Manifest, Output
from meli_tasks.planning.plan import Plan
from meli_tasks.reproduction.origin import origin_of_model
from meli_tasks.store import FileStore
from tests.planning.test_preview import plan_of


def stored(store: FileStore, stage: str, inputs: dict[str, str], **fields: dict[str, str]) -> Manifest:
    key = f"{stage}{len(list(store.names('')))}".ljust(32, "0")
    outputs = {name: Output("w", 1) for name in ("model.safetensors", "model.json")} if stage == "train" else {}
    made = Manifest(stage, key, {}, inputs, outputs, {}, f"attempt of {key}", {"run_id": "run"}, **fields)
    store.write(made.name, made.to_bytes())
    return made


def trained(store: FileStore) -> tuple[Manifest, list[Manifest]]:
    """A model that was trained on listings that were made from those of a source, and all that it was made from."""
    base = stored(store, "ingest", {"source": "identity"})
    every = stored(store, "ingest", {"ingest": base.key})
    arrays = stored(store, "preprocess", {"ingest": every.key})
    vectors = stored(store, "embed", {"preprocess": arrays.key})
    model = stored(store, "train", {"preprocess": arrays.key, "embed": vectors.key})
    return model, [base, every, arrays, vectors, model]


def planned(store: FileStore, model: Manifest) -> Plan:
    plan = plan_of(sets=["quick_mlp"])
    step = replace(plan.sets["quick_mlp"], params=model.params, inputs=model.inputs)
    plan = plan.model_copy(update={"sets": {"quick_mlp": step}})
    plan.save(store)
    return plan


def test_everything_is_found_each_a_single_time_before_what_was_made_from_it(file_store: FileStore) -> None:
    model, chain = trained(file_store)
    plan = planned(file_store, model)
    origin = origin_of_model(file_store, model)
    assert [made.manifest for made in origin.made.all()] == chain
    assert [dict(made.external) for made in origin.made.all()] == [{"source": "identity"}, {}, {}, {}, {}]
    assert (origin.label, origin.plan.name, origin.decision) == ("quick_mlp", plan.name, None)


def test_an_input_that_was_computed_again_is_the_one_that_the_model_was_made_from(file_store: FileStore) -> None:
    model, [_, _, arrays, vectors, _] = trained(file_store)
    planned(file_store, model)
    file_store.write(vectors.own_name, vectors.to_bytes())
    newer = replace(vectors, attempt="newer")
    file_store.write(newer.name, newer.to_bytes())
    attempts = {"preprocess": arrays.attempt, "embed": vectors.attempt}
    found = origin_of_model(file_store, replace(model, input_attempts=attempts))
    assert found.made.inputs["embed"].manifest == vectors
    assert origin_of_model(file_store, model).made.inputs["embed"].manifest == newer
