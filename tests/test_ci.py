"""`.ci/run` runs every test: those that a marker leaves out of `make test` belong to another of its commands."""

from __future__ import annotations

import json
import shlex
import sys
import tomllib
from pathlib import Path

from _pytest.mark.expression import Expression

from tests import waiting

ROOT = Path(__file__).parents[1]
COLLECT = """
import json, pytest
class Listed:
    def pytest_collection_modifyitems(self, items):
        found = [(item.nodeid, sorted({mark.name for mark in item.iter_markers()})) for item in items]
        print("LISTED", json.dumps(found))
raise SystemExit(pytest.main(["--collect-only", "-q", "-p", "no:cacheprovider", "-m", ""], plugins=[Listed()]))
"""


def commands() -> list[list[str]]:
    """The pytest commands of `.ci/run`, as make would run them."""
    targets = [line.split()[1:] for line in (ROOT / ".ci/run").read_text().splitlines() if line.startswith("make ")]
    found = []
    for target in targets:
        # With everything installed, so that make prints the commands of the target alone.
        done = waiting.run(["make", "-n", "-o", ".venv/.dev", *target], cwd=ROOT)
        assert done.returncode == 0, done.stderr
        found += [shlex.split(line) for line in done.stdout.splitlines() if "-m pytest" in line]
    return found


def selection(command: list[str], default: str) -> tuple[Expression, tuple[str, ...]]:
    """The marker expression and the paths of a pytest command."""
    arguments = command[command.index("pytest") + 1 :]
    expression = arguments[arguments.index("-m") + 1] if "-m" in arguments else default
    return Expression.compile(expression), tuple(part for part in arguments if part.startswith("tests"))


def chosen(selections: list[tuple[Expression, tuple[str, ...]]], name: str, marks: list[str]) -> bool:
    """Whether any command runs this test."""

    def has(mark: str, **_: object) -> bool:
        return mark in marks

    return any(expression.evaluate(has) and (not paths or name.startswith(paths)) for expression, paths in selections)


def test_every_test_belongs_to_a_command_of_ci() -> None:
    done = waiting.run([sys.executable, "-c", COLLECT], cwd=ROOT)
    [line] = [line for line in done.stdout.splitlines() if line.startswith("LISTED ")]
    listed = json.loads(line.removeprefix("LISTED "))
    pytest_options = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]
    options = shlex.split(pytest_options["addopts"])
    selections = [selection(command, options[options.index("-m") + 1]) for command in commands()]
    assert len(selections) >= 4 and len(listed) > 1_000
    assert [name for name, marks in listed if not chosen(selections, name, marks)] == []
