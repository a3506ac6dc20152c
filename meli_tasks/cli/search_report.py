"""The output of `meli search`: a line for each finished trial and, on a terminal, the progress of the running one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from meli_tasks.cli.console import out
from meli_tasks.cli.run_report import Report, describe
from meli_tasks.wording import duration

if TYPE_CHECKING:
    from meli_tasks.execution.runner import Result, Step
    from meli_tasks.search import Outcome, Trial

COLOURS = {"finished": "", "pruned": "dim", "stopped": "dim", "failed": "red"}


class SearchReport(Report):
    """Prints lines on stdout, and a status line on stderr if it is a terminal."""

    def preparing(self, step: Step) -> None:
        """Show that a step before the trials starts."""
        self.started(step.stage, step.name)

    def prepared(self, step: Step, result: Result) -> None:
        """Print the step that finished."""
        from meli_tasks.run_outcome import StepReport

        saved = result.manifest.seconds if result.hit else 0.0
        summary = result.manifest.summary
        self.finished(StepReport(step.stage, step.name, result.seconds, result.hit, saved, summary=summary))

    def progress(self, values: dict[str, float | int | str]) -> None:
        """Show the progress of the running trial."""
        self.show(describe(values))

    def trial_ended(self, trial: Trial, best: Trial | None) -> None:
        """Print a trial that ended."""
        if self.quiet:
            return
        from rich.text import Text

        result = f"balanced accuracy {trial.accuracy:.4f}" if trial.accuracy is not None else trial.reason
        leading = "best so far" if best and best.number == trial.number and not best.known else ""
        text = Text.assemble(
            (f"trial {trial.number:<4} ", "bold"),
            (f"{trial.state:<9} {duration(trial.seconds):>12}  {result:<30} ", COLOURS[trial.state]),
            (leading, "green"),
        )
        text.rstrip()
        out().print(text)

    def found(self, outcome: Outcome) -> None:
        """Print the outcome of the search, and the command that uses the new set."""
        for line in outcome.lines():
            out().print(line, markup=False)
        out().print(f"meli run all --sets {outcome.name}", markup=False, style="dim")
