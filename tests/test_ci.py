"""`.ci/run` runs every test: those that a marker leaves out of `make test` belong to another of its commands.

Most of its commands run side by side, by `.ci/side_by_side`.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from _pytest.mark.expression import Expression

from tests import waiting
from tests.conftest import COLLECTED

ROOT = Path(__file__).parents[1]
COLLECT = """
import json, pytest
class Listed:
    def pytest_collection_finish(self, session):
        from tests.conftest import COLLECTED
        print("LISTED", json.dumps(session.config.stash[COLLECTED]))
raise SystemExit(pytest.main(["--collect-only", "-q", "-p", "no:cacheprovider", "-m", ""], plugins=[Listed()]))
"""


def every_test(config: pytest.Config) -> list[tuple[str, list[str]]]:
    """All tests with their marks: those that this pytest collected, or another one if this was given a part of them."""
    listed = config.stash[COLLECTED]
    files = {str(path.relative_to(ROOT)) for path in (ROOT / "tests").rglob("test_*.py")}
    if files <= {name.partition("::")[0] for name, _ in listed}:
        return listed
    done = waiting.run([sys.executable, "-c", COLLECT], cwd=ROOT)
    [line] = [line for line in done.stdout.splitlines() if line.startswith("LISTED ")]
    found: list[tuple[str, list[str]]] = json.loads(line.removeprefix("LISTED "))
    return found


def commands() -> list[list[str]]:
    """The pytest commands of `.ci/run`, as make would run them."""
    targets = [
        shlex.split(line)[1:] for line in (ROOT / ".ci/run").read_text().splitlines() if line.startswith("make ")
    ]
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


def test_every_test_belongs_to_a_command_of_ci(pytestconfig: pytest.Config) -> None:
    listed = every_test(pytestconfig)
    pytest_options = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]
    options = shlex.split(pytest_options["addopts"])
    selections = [selection(command, options[options.index("-m") + 1]) for command in commands()]
    assert len(selections) >= 4 and len(listed) > 1_000
    assert [name for name, marks in listed if not chosen(selections, name, marks)] == []


@pytest.fixture
def side_by_side(tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    """Starts `.ci/side_by_side` with commands, in a folder of the test's own."""

    def start(*lines: str, slots: int = 2) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [ROOT / ".ci/side_by_side", str(slots)], cwd=tmp_path, env=os.environ | {"TMPDIR": str(tmp_path)},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert process.stdin
        process.stdin.write("\n".join(lines) + "\n")
        process.stdin.close()
        process.stdin = None
        return process

    return start


def test_two_commands_run_at_once_and_their_output_comes_in_order(
    side_by_side: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    # The first ends only after the third, which starts when the second has ended: two at a time, and not in order.
    output, log = side_by_side(
        "until [ -e third ]; do sleep 0.05; done; echo one", "echo two", "touch third"
    ).communicate()
    assert output.split("\n== ")[1:] == [
        "until [ -e third ]; do sleep 0.05; done; echo one\none\n", "echo two\ntwo\n", "touch third\n"
    ]  # fmt: skip
    assert "== touch third: ended with 0" in log
    assert [path.name for path in tmp_path.iterdir()] == ["third"]


def test_all_run_although_one_fails_and_the_failure_is_named(
    side_by_side: Callable[..., subprocess.Popen[str]],
) -> None:
    process = side_by_side("echo found; exit 3", "true", "echo last", slots=1)
    output, log = process.communicate()
    assert process.returncode == 1
    assert "found" in output and "last" in output
    assert [line for line in log.splitlines() if "failed" in line] == ["== failed: echo found; exit 3"]


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_what_is_ended_leaves_no_process(
    side_by_side: Callable[..., subprocess.Popen[str]], tmp_path: Path, sent: signal.Signals
) -> None:
    # Like a suite with servers of its own: on Ctrl-C it ends them, which takes a moment.
    suite = "trap 'sleep 0.2; touch tidied-$$; exit' INT; touch started-$$; while true; do sleep 0.05; done"
    process = side_by_side(suite, suite)
    waiting.until(lambda: len(list(tmp_path.glob("started-*"))) == 2)
    process.send_signal(sent)
    process.communicate()
    assert process.returncode == 128 + sent
    started = {path.name.removeprefix("started-") for path in tmp_path.glob("started-*")}
    assert {path.name.removeprefix("tidied-") for path in tmp_path.glob("tidied-*")} == started
    assert not any(Path(f"/proc/{pid}").exists() for pid in started)
    assert len(list(tmp_path.iterdir())) == 4  # no log of the commands is left
