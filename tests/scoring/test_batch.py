"""Batches: every row of every file exactly once, whatever was killed, broken or changed meanwhile."""

from __future__ import annotations

import csv
import gzip
import json
import os
import signal
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from meli_tasks.artifacts import manifest as manifests
from meli_tasks.artifacts.manifest import Manifest
from meli_tasks.artifacts.reading import LenientReader
from meli_tasks.core.errors import BadData, BadHyperparameters, Unreachable
from meli_tasks.prediction.models import Model
from meli_tasks.rowfiles.reading import RowFile
from meli_tasks.scoring import planning, scoring
from meli_tasks.scoring.batch import Scored, score_here
from meli_tasks.scoring.planning import groups, plan_batch, remaining
from meli_tasks.scoring.records import BatchRecord, records_of
from meli_tasks.scoring.request import BatchRequest
from meli_tasks.settings import Settings
from meli_tasks.store import Store, open_store
from tests.scoring.toy import ByLength, model_named

DAY = date(2026, 11, 20)
TITLES = ["funda roja", "telefono nuevo", "qwertz", "", "mesa de madera", "zapatos negros talle 40"]


@pytest.fixture(autouse=True)
def chosen(monkeypatch: pytest.MonkeyPatch) -> dict[str, Manifest]:
    """The champion, which a test may replace."""
    found = {"champion": model_named("a")}
    monkeypatch.setattr(planning, "find_model", lambda *_: Model("champion toy", found["champion"]))
    monkeypatch.setattr(scoring, "need_model", lambda *_: found["champion"])
    monkeypatch.setattr(scoring, "load", lambda *_: ByLength())
    return found


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings.from_environment(
        {"MELI_STORE": f"file://{tmp_path}/store", "MELI_CACHE": f"{tmp_path}/cache", "MELI_HOME": str(tmp_path)}
    )


