"""A grid of dates and sets through `meli_backfill`: each date its own run, shared work done once, none done twice."""

from __future__ import annotations

import json
from collections.abc import Collection

import pytest

from meli_tasks.store import Store
from tests.cluster.api import BACKFILL, TRAINING
from tests.cluster.cluster import Cluster
from tests.cluster.runs import opened

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(7200)]

DATES = [f"2026-10-0{day}" for day in range(1, 4)]  # one more than there are slots
SETS = ["quick_mlp", "quick_cnn", "mlp"]
# The same words and vectors for all three sets.
OVERRIDES = {
    "preprocess.boundaries": True,
    "preprocess.max_words": 5_000,
    "preprocess.max_ngrams": 5_000,
    "embed.method": "fasttext",
    "embed.dimensions": 16,
    "embed.window": 5,
    "embed.epochs": 1,
    "train.epochs": 1,
}
CONF = {
    "source": "sample:rows=2000,seed=1,day={ds}",
    "from_date": DATES[0],
    "to_date": DATES[-1],
    "sets": SETS,
    "overrides": OVERRIDES,
    "ask": False,
}
STAGES = ("ingest", "preprocess", "embed", "train")


def test_a_grid_computes_each_thing_once_and_asked_again_nothing(cluster: Cluster) -> None:
    store = opened(cluster)
    earlier = {run["dag_run_id"]: run["conf"] for run in cluster.api.runs(TRAINING)}
    before = {stage: keys(store, stage) for stage in STAGES}

    first = cluster.api.trigger(BACKFILL, CONF, "")
    assert cluster.api.wait(first, BACKFILL) == "success", cluster.api.states(first, BACKFILL)
    computed = {stage: keys(store, stage) - before[stage] for stage in STAGES}
    once = len(DATES)
    assert {stage: len(found) for stage, found in computed.items()} == {
        "ingest": once, "preprocess": once, "embed": once, "train": once * len(SETS),
    }  # fmt: skip
    runs = {run["dag_run_id"]: run for run in cluster.api.runs(TRAINING)}
    assert {name: runs[name]["conf"] for name in earlier} == earlier
    started = set(runs) - set(earlier)
    assert len(started) == len(DATES)
    assert {runs[name]["state"] for name in started} == {"success"}
    assert attempts(store, started) == {stage: len(computed[stage]) for stage in STAGES}

    again = cluster.api.trigger(BACKFILL, CONF, "")
    assert cluster.api.wait(again, BACKFILL) == "success", cluster.api.states(again, BACKFILL)
    assert {stage: keys(store, stage) - before[stage] for stage in STAGES} == computed
    report = cluster.api.returned(BACKFILL, again, "report")
    assert report["computed"] == 0, report


def keys(store: Store, stage: str) -> set[str]:
    """The keys of everything that a stage has made."""
    return {name.split("/")[1] for name in store.names(f"{stage}/") if name.endswith("/manifest.json")}


def attempts(store: Store, runs: Collection[str]) -> dict[str, int]:
    """How many artifacts of each stage were computed by these runs."""
    made = dict.fromkeys(STAGES, 0)
    for stage in STAGES:
        for key in keys(store, stage):
            blob = store.read(f"{stage}/{key}/manifest.json")
            assert blob
            made[stage] += json.loads(blob.data)["about"]["run_id"] in runs
    return made
