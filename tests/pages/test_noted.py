"""Notes on models: stored with author and time, in every run of the model, and never overwritten unseen."""

from __future__ import annotations

from typing import Any

import pytest

from meli_tasks.artifacts import paths
from meli_tasks.core.errors import BadHyperparameters, Conflict, Unreachable
from meli_tasks.pages import Pages, RunFilter
from tests.pages.published import Counting, evaluate
from tests.past_run import PastRun
from tests.unreadable import put


@pytest.fixture
def run(store: Counting) -> PastRun:
    run = PastRun(store, accuracies={"mlp": 0.94, "cnn": 0.92})
    evaluate(run)
    return run


def model(run: PastRun, label: str = "mlp") -> str:
    return paths.model_id(run.plan.name, label)


def noted(pages: Pages) -> dict[str, str]:
    """The text of the note in each row that has one."""
    return {row.id: row.note.text for row in pages.models(RunFilter()).rows if row.note}


def test_a_note_is_in_its_row_and_on_its_page_with_author_and_time(run: PastRun) -> None:
    pages = Pages(run.store)
    assert noted(pages) == {}
    written = pages.write_note(model(run), "  kept for\r\nthe audit \n", by="ana", seen=0)
    assert (written.number, written.text, written.by) == (1, "kept for\nthe audit", "ana")
    assert written.at.endswith("+00:00")
    assert noted(pages) == {model(run): "kept for\nthe audit"}
    for reader in (pages, Pages(run.store)):
        assert reader.model(model(run)).row.note == written
        assert reader.model(model(run, "cnn")).row.note is None


def test_a_note_belongs_to_the_model_in_every_run_that_evaluated_it(run: PastRun) -> None:
    again = PastRun(run.store, run_id="manual__again", accuracies={"mlp": 0.94, "cnn": 0.92})
    evaluate(again)
    pages = Pages(run.store)
    pages.write_note(model(again), "the same model", by="ana", seen=0)
    assert pages.model(model(run)).row.note is not None


def test_a_model_without_a_score_can_have_a_note(store: Counting) -> None:
    run = PastRun(store)
    pages = Pages(store)
    pages.write_note(model(run), "diverged at 0.01", by="ana", seen=0)
    assert noted(pages) == {model(run): "diverged at 0.01"}


def test_nobody_overwrites_a_note_that_they_have_not_seen(run: PastRun) -> None:
    pages, others = Pages(run.store), Pages(run.store)
    pages.write_note(model(run), "first", by="ana", seen=0)
    for seen in (0, 2):
        with pytest.raises(Conflict, match=f"its number is 1, not {seen}. Nothing was written"):
            others.write_note(model(run), "second", by="bo", seen=seen)
    assert others.write_note(model(run), "second", by="bo", seen=1).number == 2
    assert others.model(model(run)).row.note.text == "second"  # type: ignore[union-attr]


def test_of_two_notes_at_the_same_time_one_is_refused(run: PastRun, monkeypatch: pytest.MonkeyPatch) -> None:
    pages = Pages(run.store)
    write = run.store.write

    def too_late(name: str, data: bytes, **conditions: Any) -> str:
        monkeypatch.setattr(run.store, "write", write)
        Pages(run.store).write_note(model(run), "theirs", by="bo", seen=0)
        return write(name, data, **conditions)

    monkeypatch.setattr(run.store, "write", too_late)
    with pytest.raises(Conflict, match="Nothing was written"):
        pages.write_note(model(run), "mine", by="ana", seen=0)
    assert noted(Pages(run.store)) == {model(run): "theirs"}


@pytest.mark.parametrize("arrived", [True, False])
def test_a_lost_answer_is_looked_up(run: PastRun, monkeypatch: pytest.MonkeyPatch, arrived: bool) -> None:
    pages = Pages(run.store)
    write = run.store.write

    def lost(name: str, data: bytes, **conditions: Any) -> str:
        if arrived:
            write(name, data, **conditions)
        raise Unreachable("no answer")

    monkeypatch.setattr(run.store, "write", lost)
    if arrived:
        assert pages.write_note(model(run), "mine", by="ana", seen=0).number == 1
    else:
        with pytest.raises(Unreachable, match="no answer"):
            pages.write_note(model(run), "mine", by="ana", seen=0)


def test_an_empty_text_removes_a_note_and_what_was_there_stays_in_the_store(run: PastRun) -> None:
    pages = Pages(run.store)
    pages.write_note(model(run), "first", by="ana", seen=0)
    removed = pages.write_note(model(run), " ", by="bo", seen=1)
    assert (removed.number, removed.text) == (2, "")
    assert pages.model(model(run)).row.note == removed
    assert len(list(run.store.names(paths.notes(run.models["mlp"])))) == 2


def test_control_characters_are_written_out_and_markup_is_text(run: PastRun) -> None:
    pages = Pages(run.store)
    written = pages.write_note(model(run), "<script>x</script> \x1b[2J \u202e", by="ana", seen=0)
    assert written.text == "<script>x</script> \\x1b[2J \\u202e"


def test_a_note_has_at_most_2000_characters(run: PastRun) -> None:
    pages = Pages(run.store)
    assert pages.write_note(model(run), "x" * 2_000, by="ana", seen=0).number == 1
    with pytest.raises(BadHyperparameters, match="The note has 2,001 characters"):
        pages.write_note(model(run), "x" * 2_001, by="ana", seen=1)


def test_a_note_that_cannot_be_read_hides_nothing_else_and_is_named(run: PastRun) -> None:
    broken = put(run.store, paths.note(run.models["mlp"], 1), "cut short")
    put(run.store, f"{paths.NOTES}readme.txt", "empty")
    pages = Pages(run.store)
    page = pages.models(RunFilter())
    assert len(page.rows) == 2 and noted(pages) == {}
    assert [one.name for one in page.skipped.first] == [broken]
    pages.write_note(model(run), "again", by="ana", seen=1)
    assert noted(pages) == {model(run): "again"}


def test_notes_are_listed_once_and_read_once(run: PastRun) -> None:
    pages = Pages(run.store)
    pages.write_note(model(run), "first", by="ana", seen=0)
    noted(pages)
    run.store.reads.clear()  # type: ignore[attr-defined]
    noted(pages)
    assert not [name for name in run.store.reads if name.startswith(paths.NOTES)]  # type: ignore[attr-defined]