@pytest.fixture
def store(settings: Settings) -> Store:
    return settings.open_store()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Two files of different kinds, with every row numbered."""
    folder = tmp_path / "in"
    folder.mkdir()
    with gzip.open(folder / "a.csv.gz", "wt", newline="") as file:
        writer = csv.writer(file)
        writer.writerows([["id", "title"], *([f"a{row}", title] for row, title in enumerate(TITLES))])
    lines = (json.dumps({"id": f"b{row}", "title": title}) for row, title in enumerate(TITLES))
    (folder / "b.jsonl").write_text("\n".join(lines) + "\n")
    return folder


def scored(settings: Settings, source: Path | str, **request: Any) -> Scored:
    checked = BatchRequest.check({"source": str(source), **request}, settings)
    return score_here(checked, settings, settings.open_store(), DAY)


def rows_of(record: BatchRecord) -> list[dict[str, Any]]:
    rows = []
    for part in record.parts:
        if part.address:
            with RowFile(Path(part.address.removeprefix("file://"))) as file:
                rows += [dict(row) for chunk in file.chunks() for row in chunk.whole().rows.objects()]
    return rows


def large_parquet(path: Path, rows: int, in_group: int) -> None:
    noise = [os.urandom(300).hex() for _ in range(rows)]  # compresses badly, so that few rows make a large file
    table = pa.table({"id": list(range(rows)), "title": [f"mesa {row}" for row in range(rows)], "noise": noise})
    pq.write_table(table, path, row_group_size=in_group)


def test_every_row_of_every_file_is_scored_in_its_format(settings: Settings, source: Path) -> None:
    record = scored(settings, source).record
    assert [Path(part.address).name for part in record.parts] == ["a.csv.gz", "b.jsonl"]
    rows = rows_of(record)
    assert [row["id"] for row in rows] == [f"{file}{row}" for file in "ab" for row in range(len(TITLES))]
    assert rows[0]["category"] == f"LENGTH_{len('funda roja') % 7}"
    assert (record.rows, record.bad_rows, record.unknown_rows) == (12, 2, 2)
    assert sum(record.bad_by_reason.values()) == 2
    assert sum(record.categories.values()) == sum(record.confidences) == 8
    assert (record.profile.titles, record.profile.unknown_titles) == (10, 2)
    assert record.day == "2026-11-20"


def test_the_summary_counts_rows_below_the_threshold_as_abstentions(settings: Settings, source: Path) -> None:
    record = scored(settings, source, abstain_below=0.8).record
    rows = [row for row in rows_of(record) if row["category"]]
    below = sum(float(row["probability"]) < 0.8 for row in rows)
    assert record.abstained == below > 0
    assert sum(record.categories.values()) == len(rows) - below


def test_nothing_is_scored_again_until_the_file_or_the_model_changes(
    settings: Settings, source: Path, chosen: dict[str, Manifest], monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[str] = []
    monkeypatch.setattr(scoring, "load", lambda *_: loaded.append("") or ByLength())
    first = scored(settings, source)
    again = scored(settings, source)
    assert (again.reused, len(loaded)) == (2, 1)
    assert again.record == first.record

    with (source / "b.jsonl").open("a") as file:
        file.write('{"id": "b6", "title": "mesa"}\n')
    changed = scored(settings, source)
    assert changed.reused == 1
    assert changed.record.rows == 13

    chosen["champion"] = model_named("b")
    assert scored(settings, source).reused == 0
    assert len(records_of(settings.open_store(), LenientReader(settings.open_store()))) == 3


def test_a_broken_file_does_not_stop_the_others_and_is_named(settings: Settings, source: Path) -> None:
    (source / "a.csv.gz").write_bytes((source / "a.csv.gz").read_bytes()[:40])
    (source / "aa.parquet").write_bytes(b"PAR1 and then nothing of the kind")
    record = scored(settings, source).record
    assert [bool(part.problem) for part in record.parts] == [True, True, False]
    assert record.rows == len(TITLES)
    assert "a.csv.gz" in record.problems[0]
    assert "damaged" in record.problems[1]

    (source / "a.csv.gz").unlink()
    (source / "aa.parquet").unlink()
    mended = scored(settings, source)
    assert not mended.record.problems
    assert mended.reused == 1


def test_the_row_groups_of_a_large_file_are_parts(settings: Settings, tmp_path: Path) -> None:
    large_parquet(tmp_path / "large.parquet", 10_000, 700)
    small = settings.model_copy(update={"batch_part_mb": 1})
    record = scored(small, tmp_path / "large.parquet").record
    assert len(record.parts) > 1
    assert record.parts[0].address.endswith(f"large-00001-of-{len(record.parts):05}.parquet")
    assert [row["id"] for row in rows_of(record)] == list(range(10_000))


def test_more_slices_than_row_groups_lose_nothing(settings: Settings, tmp_path: Path) -> None:
    large_parquet(tmp_path / "large.parquet", 10_000, 9_000)
    small = settings.model_copy(update={"batch_part_mb": 1})
    record = scored(small, tmp_path / "large.parquet").record
    assert [row["id"] for row in rows_of(record)] == list(range(10_000))


def test_results_are_copied_to_a_folder_and_their_record_last(
    settings: Settings, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (source / "deeper").mkdir()
    (source / "b.jsonl").rename(source / "deeper" / "a.csv.gz")  # a name that says something else
    record = scored(settings, source, output=str(tmp_path / "out")).record
    copies = sorted(path for path in (tmp_path / "out").rglob("*") if path.is_file() and ".store" not in path.parts)
    names = [str(path.relative_to(tmp_path / "out")) for path in copies]
    assert names == ["_batch.json", "a.csv.gz", "deeper/a.csv.gz.scored.jsonl"]
    assert {part.address for part in record.parts} == {path.as_uri() for path in copies[1:]}
    assert BatchRecord.model_validate_json(copies[0].read_text()) == record
    assert len(rows_of(record)) == 2 * len(TITLES)


@pytest.mark.parametrize("output", ["in", "in/results"])
def test_an_output_that_the_next_batch_would_score_is_refused(
    settings: Settings, source: Path, tmp_path: Path, output: str
) -> None:
    with pytest.raises(BadData, match="output"):
        scored(settings, source, output=str(tmp_path / output))
    with pytest.raises(BadData, match="output"):
        scored(settings, source / "*", output=str(source))
    assert scored(settings, source, output=str(source / "_results")).record.rows == 12
    assert scored(settings, source).record.rows == 12


def test_a_failing_store_is_no_fault_of_the_file(
    settings: Settings, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise Unreachable("The store is down.")

    with monkeypatch.context() as patched:
        patched.setattr("meli_tasks.store.file.FileStore.upload", fail)
        with pytest.raises(Unreachable):
            scored(settings, source)
    assert scored(settings, source).record.rows == 12


def test_of_two_workers_with_one_part_the_first_counts(
    settings: Settings, store: Store, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_batch(BatchRequest(source=str(source)), settings, store, DAY)
    first, second = scoring.Scorer(settings, store, plan), scoring.Scorer(settings, store, plan)
    original = scoring.predict_file

    def meanwhile(*arguments: Any, **options: Any) -> Any:
        monkeypatch.setattr(scoring, "predict_file", original)
        first.score(0)
        return original(*arguments, **options)

    monkeypatch.setattr(scoring, "predict_file", meanwhile)
    assert second.score(0) == ""
    names = [name for name in store.names(f"score/{plan.parts[0].key}/")]
    assert len(names) == 3  # a manifest, a result and a profile
    found = manifests.need(store, "score", plan.parts[0].key)
    assert all(store.read(found.file_name(file)) for file in found.outputs)


def test_a_file_that_changes_after_the_plan_is_named_and_not_mixed(
    settings: Settings, store: Store, source: Path
) -> None:
    plan = plan_batch(BatchRequest(source=str(source)), settings, store, DAY)
    (source / "b.jsonl").write_text('{"title": "mesa"}\n')
    scorer = scoring.Scorer(settings, store, plan)
    problems = {index: problem for index in remaining(plan, settings, store) if (problem := scorer.score(index))}
    assert list(problems) == [1]
    assert "changed" in scoring.merge(plan, settings, store, problems).problems[0]


def test_parts_that_no_task_scored_are_named(settings: Settings, store: Store, source: Path) -> None:
    plan = plan_batch(BatchRequest(source=str(source)), settings, store, DAY)
    scoring.Scorer(settings, store, plan).score(1)
    record = scoring.merge(plan, settings, store, {})
    assert record.rows == len(TITLES)
    assert "was not scored" in record.problems[0]
    assert remaining(plan, settings, store) == [0]


def test_many_parts_share_the_tasks() -> None:
    shared = groups(range(1_001), 200)
    assert len(shared) <= 200
    assert [index for group in shared for index in group] == list(range(1_001))
    assert groups([]) == []


def test_a_wrong_request_is_refused(settings: Settings) -> None:
    with pytest.raises(BadHyperparameters, match="no source"):
        BatchRequest.check({}, settings)
    with pytest.raises(BadHyperparameters, match="only one"):
        BatchRequest.check({"source": "x", "model": "abcdef", "set_name": "mlp"}, settings)
    with pytest.raises(BadHyperparameters, match="topp"):
        BatchRequest.check({"source": "x", "topp": 3}, settings)
    assert BatchRequest.check({"source": None}, settings.model_copy(update={"batch_source": "y"})).source == "y"


KILLED = """
import sys
from pathlib import Path
from meli_tasks.scoring import planning, scoring
from meli_tasks.prediction.models import Model
from tests.scoring.test_batch import scored
from tests.scoring.toy import ByLength, model_named
from meli_tasks.settings import Settings

