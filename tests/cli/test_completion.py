"""What the shell offers after Tab."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from meli_tasks.planning.plan import make_plan
from meli_tasks.planning.request import Request
from meli_tasks.settings import Settings
from tests.cli.program import environment

# As the installed script: the shell asks by the name of the program.
PROGRAM = "import sys; sys.argv = ['meli']; from meli_tasks.cli import main; main()"


def offered(line: str, cwd: Path, **variables: str) -> list[str]:
    """What bash gets for a command line whose last word is being typed; nothing else may be printed."""
    words = line.split(" ")
    asked = {"_MELI_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=environment(**asked, **variables), cwd=cwd, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stderr == ""
    return done.stdout.split()


def test_sets_are_offered_also_after_a_comma(tmp_path: Path) -> None:
    assert offered("meli run all --sets quick_", tmp_path) == ["quick_cnn", "quick_mlp"]
    assert offered("meli run all --sets mlp,quick_c", tmp_path) == ["mlp,quick_cnn"]
    assert offered("meli sets cnn_semi_freeze_", tmp_path) == ["cnn_semi_freeze_corrected"]
    assert offered("meli predict --set mlp_f", tmp_path) == ["mlp_fast"]


def test_runs_of_the_store_are_offered(tmp_path: Path) -> None:
    settings = Settings(store=(tmp_path / "store").as_uri(), source="sample:rows=300,seed=1")
    store = settings.open_store()
    for run in ("manual__1", "manual__2", "scheduled__1"):
        make_plan(Request.check({}, settings), settings, run, None, store=store).save(store)
    assert set(offered("meli report manual", tmp_path, MELI_STORE=settings.store)) == {"manual__1", "manual__2"}


def test_a_store_that_cannot_be_read_offers_nothing_and_prints_nothing(tmp_path: Path) -> None:
    unreadable = "ftp://example.org/store"
    assert offered("meli report manual", tmp_path, MELI_STORE=unreadable) == []
    assert offered("meli run all --sets quick_", tmp_path, MELI_STORE=unreadable) == ["quick_cnn", "quick_mlp"]
