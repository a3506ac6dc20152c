"""The run in the terminal: a table that lives where there is a terminal, plain lines where there is none."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from meli_tasks.stack.watch import ENDED, Task
from meli_tasks.wording import duration

SIGNS = {
    "success": "[green]done[/]",
    "running": "[cyan]running[/]",
    "failed": "[red]failed[/]",
    "upstream_failed": "[yellow]not run[/]",
    "skipped": "[dim]not chosen[/]",
    "up_for_retry": "[yellow]tries again[/]",
}


def details(task: Task) -> str:
    """What a task is at: epoch, titles a second, loss, time left; or that its result was there."""
    if task.state == "success":
        return "already there" if task.hit else ""
    if task.message:
        return task.message.strip().splitlines()[0]
    note, parts = task.note, []
    if "epoch" in note:
        parts.append(f"epoch {note['epoch']}" + (f"/{note['epochs']}" if "epochs" in note else ""))
    if "titles_per_second" in note:
        parts.append(f"{float(note['titles_per_second']):,.0f} titles/s")
    if "loss" in note:
        parts.append(f"loss {float(note['loss']):.3f}")
    if "seconds_left" in note:
        parts.append(f"{duration(float(note['seconds_left']))} left")
    return ", ".join(parts)


class Progress:
    """Shows the state of a run, again and again."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._began = time.monotonic()
        self._live = Live(console=console, refresh_per_second=4, transient=False) if console.is_terminal else None
        self._told: dict[str, str] = {}

    def __enter__(self) -> Self:
        if self._live:
            self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.__exit__(kind, error, trace)

    def show(self, tasks: list[Task]) -> None:
        """Bring what is shown up to date."""
        if self._live:
            self._live.update(self._table(tasks))
            return
        for task in tasks:
            line = self._line(task)
            if line and self._told.get(task.label) != line:
                self._told[task.label] = line
                at = duration(time.monotonic() - self._began)
                self._console.print(f"{at:<10}  {line}", highlight=False, markup=False, soft_wrap=True)

    def _table(self, tasks: list[Task]) -> Table:
        table = Table(box=None, pad_edge=False, header_style="dim")
        for column in ("stage", "", "time", ""):
            table.add_column(column, justify="right" if column == "time" else "left", no_wrap=column != "")
        for task in tasks:
            seconds = duration(task.seconds) if task.seconds else ""
            sign = SIGNS.get(task.state, "[dim]waiting[/]")
            table.add_row(escape(task.label), sign, seconds, f"[dim]{escape(details(task))}[/]")
        table.caption = f"{duration(time.monotonic() - self._began)} since the start"
        table.caption_justify = "left"
        return table

    def _line(self, task: Task) -> str:
        """One line a change: a state, or a new epoch."""
        if task.state == "running":
            return f"{task.label}: {details(task)}" if task.note and self._new_epoch(task) else ""
        if task.state not in ENDED and task.state != "up_for_retry":
            return ""
        words = SIGNS[task.state].split("]")[1].split("[")[0] if task.state in SIGNS else task.state
        more = f" ({details(task)})" if details(task) else ""
        took = f" in {duration(task.seconds)}" if task.state in ("success", "failed") else ""
        return f"{task.label}: {words}{took}{more}"

    def _new_epoch(self, task: Task) -> bool:
        """Whether the note tells of an epoch that was not told yet; what changes every second floods a log."""
        return "epoch" in task.note and details(task).split(",")[0] not in self._told.get(task.label, "").split(",")[0]
