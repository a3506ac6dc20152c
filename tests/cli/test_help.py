"""Every command has help and examples that parse, docs/cli.md is up to date, and the help appears at once."""

from __future__ import annotations

import resource
import shlex
import subprocess
import sys
from typing import Any

import pytest

from meli_tasks.cli import reference
from tests.cli.program import MELI, environment, here, meli

COMMANDS = reference.commands()
HEAVY = {"torch", "gensim", "mlflow", "pandas", "pyarrow", "polars", "sklearn", "numpy", "boto3", "pydantic", "yaml"}


def test_the_commands_are_the_documented_ones() -> None:
    assert set(COMMANDS) == {
        "run", "backfill", "search", "sets", "predict", "champion", "promote", "rollback", "runs", "report", "card",
        "reproduce", "sample", "doctor", "stop-training", "monitor", "batch-predict", "serve", "verify", "node",
        "prune", "pin",
    }  # fmt: skip


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_has_help_and_examples(name: str) -> None:
    command = COMMANDS[name]
    assert len(command.help) > 30
    assert len(reference.examples_of(command)) >= 2
    assert [param.name for param in command.params if not param.help] == []
    result = here(name, "--help")
    assert result.exit_code == 0
    assert "Examples" in result.output and f"meli {name}" in result.output


@pytest.mark.parametrize("name", COMMANDS)
def test_every_example_parses(name: str) -> None:
    for example in reference.examples_of(COMMANDS[name]):
        words = shlex.split(example.partition("|")[0])
        while "=" in words[0]:
            words.pop(0)
        assert words[:2] == ["meli", name]
        COMMANDS[name].make_context("meli", words[2:])  # raises on an unknown option or a wrong value


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in ("sample", "serve", "node")])
def test_every_command_can_answer_in_json(name: str) -> None:
    assert any("--json" in param.opts for param in COMMANDS[name].params)


def test_the_reference_page_is_up_to_date() -> None:
    text = reference.PAGE.read_text(encoding="utf-8")
    assert reference.page_with(reference.reference(), text) == text, "run python -m meli_tasks.cli.reference"


def test_markup_does_not_reach_the_page() -> None:
    assert reference.plain(r"a [bold]title[/bold], \[256, 128]") == "a title, [256, 128]"


def test_starting_imports_nothing_heavy() -> None:
    code = f"import sys, meli_tasks.cli; print(*sorted(set({HEAVY!r}) & set(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=True)
    assert loaded.stdout.split() == []


def test_help_costs_less_than_three_imports_of_the_library_that_prints_it() -> None:
    def cpu_seconds(command: list[str]) -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, env=environment(), capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    baseline = [sys.executable, "-c", "import typer, rich.console, rich.table, rich.markdown"]
    pairs = [(cpu_seconds([*MELI, "--help"]), cpu_seconds(baseline)) for _ in range(3)]
    assert min(ours / theirs for ours, theirs in pairs) < 3, pairs


def test_version() -> None:
    from meli_tasks import __version__

    assert here("--version").output.strip() == f"meli {__version__}"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nonsense"], "No such command"),
        (["run"], "Missing argument"),
        (["run", "cook"], "is not one of"),
        (["run", "all", "--as-of", "yesterday"], "does not match the format"),
        (["predict"], "give titles"),
        (["predict", "a", "--input", "b.csv", "--output", "c.csv"], "not both"),
        (["predict", "--input", "b.csv"], "must be given together"),
        (["predict", "a", "--model", "b", "--set", "c"], "give only one"),
        (["sets", "--yaml"], "give its name"),
    ],
)
def test_wrong_usage_is_exit_code_two(arguments: list[str], message: str) -> None:
    result: Any = here(*arguments)
    assert result.exit_code == 2
    assert message in " ".join(result.output.replace("│", " ").split())


def test_no_command_shows_the_help() -> None:
    result = meli()
    assert result.returncode == 2
    assert "Commands" in result.stdout + result.stderr
