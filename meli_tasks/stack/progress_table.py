"""The progress of a run: a table that is redrawn in a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from meli_tasks.execution.progress_log import ProgressNote
from meli_tasks.stack.watch import ENDED, Task
from meli_tasks.wording import duration

STATE_LABELS = {
    "success": "[green]done[/]",
    "running": "[cyan]running[/]",
    "failed": "[red]failed[/]",
    "upstream_failed": "[yellow]not run[/]",
    "skipped": "[dim]skipped[/]",
    "up_for_retry": "[yellow]retrying[/]",
    "deferred": "[yellow]waiting for a person[/]",
}


def details(task: Task) -> str:
    """The progress of a task: epoch, titles per second, loss, time left; or that its result was reused."""
    if task.state == "success":
        return "already there" if task.hit else ""
    if task.message:
        return task.message.strip().splitlines()[0]
    note, parts = task.note or ProgressNote(), []
    if note.epoch is not None:
        parts.append(f"epoch {note.epoch}" + ("" if note.epochs is None else f"/{note.epochs}"))
    if note.titles_per_second is not None:
        parts.append(f"{note.titles_per_second:,.0f} titles/s")
    if note.loss is not None:
        parts.append(f"training loss {note.loss:.3f}")
    if note.seconds_left is not None:
        parts.append(f"{duration(note.seconds_left)} left")
    return ", ".join(parts)


def caption(tasks: Sequence[Task], elapsed: float, estimate: float | None) -> str:
    """For instance "41 s elapsed, 1 of 2 sets trained, about 30 s left"."""
    trainings = [task for task in tasks if task.task.startswith("train_")]
    parts = [f"{duration(elapsed)} elapsed"]
    if len(trainings) > 1:
        parts.append(f"{sum(task.state == 'success' for task in trainings)} of {len(trainings)} sets trained")
    if estimate is not None and estimate > elapsed:
        parts.append(f"about {duration(estimate - elapsed)} left")
    return ", ".join(parts)


class Progress:
    """Displays the state of a run as it changes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._began = time.monotonic()
        self._live = Live(console=console, refresh_per_second=4, transient=False) if console.is_terminal else None
        self._printed: dict[str, str] = {}

    def __enter__(self) -> Self:
        if self._live:
            self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.__exit__(kind, error, trace)

    def show(self, tasks: list[Task], estimate: float | None = None) -> None:
        """Display the current state; `estimate` is the run's seconds by past runs, if there are any."""
        if self._live:
            self._live.update(self._table(tasks, estimate))
            return
        for task in tasks:
            line = self._line(task)
            if line and self._printed.get(task.label) != line:
                self._printed[task.label] = line
                at = duration(time.monotonic() - self._began)
                self._console.print(f"{at:<10}  {line}", highlight=False, markup=False, soft_wrap=True)

    def _table(self, tasks: list[Task], estimate: float | None) -> Table:
        table = Table(box=None, pad_edge=False, header_style="dim")
        for column in ("stage", "", "time", ""):
            table.add_column(column, justify="right" if column == "time" else "left", overflow="fold")
        for task in tasks:
            seconds = duration(task.seconds) if task.seconds else ""
            sign = STATE_LABELS.get(task.state, "[dim]waiting[/]")
            table.add_row(escape(task.label), sign, seconds, f"[dim]{escape(details(task))}[/]")
        table.caption = caption(tasks, time.monotonic() - self._began, estimate)
        table.caption_justify = "left"
        return table

    def _line(self, task: Task) -> str:
        """One line per change: a state, or a new epoch."""
        if task.state == "running":
            return f"{task.label}: {details(task)}" if task.note and self._new_epoch(task) else ""
        if task.state not in ENDED and task.state != "up_for_retry":
            return ""
        words = STATE_LABELS[task.state].split("]")[1].split("[")[0] if task.state in STATE_LABELS else task.state
        more = f" ({details(task)})" if details(task) else ""
        took = f" in {duration(task.seconds)}" if task.state in ("success", "failed") else ""
        return f"{task.label}: {words}{took}{more}"

    def _new_epoch(self, task: Task) -> bool:
        """Whether the note has an epoch that was not printed yet; what changes every second would flood a log."""
        if task.note is None or task.note.epoch is None:
            return False
        return details(task).split(",")[0] not in self._printed.get(task.label, "").split(",")[0]