class Stops(ByLength):
    def rank(self, titles, top=5):
        if marker.exists():
            print("in the middle", flush=True)
            sys.stdin.read()
        return super().rank(titles, top)

folder, marker = Path(sys.argv[1]), Path(sys.argv[2])
planning.find_model = lambda *_: Model("champion toy", model_named("a"))
scoring.need_model = lambda *_: model_named("a")
scoring.load = lambda *_: Stops()
original = scoring.Scorer.score
def score(self, index):
    done = original(self, index)
    marker.touch()  # the next part stops in the middle
    return done
scoring.Scorer.score = score
settings = Settings.from_environment()
print("done", scored(settings, folder).record.rows, flush=True)
"""


def test_a_batch_that_was_killed_goes_on_with_what_is_missing(
    settings: Settings, store: Store, source: Path, tmp_path: Path
) -> None:
    marker = tmp_path / "marker"
    environment = {
        **os.environ,
        "MELI_STORE": store.url,
        "MELI_CACHE": str(settings.cache),
        "MELI_HOME": str(tmp_path),
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(source), str(marker)],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "in the middle\n"
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert records_of(store, LenientReader(store)) == []
    resumed = scored(settings, source)
    assert resumed.reused == 1
    assert [row["id"] for row in rows_of(resumed.record)] == [f"{f}{row}" for f in "ab" for row in range(len(TITLES))]


def test_another_store_is_an_output(settings: Settings, source: Path, s3_store: Store) -> None:
    of_the_server = Settings.from_environment({**os.environ, "MELI_STORE": f"{s3_store.url}/store"}).model_copy(
        update={"cache": settings.cache}
    )
    for path in source.iterdir():
        s3_store.upload(path, f"in/{path.name}")
    record = scored(of_the_server, f"{s3_store.url}/in/", output=f"{s3_store.url}/out").record
    assert not record.problems
    assert record.rows == 12
    out = open_store(f"{s3_store.url}/out", s3_endpoint=of_the_server.s3_endpoint, s3_client=of_the_server.s3_client)
    assert list(out.names("")) == ["_batch.json", "a.csv.gz", "b.jsonl"]
    assert scored(of_the_server, f"{s3_store.url}/in/", output=f"{s3_store.url}/out").reused == 2
