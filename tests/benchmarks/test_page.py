"""Results become sections of the page, between its two markers."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import page
from benchmarks.figures import Figure, Options, at_most
from benchmarks.isolated import Cost
from benchmarks.machine import Machine
from benchmarks.report import Outcome, write_results

MACHINE = Machine(
    date="2026-11-22T03:00:00+00:00",
    commit="079e841950",
    changed_since_commit=True,
    processor="some make",
    cores=2,
    load_before=0.25,
)
MARKERS = "<!-- results:begin -->\n### predict\n\nold\n\n### gate\n\nkept\n<!-- results:end -->"


def written(folder: Path, *outcomes: Outcome) -> str:
    folder.mkdir()
    write_results(folder / "results.json", MACHINE, outcomes)
    return str(folder / "results.json")


def test_the_last_file_with_a_part_counts_and_failures_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "benchmarks.md"
    target.write_text(f"before\n{MARKERS}\nafter\n", encoding="utf-8")
    monkeypatch.setattr(page, "PAGE", target)
    options, cost = Options(Path(), Path()), Cost(61.0, 60.0, 900.0)
    older = Figure("a title", 7.0, "ms", target=at_most(5))
    newer = Figure("a title", 4.0, "ms", target=at_most(5), note="quiet")
    first = written(tmp_path / "1", Outcome("predict", options, (older,), cost))
    second = written(
        tmp_path / "2", Outcome("predict", options, (newer,), cost), Outcome("peers", options, failure="it broke")
    )
    page.main([first, second])
    text = target.read_text(encoding="utf-8")
    commit = "2026-11-22, commit 079e841 with uncommitted changes"
    where = f"{commit}, 2 cores of some make, load 0.2 at the start; 1 thread, 61 s."
    assert text.startswith(f"before\n<!-- results:begin -->\n### predict\n\n{where}\n")
    assert "| a title<br><sub>quiet</sub> | 4 ms |  |  | at most 5: reached |" in text
    assert "7 ms" not in text and "peers" not in text and "old" not in text
    assert text.endswith("|\n\n### gate\n\nkept\n<!-- results:end -->\nafter\n")


def test_a_page_without_markers_is_left_alone(tmp_path: Path) -> None:
    target = tmp_path / "page.md"
    target.write_text("nothing here", encoding="utf-8")
    with pytest.raises(SystemExit, match="has no <!-- results:begin -->"):
        page.write_between(target, "results", "figures")
    assert target.read_text(encoding="utf-8") == "nothing here"


def test_the_page_of_the_project_can_be_written(tmp_path: Path) -> None:
    copy = tmp_path / "benchmarks.md"
    copy.write_text(page.PAGE.read_text(encoding="utf-8"), encoding="utf-8")
    page.write_between(copy, "results", "figures")
    assert "<!-- results:begin -->\nfigures\n<!-- results:end -->" in copy.read_text(encoding="utf-8")
