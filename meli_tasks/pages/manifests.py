"""Manifests of artifacts, read through the cache."""

from __future__ import annotations

from meli_tasks.artifacts import paths
from meli_tasks.artifacts.manifest import MODEL_STAGES, Manifest
from meli_tasks.pages.read_cache import LISTED_SECONDS, ReadCache


def read_manifest(cache: ReadCache, stage: str, key: str, seconds: float = LISTED_SECONDS) -> Manifest | None:
    """An artifact's manifest, read at most `seconds` ago, as `force` replaces it; None if there is none."""
    return cache.read(paths.manifest(stage, key), Manifest.from_bytes, seconds)


def model_manifest(cache: ReadCache, key: str, seconds: float = LISTED_SECONDS) -> Manifest | None:
    """The manifest of a trained model or an ensemble, read at most `seconds` ago; None if there is none."""
    found = (read_manifest(cache, stage, key, seconds) for stage in MODEL_STAGES)
    return next(filter(None, found), None)
