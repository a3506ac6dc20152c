"""Profiles of titles and of what a model predicts for them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meli_tasks.core.title_profile import TitleProfile
from meli_tasks.core.title_profiler import KnownWords, Predicted, TitleProfiler
from meli_tasks.prediction.ranking import predict_titles
from meli_tasks.stages.summaries import IngestSummary

if TYPE_CHECKING:
    from meli_tasks.core.models.ensemble import Classifier

TITLES_A_CHUNK = 4096


@dataclass(frozen=True)
class Profiled:
    """The profile of titles, and the predicted category of each, "" for one of which the model knows no word."""

    profile: TitleProfile
    predicted: list[str]


def profile_of(classifier: Classifier, titles: Sequence[str], abstain_below: float = 0.0) -> Profiled:
    """The profile of titles and of what a model predicts for them; less certain predictions count as withheld."""
    profiler = TitleProfiler(KnownWords.of_model(classifier))
    predicted: list[str] = []
    for chunk in _chunks(titles):
        found = predict_titles(classifier, chunk, [""] * len(chunk), 1)
        withheld = [value is not None and value < abstain_below for value in found.probability]
        profiler.add(chunk, None, Predicted(found.category, found.probability, withheld))
        predicted += found.category
    return Profiled(profiler.profile(), predicted)


def with_bad_rows(profile: TitleProfile, summary: IngestSummary) -> TitleProfile:
    """The profile with as many bad rows of each reason as belong to this many titles of the listings."""
    scale = profile.titles / max(1, summary.rows)
    return profile.model_copy(
        update={"bad": {reason: round(rows * scale) for reason, rows in summary.bad_by_reason.items()}}
    )


def _chunks(titles: Sequence[str]) -> Iterator[Sequence[str]]:
    """The titles in chunks of a size that a model classifies well."""
    for start in range(0, len(titles), TITLES_A_CHUNK):
        yield titles[start : start + TITLES_A_CHUNK]
