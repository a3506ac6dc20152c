"""What monitoring found as one HTML file: no script, nothing from the network, and titles only as text."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from meli_tasks.artifacts import paths
from meli_tasks.artifacts.reading import read_again
from meli_tasks.store import Store
from tests.cli.program import here
from tests.monitoring.stores import night, score, titles, with_champion

HOSTILE = "<script>alert(1)</script>"


def test_the_command_writes_one_file_without_scripts_and_stores_it(
    file_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = with_champion(file_store, tmp_path / "model")
    monkeypatch.setenv("MELI_STORE", file_store.url)
    monkeypatch.setenv("MELI_CACHE", str(tmp_path / "cache"))
    rows = [f"{title} {HOSTILE} \ufffd" if row % 2 else title for row, title in enumerate(titles(1, 400))]
    night(run, "2026-11-21", rows)
    score(run, tmp_path / "in", "2026-11-21", titles(2, 300))
    path = tmp_path / "monitoring.html"
    done = here("monitor", "--report", str(path))
    assert done.exit_code == 0, done.output
    html = path.read_text(encoding="utf-8")
    for text in (
        "Does mlp still fit the titles?",
        "Should I retrain tonight?",
        "correct the source first",
        "Ingested titles",
        "Scored titles",
        "Unknown words: distance",
        "Since 2026-11-21.",
        "0 of 300 scored titles have a label",
    ):
        assert text in html, text
    assert "&lt;script&gt;" in html
    assert not re.search(r"<script|https?://(?!www\.w3\.org)|javascript:", html)
    stored = read_again(file_store, paths.monitoring_report(str(run.trainings["mlp"].ref)))
    assert stored
    assert stored.decode() == html


def test_without_results_there_is_nothing_to_report(
    file_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = with_champion(file_store, tmp_path / "model")
    monkeypatch.setenv("MELI_STORE", file_store.url)
    monkeypatch.setenv("MELI_CACHE", str(tmp_path / "cache"))
    file_store.delete(run.plan.name)
    done = here("monitor", "--report", str(tmp_path / "monitoring.html"))
    assert done.exit_code == 1
    assert "There is nothing to report" in str(done.exception)
    assert not (tmp_path / "monitoring.html").exists()
