"""Manifests of artifacts, and the scores of evaluations, read through the cache."""

from __future__ import annotations

from meli_tasks.artifacts import paths
from meli_tasks.artifacts.manifest import MODEL_STAGES, Manifest, ModelRef, find_model, replaced_models
from meli_tasks.artifacts.timed import SCORES, timed_scores
from meli_tasks.pages.read_cache import LISTED_SECONDS, ReadCache
from meli_tasks.stages.evaluation import Scores


def read_manifest(cache: ReadCache, stage: str, key: str, seconds: float = LISTED_SECONDS) -> Manifest | None:
    """An artifact's manifest, read at most `seconds` ago, as `force` replaces it; None if there is none."""
    return cache.read(paths.manifest(stage, key), Manifest.from_bytes, seconds)


def model_manifest(cache: ReadCache, ref: ModelRef, seconds: float = LISTED_SECONDS) -> Manifest | None:
    """The manifest of one attempt of a trained model or an ensemble; None if there is none.

    Without a digest it is the newest attempt, read at most `seconds` ago.
    """
    found = (read_manifest(cache, stage, ref.key, seconds) for stage in MODEL_STAGES)
    newest = next(filter(None, found), None)
    if not ref.sha256 or (newest and newest.model_sha256 == ref.sha256):
        return newest
    if newest is None:  # nothing is at the key now, but an attempt that was replaced may be left
        return next(
            (found for found in replaced_models(cache.store, ref.key) if found.model_sha256 == ref.sha256), None
        )
    return find_model(cache.store, ref.key, ref.sha256)  # another attempt has replaced it, or what was kept is old


def scores_of(cache: ReadCache, evaluate: Manifest) -> Scores | None:
    """The scores of an evaluation; None if its file is missing or damaged."""
    scores = cache.read_file(evaluate, SCORES, Scores.model_validate_json)
    return timed_scores(evaluate, scores) if scores else None
