"""Results into docs/benchmarks.md: `python -m benchmarks.page .meli/bench/*/results.json`.

Of a part that several files have, the last file's figures are taken. What failed is left out.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure
from benchmarks.report import cells

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
HEADER = ("what", "figure", "baseline", "ratio", "target")


def write_between(page: Path, marker: str, text: str) -> None:
    """Replaces what stands between the marker's two comments."""
    begin, end = f"<!-- {marker}:begin -->", f"<!-- {marker}:end -->"
    before, found, rest = page.read_text(encoding="utf-8").partition(begin)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        sys.exit(f"{page} has no {begin} ... {end} to write between")
    page.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf-8")


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]], numbers_from: int = 1) -> str:
    """A Markdown table; the columns from `numbers_from` on stand to the right."""
    ruled = ["---" if place < numbers_from else "--:" for place in range(len(header))]
    return "\n".join("| " + " | ".join(line) + " |" for line in [header, ruled, *rows])


def section(part: dict[str, Any], machine: dict[str, Any]) -> str:
    """One part: when and where it was measured, and its table."""
    rows = []
    for stored in part["figures"]:
        name, *numbers, target = cells(Figure.from_json(stored))
        note = f"<br><sub>{stored['note']}</sub>" if stored["note"] else ""
        rows.append([f"{name}{note}", *numbers, target])
    load = f"load {machine['load_before']:.1f} before it began"
    commit = f"commit {machine['commit'][:7] or 'unknown'}{' with changes' if machine['changed_since_commit'] else ''}"
    where = f"{machine['date'][:10]}, {commit}, {machine['cores']} cores of {machine['processor']}, {load}"
    threads = part["options"]["threads"]
    took = f"{threads} thread{'s' if threads > 1 else ''}, {part['cost']['seconds']:,.0f} s"
    return f"### {part['part']}\n\n{where}; {took}.\n\n{markdown_table(HEADER, rows)}"


def main(files: Sequence[str]) -> None:
    """Writes the sections of all parts that the files hold."""
    found: dict[str, str] = {}
    for file in files:
        stored = json.loads(Path(file).read_text(encoding="utf-8"))
        found |= {part["part"]: section(part, stored["machine"]) for part in stored["parts"] if not part["failure"]}
    write_between(PAGE, "results", "\n\n".join(found.values()))


if __name__ == "__main__":
    main(sys.argv[1:])
