"""`meli backfill --list`: every backfill that can be read, whatever else lies in the store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from meli_tasks.artifacts import paths
from meli_tasks.backfill.preview import BackfillPreview
from meli_tasks.backfill.report import BackfillReport
from meli_tasks.backfill.request import Backfill
from meli_tasks.settings import Settings
from tests.cli.program import document, here
from tests.unreadable import CONTENTS, names_of, of_a_later_version, put


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("MELI_HOME", str(tmp_path))
    monkeypatch.setenv("MELI_STORE", f"file://{tmp_path}/store")
    return Settings.from_environment()


def preview(settings: Settings, backfill_id: str) -> BackfillPreview:
    params: dict[str, Any] = {
        "from_date": "2026-11-01", "to_date": "2026-11-01", "sets": ["quick_mlp"], "source": "sample:rows=50,seed=1"
    }  # fmt: skip
    request = Backfill.check(params, settings)
    return BackfillPreview(backfill_id, "2026-11-02T00:00:00", request, (), (), 0, 0, None, 0.0)


@pytest.mark.parametrize("content", [*CONTENTS, "version 99"])
def test_what_cannot_be_read_hides_no_backfill_and_is_named(settings: Settings, content: str) -> None:
    store = settings.open_store()
    preview(settings, "good").save(store)
    BackfillReport("good", "now", "success", (), 0, 0, 0.0, "").save(store)
    preview(settings, "without").save(store)
    spoilt = [paths.backfill_preview("spoilt"), paths.backfill_report("without")]
    if content == "version 99":
        for name, like in zip(spoilt, (paths.backfill_preview("good"), paths.backfill_report("good")), strict=True):
            blob = store.read(like)
            assert blob
            store.write(name, of_a_later_version(blob.data))
    else:
        for name in spoilt:
            put(store, name, content)
    result = here("backfill", "--list")
    assert result.exit_code == 0, result.output
    assert "2 objects in " in result.stderr
    found = document("backfill", "--list")
    states = {row["id"]: row["state"] for row in found["backfills"]}
    assert states == {"good": "success", "without": "the report cannot be read"}
    assert names_of(found["skipped"]) == set(spoilt)
