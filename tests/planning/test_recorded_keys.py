"""Content keys as 0.1.0 recorded them (commit 468b5c0): artifacts of stages that did not change since are found."""

from __future__ import annotations

from pathlib import Path

import pytest

from meli_tasks.planning.plan import ensemble_step, make_plan
from meli_tasks.planning.request import Request
from meli_tasks.settings import Settings
from tests.old_versions import use_old_versions

OVERRIDES = {
    "preprocess.max_words": 300,
    "preprocess.max_ngrams": 500,
    "embed.dimensions": 8,
    "train.ngram_dimensions": 8,
    "train.hidden": [],
}
RECORDED = {
    "ingest": "9ca6134e34377599fd75a2a894e9fa1e",
    "preprocess": "f855c59fc3cf362649ee44c9105d5145",
    "embed": "3c87c4b4b2dc3af38e81f30bff3b90c2",
    "quick_mlp": "da7878eb89ef6803eecafd9b70e402a0",
    "quick_cnn": "ecc70931537b85de73f5c369424af52d",
    "ensemble": "48704542f99b93c70c0a73bc228c7313",
}


def test_the_keys_of_every_stage_stay_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_old_versions(monkeypatch)
    settings = Settings(store=f"file://{tmp_path}/store", cache=tmp_path / "cache")
    request = Request.check(
        {"source": "sample:rows=1500,seed=1", "sets": ["quick_mlp", "quick_cnn"], "overrides": OVERRIDES}, settings
    )
    plan = make_plan(request, settings, "run", None)
    (recipe,) = plan.recipes
    (embed,) = recipe.embeds
    ensemble = ensemble_step(plan, list(plan.sets))
    assert ensemble is not None
    assert {
        "ingest": plan.ingest.key,
        "preprocess": recipe.preprocess.key,
        "embed": embed.key,
        **{name: step.key for name, step in plan.sets.items()},
        "ensemble": ensemble.key,
    } == RECORDED
