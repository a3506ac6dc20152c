"""Writes results into docs/benchmarks.md: `python -m benchmarks.page .meli/bench/*/results.json`.

If several files contain a part, the last file counts. Failed parts are left out, and parts that are in no file keep
their section.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.figures import Figure
from benchmarks.machine import Machine
from benchmarks.report import Outcome, cells, read_results
from meli_tasks.wording import count

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
HEADER = ("what", "figure", "baseline", "ratio", "target")


def write_between(page: Path, marker: str, text: str) -> None:
    """Replaces the text between the two comments of a marker."""
    before, _, after = _around(page, marker)
    page.write_text(f"{before}\n{text}\n{after}", encoding="utf-8")


def _around(page: Path, marker: str) -> tuple[str, str, str]:
    """A page up to the first comment of a marker, between its two comments, and from the second on."""
    begin, end = f"<!-- {marker}:begin -->", f"<!-- {marker}:end -->"
    before, found, rest = page.read_text(encoding="utf-8").partition(begin)
    between, closed, after = rest.partition(end)
    if not (found and closed):
        sys.exit(f"{page} has no {begin} ... {end} to write between")
    return before + begin, between, end + after


def written_sections() -> dict[str, str]:
    """The sections that the page has, by part."""
    _, *sections = f"\n{_around(PAGE, 'results')[1]}".split("\n### ")
    return {text.split("\n", 1)[0]: f"### {text.strip()}" for text in sections}


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]], numbers_from: int = 1) -> str:
    """A Markdown table; columns from index `numbers_from` on are right-aligned."""
    ruled = ["---" if place < numbers_from else "--:" for place in range(len(header))]
    return "\n".join("| " + " | ".join(line) + " |" for line in [header, ruled, *rows])


def section(outcome: Outcome, machine: Machine) -> str:
    """The section of one part: when and on what it was measured, and its table."""
    load = f"load {machine.load_before:.1f} at the start"
    changes = " with uncommitted changes" if machine.changed_since_commit else ""
    commit = f"commit {machine.commit[:7] or 'unknown'}{changes}"
    where = f"{machine.date[:10]}, {commit}, {machine.cores} cores of {machine.processor}, {load}"
    seconds = outcome.cost.seconds if outcome.cost else 0.0
    took = f"{count(outcome.options.threads, 'thread')}, {seconds:,.0f} s"
    table = markdown_table(HEADER, [_row(figure) for figure in outcome.figures])
    return f"### {outcome.part}\n\n{where}; {took}.\n\n{table}"


def _row(figure: Figure) -> list[str]:
    name, *numbers, target = cells(figure)
    note = f"<br><sub>{figure.note}</sub>" if figure.note else ""
    return [f"{name}{note}", *numbers, target]


def main(files: Sequence[str]) -> None:
    """Writes the sections of all parts in the files, and keeps those of other parts."""
    sections = written_sections()
    for file in files:
        machine, outcomes = read_results(Path(file))
        sections |= {outcome.part: section(outcome, machine) for outcome in outcomes if not outcome.failure}
    write_between(PAGE, "results", "\n\n".join(sections.values()))


if __name__ == "__main__":
    main(sys.argv[1:])
