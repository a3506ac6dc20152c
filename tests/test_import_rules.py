from __future__ import annotations

from pathlib import Path

import pytest
from grimp import ImportGraph

from tests.import_rules import FilesContract

GRAPH = ImportGraph()  # the contract reads the files and not the graph


def broken(folder: Path, monkeypatch: pytest.MonkeyPatch, source: str) -> list[str]:
    folder.joinpath("dag.py").write_text(source, encoding="utf-8")
    monkeypatch.chdir(folder)
    options = {"files": ["*.py"], "package": "ours", "allowed_modules": ["ours.pipeline", "ours.core.errors"]}
    contract = FilesContract("DAGs", session_options={"root_packages": ["ours"]}, contract_options=options)
    check = contract.check(GRAPH, verbose=False)
    lines: list[str] = check.metadata["broken"]
    assert check.kept is not bool(lines)
    return lines


@pytest.mark.parametrize(
    "source",
    [
        "import ours.pipeline",
        "from ours.pipeline import Pipeline",
        "from ours.core import errors",
        "from ours.core.errors import BadData",
        "from oursother import store",
        "import json",
    ],
)
def test_what_is_allowed_and_other_packages_may_be_imported(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert broken(tmp_path, monkeypatch, source) == []


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("import ours.store", "dag.py:1 imports ours.store"),
        ("import ours", "dag.py:1 imports ours"),
        ("import os, ours.store.s3", "dag.py:1 imports ours.store.s3"),
        ("from ours import ledger", "dag.py:1 imports ours.ledger"),
        ("from ours.core import text", "dag.py:1 imports ours.core.text"),
        ("from ours.pipelines import x", "dag.py:1 imports ours.pipelines.x"),
        ("def task():\n    from ours.store import Store", "dag.py:2 imports ours.store.Store"),
        ("if TYPE_CHECKING:\n    from ours.store import Store", "dag.py:2 imports ours.store.Store"),
    ],
)
def test_anything_else_of_the_package_breaks_the_contract(
    source: str, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert broken(tmp_path, monkeypatch, source) == [line]


def test_a_pattern_that_matches_nothing_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    options = {"files": ["dags/*.py"], "package": "ours", "allowed_modules": ["ours.pipeline"]}
    contract = FilesContract("DAGs", session_options={"root_packages": ["ours"]}, contract_options=options)
    with pytest.raises(FileNotFoundError, match=r"No file matches 'dags/\*\.py'"):
        contract.check(GRAPH, verbose=False)
