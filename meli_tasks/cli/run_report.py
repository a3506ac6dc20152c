"""What `meli run` shows: a line a step when it ends, and on a terminal what the running step says of itself."""

from __future__ import annotations

import logging
import sys
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from meli_tasks.cli.console import err, out, warn
from meli_tasks.cli.leaderboard import leaderboard
from meli_tasks.wording import count, duration

if TYPE_CHECKING:
    from rich.status import Status


FACTS = {
    "ingest": ("rows", "categories", "bad_rows"),
    "preprocess": ("categories", "words", "ngrams"),
    "embed": ("words", "dimensions"),
    "train": ("validation_balanced_accuracy", "kept_epoch"),
    "ensemble": ("validation_balanced_accuracy", "gain"),
    "evaluate": ("test_titles", "test_categories"),
}


class Report(logging.Handler):
    """Lines on stdout; a moving line on stderr, fed by the progress that stages log."""

    def __init__(self, quiet: bool) -> None:
        super().__init__(logging.DEBUG)
        self.quiet = quiet
        self._status: Status | None = None
        self._doing = ""

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

    def emit(self, record: logging.LogRecord) -> None:
        """Show progress that a stage logged."""
        progress = getattr(record, "progress", None)
        if progress:
            self.show(told(progress))

    def show(self, progress: str) -> None:
        """Show how far the running step is, where there is a terminal."""
        if self._status:
            self._status.update(f"{self._doing}  [dim]{progress}[/dim]")

    def began(self, stage: str, name: str) -> None:
        """A step begins."""
        self._doing = f"{stage} {name}".strip()
        if self._status:
            self._status.update(self._doing)

    def ended(self, line: dict[str, Any]) -> None:
        """A step has ended: computed, found, or failed."""
        if self.quiet:
            return
        from rich.text import Text

        if "error" in line:
            state, colour = f"failed after {duration(line['seconds'])}", "red"
        elif line["hit"]:
            state, colour = f"already there, {duration(line['seconds_saved'])} saved", "green"
        else:
            state, colour = f"done in {duration(line['seconds'])}", ""
        facts = facts_of(line["stage"], line.get("summary", {}))
        text = Text.assemble(
            (f"{line['stage']:<10} ", "bold"), f"{line['name']:<34} ", (f"{state:<30}", colour), (facts, "dim")
        )
        text.rstrip()
        out().print(text, no_wrap=True, overflow="ellipsis")
        if aside := line.get("set_aside"):
            warn(aside)

    def conclude(self, outcome: dict[str, Any]) -> None:
        """The leaderboard, the decision, and what the cache saved."""
        console = out()
        if outcome["scores"]:
            console.print(leaderboard(outcome["scores"]))
        if decision := outcome["decision"]:
            console.print(f"{decision['action']}: {decision['reason']}", markup=False)
        hits = sum(line["hit"] for line in outcome["steps"])
        console.print(
            f"{count(len(outcome['steps']), 'step')} in {duration(outcome['seconds'])}; {hits} already there, "
            f"{duration(outcome['seconds_saved'])} saved. Run {outcome['run_id']}",
            markup=False,
        )


def told(progress: dict[str, float | int | str]) -> str:
    """What a running stage says of itself, in one short line."""
    parts = []
    for key, value in progress.items():
        whole = progress.get(f"{key}s", progress.get(f"of_{key}"))
        if whole is not None:
            parts.append(f"{key} {value}/{whole}")
        elif key.removesuffix("s") in progress.keys() - {key} or key.removeprefix("of_") in progress.keys() - {key}:
            continue  # said with its part
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


def facts_of(stage: str, summary: dict[str, Any]) -> str:
    """The numbers of a stage's summary that a person looks for."""
    facts = []
    for key in FACTS.get(stage, ()):
        value = summary.get(key)
        if isinstance(value, int | float):
            facts.append(
                f"{key.replace('_', ' ')} {value:.4f}"
                if isinstance(value, float)
                else f"{key.replace('_', ' ')} {value:,}"
            )
    return ", ".join(facts)
