"""Copies of the results: beside the source, where the source does not find them again, and never of two models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from meli_tasks.allowed_addresses import NotAllowed
from meli_tasks.artifacts.manifest import Manifest
from meli_tasks.core.errors import BadData, Unreachable
from meli_tasks.scoring import scoring
from meli_tasks.scoring.outputs import RECORD, output_address
from meli_tasks.scoring.records import BatchRecord
from meli_tasks.settings import Settings
from meli_tasks.sources import Source
from meli_tasks.sources.days import Day
from meli_tasks.sources.place import Part
from tests.scoring.test_batch import TITLES, chosen, rows_of, scored, settings, source

__all__ = ["chosen", "settings", "source"]


def files_in(folder: Path) -> list[str]:
    found = (path for path in folder.rglob("*") if path.is_file() and ".store" not in path.parts)
    return sorted(str(path.relative_to(folder)) for path in found)


@pytest.mark.parametrize("pattern", ["", "*", "**/*", "*/*"])
def test_results_beside_the_source_are_not_read_again(settings: Settings, source: Path, pattern: str) -> None:
    if pattern == "*/*":
        (source / "deep").mkdir()
        for name in ("a.csv.gz", "b.jsonl"):
            (source / name).rename(source / "deep" / name)
    below = source / "deep" if pattern == "*/*" else source
    asked = str(source / pattern) if pattern else source
    record = scored(settings, asked, output="beside").record
    assert record.output == f"{below.as_uri()}/_scored"
    assert files_in(below / "_scored") == [RECORD, "a.csv.gz", "b.jsonl"]
    assert [row["id"] for row in rows_of(record)] == [f"{f}{row}" for f in "ab" for row in range(len(TITLES))]
    again = scored(settings, asked, output="beside")
    assert (again.reused, again.record.id, again.record.rows) == (2, record.id, 2 * len(TITLES))


def test_results_go_only_where_sources_may_be(settings: Settings, source: Path, tmp_path: Path) -> None:
    """Whoever may trigger a batch could otherwise write files anywhere on the worker."""
    allowed = settings.model_copy(update={"sources": str(source)})
    for output in (str(tmp_path / "elsewhere"), f"file://{source}/../elsewhere", "s3://bucket/results"):
        with pytest.raises(NotAllowed):
            scored(allowed, source, output=output)
    assert not (tmp_path / "elsewhere").exists()
    assert scored(allowed, source, output="beside").record.output.endswith("/in/_scored")


def test_the_setting_says_beside_and_a_batch_says_store(settings: Settings, source: Path) -> None:
    beside = settings.model_copy(update={"batch_output": "beside"})
    assert scored(beside, source, output="store").record.output == ""
    assert not (source / "_scored").exists()
    assert scored(beside, source).record.output.endswith("/in/_scored")


def test_the_record_in_the_output_is_of_the_model_whose_results_are_there(
    settings: Settings, source: Path, chosen: dict[str, Manifest], monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.scoring.toy import model_named

    def record_there() -> BatchRecord:
        return BatchRecord.model_validate_json((source / "_scored" / RECORD).read_bytes())

    first, second = chosen["champion"], model_named("b")
    scored(settings, source, output="beside")
    chosen["champion"] = second
    original = scoring.Scorer._copy

    def stopped(self: scoring.Scorer, *part: Any) -> None:
        original(self, *part)
        raise Unreachable("The worker was stopped after its first copy.")

    with monkeypatch.context() as patched, pytest.raises(Unreachable):
        patched.setattr(scoring.Scorer, "_copy", stopped)
        scored(settings, source, output="beside")
    assert not (source / "_scored" / RECORD).exists(), "results of two models are there"
    scored(settings, source, output="beside")
    assert record_there().model == str(second.ref)
    chosen["champion"] = first
    assert scored(settings, source, output="beside").reused == 0, "all are copied again"
    assert record_there().model == str(first.ref)


@pytest.mark.parametrize(
    ("spec", "names", "expected"),
    [
        ("s3://bucket/in/", ["in/a.csv", "in/b.csv"], "s3://bucket/in/_scored"),
        ("s3://bucket/in/", ["in/x/a.csv", "in/y/b.csv"], "s3://bucket/in/_scored"),
        ("s3://bucket/*.csv", ["a.csv"], "s3://bucket/_scored"),
    ],
)
def test_beside_objects_of_a_bucket(spec: str, names: list[str], expected: str) -> None:
    assert output_address("beside", Source(spec, ((Day(spec), tuple(Part(name, name) for name in names)),))) == expected


def test_nothing_is_written_beside_an_address() -> None:
    spec = "https://host/titles.csv"
    with pytest.raises(BadData, match=r"beside https://host/titles\.csv"):
        output_address("beside", Source(spec, ((Day(spec), (Part("titles.csv", "1"),)),)))
