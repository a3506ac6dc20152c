"""Summaries of stages, also those that earlier versions stored."""

from __future__ import annotations

from meli_tasks.stages.summaries import IngestSummary, PreprocessSummary, RareCategories


def test_the_former_names_of_ingest_s_fields_are_read() -> None:
    stored = {"rows": 60, "unwanted": {"language": 4}, "set_aside": {"rows": 1, "categories": 1, "largest": {"A": 1}}}
    summary = IngestSummary.model_validate(stored)
    assert summary.excluded == {"language": 4}
    assert summary.rare == RareCategories(rows=1, categories=1, largest={"A": 1})
    assert {"excluded", "rare"} <= set(summary.model_dump(mode="json"))
    assert IngestSummary.model_validate(summary.model_dump(mode="json")) == summary


def test_the_former_names_of_preprocess_s_fields_are_read() -> None:
    stored = {"words": 5, "empty_share": {"train": 0.25}, "unknown_share": {"train": 0.5}}
    summary = PreprocessSummary.model_validate(stored)
    assert (summary.empty_fraction, summary.unknown_fraction) == ({"train": 0.25}, {"train": 0.5})
    assert PreprocessSummary.model_validate(summary.model_dump(mode="json")) == summary
