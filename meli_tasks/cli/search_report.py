"""What `meli search` shows: a line a trial when it ends, and on a terminal how far the running one is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meli_tasks.cli.console import out
from meli_tasks.cli.run_report import Report, told
from meli_tasks.wording import duration

if TYPE_CHECKING:
    from meli_tasks.execution.runner import Result, Step
    from meli_tasks.search import Outcome, Trial

COLOURS = {"finished": "", "pruned": "dim", "stopped": "dim", "failed": "red"}


class SearchReport(Report):
    """Lines on stdout; a moving line on stderr."""

    def preparing(self, step: Step) -> None:
        """A step before the trials begins."""
        self.began(step.stage, step.name)

    def prepared(self, step: Step, result: Result) -> None:
        """It has ended."""
        self.ended(
            {
                "stage": step.stage,
                "name": step.name,
                "hit": result.hit,
                "seconds": result.seconds,
                "seconds_saved": result.manifest.seconds if result.hit else 0.0,
                "summary": result.manifest.summary,
            }
        )

    def progress(self, told_so_far: dict[str, float | int | str]) -> None:
        """How far the running trial is."""
        self.show(told(told_so_far))

    def tried(self, trial: Trial, best: Trial | None) -> None:
        """A trial has ended."""
        if self.quiet:
            return
        from rich.text import Text

        reached = f"balanced accuracy {trial.accuracy:.4f}" if trial.accuracy is not None else trial.reason
        leading = "best so far" if best and best.number == trial.number and not best.known else ""
        text = Text.assemble(
            (f"trial {trial.number:<4} ", "bold"),
            (f"{trial.state:<9} {duration(trial.seconds):>12}  {reached:<30} ", COLOURS[trial.state]),
            (leading, "green"),
        )
        text.rstrip()
        out().print(text, no_wrap=True, overflow="ellipsis")

    def found(self, outcome: Outcome) -> None:
        """What it came to."""
        for line in outcome.lines():
            out().print(line, markup=False)
        out().print(f"meli run all --sets {outcome.name}", markup=False, style="dim")
