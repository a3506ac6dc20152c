"""Checkpoints in a store: the newest counts, half ones never do, and nothing is left when the result stands."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from meli_tasks.core.errors import Unreachable
from meli_tasks.execution.checkpoints import StoredCheckpoints
from meli_tasks.store import Store


def writes(text: str) -> Callable[[Path], None]:
    return lambda path: path.write_text(text) and None


@pytest.fixture
def other_worker(file_store: Store, tmp_path: Path) -> Callable[[], StoredCheckpoints]:
    def made() -> StoredCheckpoints:
        folder = tmp_path / f"worker-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        return StoredCheckpoints(file_store, "train", "abc", folder)

    return made


def test_another_worker_goes_on_from_the_newest(other_worker: Any, file_store: Store) -> None:
    first = other_worker()
    assert first.newest() is None
    first.save(writes("one"))
    first.save(writes("two"))
    found = other_worker().newest()
    assert found is not None
    assert found.read_text() == "two"
    assert len(list(file_store.names("checkpoints/"))) == 2  # the file and the note that names it


def test_a_worker_thought_dead_takes_nothing_away_from_the_one_after_it(other_worker: Any) -> None:
    slow, retry = other_worker(), other_worker()
    slow.save(writes("slow 1"))
    retry.save(writes("retry 1"))
    slow.save(writes("slow 2"))
    retry.save(writes("retry 2"))
    assert other_worker().newest().read_text() == "retry 2"


def test_a_damaged_or_missing_checkpoint_is_ignored(
    other_worker: Any, file_store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    other_worker().save(writes("whole"))
    name = next(name for name in file_store.names("checkpoints/") if not name.endswith(".json"))
    file_store.write(name, b"hal")
    with caplog.at_level(logging.WARNING):
        assert other_worker().newest() is None
        file_store.delete(name)
        assert other_worker().newest() is None
    assert "damaged" in caplog.messages[0]
    assert "Could not read the checkpoint" in caplog.messages[1]


def test_an_unavailable_store_loses_only_a_checkpoint(
    other_worker: Any, monkeypatch: pytest.MonkeyPatch, file_store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    checkpoints = other_worker()

    def away(*_: Any) -> None:
        raise Unreachable("The store did not answer.")

    with monkeypatch.context() as patch, caplog.at_level(logging.WARNING):
        patch.setattr(file_store, "upload", away)
        checkpoints.save(writes("lost"))
    assert "Could not save a checkpoint" in caplog.text
    checkpoints.save(writes("kept"))
    assert other_worker().newest().read_text() == "kept"


def test_nothing_is_left_when_the_result_stands(other_worker: Any, file_store: Store) -> None:
    checkpoints = other_worker()
    checkpoints.save(writes("one"))
    other_worker().save(writes("two"))
    checkpoints.clear()
    assert list(file_store.names("checkpoints/")) == []
