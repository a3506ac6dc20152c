"""Summaries of stages, also those that earlier versions stored."""

from __future__ import annotations

from meli_tasks.stages.summaries import IngestSummary, RareCategories


def test_the_former_names_of_ingest_s_fields_are_read() -> None:
    stored = {"rows": 60, "unwanted": {"language": 4}, "set_aside": {"rows": 1, "categories": 1, "largest": {"A": 1}}}
    summary = IngestSummary.model_validate(stored)
    assert summary.excluded == {"language": 4}
    assert summary.rare == RareCategories(rows=1, categories=1, largest={"A": 1})
    assert {"excluded", "rare"} <= set(summary.model_dump(mode="json"))
    assert IngestSummary.model_validate(summary.model_dump(mode="json")) == summary
