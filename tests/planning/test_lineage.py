"""Which listings an evaluation looks at: none if one rule assigned all splits, else those of each model."""

from __future__ import annotations

import pytest
from pydantic import JsonValue

from meli_tasks.artifacts.manifest import Manifest, ModelRef, Output
from meli_tasks.planning.lineage import fitted_on
from meli_tasks.stages.files.digest import MODEL_FILES
from meli_tasks.store import Store

RULE = "title hash 2"


def ingest(store: Store, key: str, rule: str | None, file: bool = True) -> None:
    summary: dict[str, JsonValue] = {} if rule is None else {"split_rule": rule}  # 0.1.0 wrote no rule
    manifest = Manifest("ingest", key, {}, {}, {}, summary, "attempt")
    store.write(manifest.name, manifest.to_bytes())
    if file:
        store.write(manifest.file_name("listings.parquet"), b"titles")


def model(store: Store, stage: str, key: str, inputs: dict[str, str]) -> ModelRef:
    outputs = {file: Output(sha256=f"{key} {file}", bytes=1) for file in MODEL_FILES}
    manifest = Manifest(stage, key, {}, inputs, outputs, {}, "attempt")
    store.write(manifest.name, manifest.to_bytes())
    return manifest.ref


def trained(store: Store, key: str, listings: str) -> ModelRef:
    prepared = Manifest("preprocess", f"arrays of {key}", {}, {"ingest": listings}, {}, {}, "attempt")
    store.write(prepared.name, prepared.to_bytes())
    return model(store, "train", key, {"preprocess": prepared.key, "embed": "vectors"})


@pytest.mark.parametrize(
    ("tonight", "before", "looked_at"),
    [
        (RULE, RULE, {}),
        (RULE, "", {"champion": "before"}),
        (RULE, "title hash 1", {"champion": "before"}),
        (RULE, None, {"champion": "before"}),
        ("", RULE, {"mlp": "tonight", "champion": "before"}),
        ("", "", {"mlp": "tonight", "champion": "before"}),
    ],
)
def test_listings_are_looked_at_unless_one_rule_assigned_the_splits(
    file_store: Store, tonight: str, before: str | None, looked_at: dict[str, str]
) -> None:
    ingest(file_store, "tonight", tonight)
    ingest(file_store, "before", before)
    own, champion = trained(file_store, "own", "tonight"), trained(file_store, "old", "before")
    found = fitted_on(file_store, "tonight", {"mlp": own}, {"champion": champion})
    assert (found.listings, found.unread) == (looked_at, {})


def test_an_ensemble_names_its_listings_itself(file_store: Store) -> None:
    ingest(file_store, "tonight", RULE)
    ingest(file_store, "before", "")
    champion = model(file_store, "ensemble", "mix", {"ingest": "before", "model:a": "1", "model:b": "2"})
    assert fitted_on(file_store, "tonight", {}, {"champion": champion}).listings == {"champion": "before"}


@pytest.mark.parametrize("missing", ["train", "preprocess", "ingest"])
def test_a_model_whose_listings_cannot_be_found_is_reported(file_store: Store, missing: str) -> None:
    ingest(file_store, "tonight", RULE)
    ingest(file_store, "before", RULE)
    champion = trained(file_store, "old", "before")
    lineage = {"train": "old", "preprocess": "arrays of old", "ingest": "before"}
    file_store.delete(Manifest(missing, lineage[missing], {}, {}, {}, {}, "attempt").name)
    found = fitted_on(file_store, "tonight", {}, {"champion": champion})
    assert found.listings == {}
    assert found.unread["champion"].startswith(
        f"its listings cannot be found. No {missing} artifact {lineage[missing]}"
    )


def test_a_model_whose_listings_are_gone_or_damaged_is_reported(file_store: Store) -> None:
    ingest(file_store, "tonight", RULE)
    ingest(file_store, "before", "", file=False)
    champion = trained(file_store, "old", "before")
    unread = fitted_on(file_store, "tonight", {}, {"champion": champion}).unread
    assert "listings.parquet is not in" in unread["champion"]
    file_store.write(Manifest("ingest", "before", {}, {}, {}, {}, "attempt").name, b"{")
    unread = fitted_on(file_store, "tonight", {}, {"champion": champion}).unread
    assert unread["champion"].startswith("its listings cannot be found. ingest/before/manifest.json")
