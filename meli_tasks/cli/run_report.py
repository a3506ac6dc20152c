"""The output of `meli run`: a line for each finished step and, on a terminal, the progress of the running one."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Self

from meli_tasks.cli.console import err, out, warn
from meli_tasks.cli.leaderboard import leaderboard
from meli_tasks.wording import count, duration, printable

if TYPE_CHECKING:
    from rich.status import Status

    from meli_tasks.planning.preview import Preview
    from meli_tasks.planning.remaining import Remaining
    from meli_tasks.run_outcome import RunOutcome, StepReport


# The figures of a stage's summary that its line shows.
FIGURES = {
    "ingest": ("rows", "categories", "bad_rows"),
    "preprocess": ("categories", "words", "ngrams"),
    "embed": ("words", "dimensions", "coverage"),
    "train": ("validation_balanced_accuracy", "kept_epoch"),
    "ensemble": ("validation_balanced_accuracy", "gain"),
    "evaluate": ("test_titles", "test_categories"),
}


class Report(logging.Handler):
    """Prints lines on stdout and, if stderr is a terminal, a status line fed by the progress that the stages log."""

    def __init__(self, quiet: bool) -> None:
        super().__init__(logging.DEBUG)
        self.quiet = quiet
        self._status: Status | None = None
        self._running = ""
        self._remaining: Remaining | None = None

    def __enter__(self) -> Self:
        if not self.quiet and sys.stderr.isatty():
            self._status = err().status("planning")
            self._status.start()
            logger = logging.getLogger("meli_tasks")
            logger.setLevel(logging.DEBUG)
            logger.addHandler(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        logging.getLogger("meli_tasks").removeHandler(self)
        if self._status:
            self._status.stop()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """A context without the status line, in which a person can type."""
        if self._status:
            self._status.stop()
        yield
        if self._status:
            self._status.start()

    def planned(self, preview: Preview) -> None:
        """Count the training runs and the time that is left by the preview of the run."""
        from meli_tasks.planning.remaining import Remaining

        self._remaining = Remaining(preview)

    def emit(self, record: logging.LogRecord) -> None:
        """Show the progress that a stage logged."""
        progress: Mapping[str, float | int | str] | None = getattr(record, "progress", None)
        if progress:
            left = progress.get("seconds_left")
            self.show(describe(progress), float(left) if left is not None else None)

    def show(self, progress: str, seconds_left: float | None = None) -> None:
        """Update the status line, if there is one; `seconds_left` is what the running step reports."""
        if self._status:
            whole = self._remaining.text(seconds_left) if self._remaining else ""
            parts = [f"{_unmarked(self._running)}", f"[dim]{_unmarked(progress)}[/dim]" if progress else "", whole]
            self._status.update("  ".join(filter(None, parts)))

    def started(self, stage: str, name: str) -> None:
        """Show that a step has started."""
        self._running = f"{stage} {name}".strip()
        if self._remaining:
            self._remaining.started(stage, name)
        self.show("")

    def finished(self, step: StepReport) -> None:
        """Print a step that was computed, reused or failed."""
        if self._remaining:
            self._remaining.finished(step.stage, step.name, step.seconds, computed=not (step.hit or step.error))
        if self.quiet:
            return
        from rich.text import Text

        if step.error:
            state, colour = f"failed after {duration(step.seconds)}", "red"
        elif step.hit:
            state, colour = f"already there, {duration(step.seconds_saved)} saved", "green"
        else:
            state, colour = f"done in {duration(step.seconds)}", ""
        figures = figures_of(step.stage, step.summary)
        text = Text.assemble(
            (f"{step.stage:<10} ", "bold"), f"{step.name:<34} ", (f"{state:<30}", colour), (figures, "dim")
        )
        text.rstrip()
        out().print(text)
        if step.unused:
            warn(step.unused)
        for note in step.notes:
            warn(note)

    def conclude(self, outcome: RunOutcome) -> None:
        """Print the leaderboard, the decision, and the time that reused results saved."""
        console = out()
        if outcome.scores:
            console.print(leaderboard(outcome.scores))
        if outcome.decision:
            console.print(f"{outcome.decision.action}: {outcome.decision.reason}", markup=False)
        hits = sum(step.hit for step in outcome.steps)
        console.print(
            f"{count(len(outcome.steps), 'step')} in {duration(outcome.seconds)}; {hits} already there, "
            f"{duration(outcome.seconds_saved)} saved. Run {outcome.run_id}",
            markup=False,
        )


def _unmarked(text: str) -> str:
    """A text of which rich takes nothing for its own markup: the name of a source may hold brackets."""
    from rich.markup import escape

    return escape(printable(text))


def describe(progress: Mapping[str, float | int | str]) -> str:
    """Describe the progress of a running stage in one short line."""
    parts = []
    for key, value in progress.items():
        whole = progress.get(f"{key}s", progress.get(f"of_{key}"))
        if whole is not None:
            parts.append(f"{key} {value}/{whole}")
        elif key.removesuffix("s") in progress.keys() - {key} or key.removeprefix("of_") in progress.keys() - {key}:
            continue  # written together with its part, as in 3/10
        elif key == "seconds_left":
            parts.append(f"{duration(float(value))} left")
        elif key == "titles_per_second":
            parts.append(f"{float(value):,.0f} titles/s")
        else:
            parts.append(
                f"{key.replace('_', ' ')} {value:.4g}"
                if isinstance(value, float)
                else f"{key.replace('_', ' ')} {value}"
            )
    return ", ".join(parts)


def figures_of(stage: str, summary: Mapping[str, object]) -> str:
    """Return the figures of a stage's summary that are worth a look."""
    figures = []
    for key in FIGURES.get(stage, ()):
        value = summary.get(key)
        if isinstance(value, Mapping) and isinstance(covered := value.get("words"), float):
            figures.append(f"{key} {covered:.1%}")
        if isinstance(value, int | float):
            figures.append(
                f"{key.replace('_', ' ')} {value:.4f}"
                if isinstance(value, float)
                else f"{key.replace('_', ' ')} {value:,}"
            )
    return ", ".join(figures)
