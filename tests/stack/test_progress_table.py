from __future__ import annotations

import io

from rich.console import Console

from meli_tasks.execution.progress_log import ProgressNote
from meli_tasks.stack.progress_table import Progress, caption, details
from meli_tasks.stack.watch import Task


def task(state: str, **more: object) -> Task:
    fields: dict[str, object] = {"task": "train_mlp", "index": 0, "name": "mlp", "seconds": 2.5, "attempt": 1}
    return Task(state=state, **{**fields, **more})  # type: ignore[arg-type]


def note(epoch: int, rate: float = 54_321.0) -> ProgressNote:
    return ProgressNote(epoch=epoch, epochs=10, titles_per_second=rate, loss=1.23456, seconds_left=65.0)


def test_a_training_tells_epoch_speed_loss_and_time_left() -> None:
    assert details(task("running", note=note(3))) == "epoch 3/10, 54,321 titles/s, training loss 1.235, 1 min 5 s left"


def test_a_result_that_was_there_says_so() -> None:
    assert details(task("success", hit=True)) == "already there"
    assert details(task("success")) == ""


def test_plain_lines_tell_each_change_once() -> None:
    out = io.StringIO()
    progress = Progress(Console(file=out, width=200))
    for tasks in (
        [task("waiting", name="")],
        [task("running")],
        [task("running", note=note(1))],
        [task("running", note=note(1, rate=60_000.0))],
        [task("running", note=note(2))],
        [task("up_for_retry", message="The store did not answer.\nmore")],
        [task("success")],
        [task("success")],
    ):
        progress.show(tasks)
    lines = [line.split("  ", 1)[1].strip() for line in out.getvalue().splitlines()]
    assert lines == [
        "train mlp: epoch 1/10, 54,321 titles/s, training loss 1.235, 1 min 5 s left",
        "train mlp: epoch 2/10, 54,321 titles/s, training loss 1.235, 1 min 5 s left",
        "train mlp: retrying (The store did not answer.)",
        "train mlp: done in 2.5 s",
    ]


def test_on_a_terminal_every_task_has_a_row_and_brackets_are_no_markup() -> None:
    out = io.StringIO()
    console = Console(file=out, width=120, force_terminal=True)
    with Progress(console) as progress:
        progress.show([task("running", note=note(3)), task("failed", name="[red]", message="loss [nan] at step 3")])
    shown = out.getvalue()
    assert "epoch 3/10" in shown
    assert "[red]" in shown
    assert "loss [nan] at step 3" in shown


def test_the_caption_counts_the_trained_sets_and_says_what_is_left() -> None:
    trainings = [task("success"), task("running", name="cnn"), task("success", task="ingest")]
    assert caption(trainings, 41.0, 71.0) == "41 s elapsed, 1 of 2 sets trained, about 30 s left"
    assert caption(trainings[:1], 41.0, None) == "41 s elapsed"
    assert caption(trainings, 80.0, 71.0) == "1 min 20 s elapsed, 1 of 2 sets trained"
