"""No command drops a value: an option given twice is refused or adds up, and renamed options still work."""

from __future__ import annotations

from typing import Any

import pytest
import typer.main

from meli_tasks.cli import app, reference
from meli_tasks.cli.options import joined, overrides
from meli_tasks.cli.parsing import RENAMED
from meli_tasks.core.errors import BadHyperparameters
from tests.cli.program import here

OPTIONS = [
    (name, param)
    for name, command in reference.commands().items()
    for param in command.params
    if param.param_type_name == "option"
]
WITH_VALUE = [(name, param) for name, param in OPTIONS if not param.is_flag]


def ids(found: list[tuple[str, Any]]) -> list[str]:
    return [f"{name} {param.opts[0]}" for name, param in found]


def refusal(*arguments: str) -> str:
    result = here(*arguments)
    assert result.exit_code == 2, result.output
    return " ".join(result.output.replace("│", " ").split())


SINGLE = [(name, param) for name, param in WITH_VALUE if not param.multiple]


@pytest.mark.parametrize(("name", "param"), SINGLE, ids=ids(SINGLE))
def test_a_second_value_is_refused_and_both_are_named(name: str, param: Any) -> None:
    for spelling in param.opts:
        for second in (
            [spelling, "second"],
            [f"{spelling}=second"] if spelling.startswith("--") else [f"{spelling}second"],
        ):
            message = refusal(name, spelling, "first", *second)
            assert "given twice, as 'first' and 'second'" in message and param.opts[0] in message


def test_options_that_add_up_are_these() -> None:
    adding = {param.opts[0] for _, param in WITH_VALUE if param.multiple}
    assert adding == {"--sets", "--override", "--param"}
    assert joined(["mlp", "cnn,quick_mlp"]) == "mlp,cnn,quick_mlp"
    assert overrides(["train.epochs=5", "embed.epochs=2"]) == {"train.epochs": 5, "embed.epochs": 2}


def test_the_options_of_the_program_itself_take_no_values() -> None:
    assert all(param.is_flag for param in typer.main.get_command(app).params if "completion" not in str(param.name))


def test_flags_that_contradict_each_other_are_refused_and_repeated_ones_are_not() -> None:
    assert "--promote and --no-promote contradict each other" in refusal("run", "all", "--promote", "--no-promote")
    reference.commands()["run"].make_context("meli", ["all", "--no-promote", "--no-promote", "--json", "--json"])


def test_an_override_given_two_values_is_refused() -> None:
    with pytest.raises(BadHyperparameters, match=r"train\.epochs is given twice, as 5 and 6"):
        overrides(["train.epochs=5", "train.epochs=6"])
    assert overrides(["train.epochs=5", "train.epochs=5"]) == {"train.epochs": 5}


def test_what_follows_two_dashes_is_no_option() -> None:
    context = reference.commands()["predict"].make_context("meli", ["--top", "3", "--", "--top", "--top"])
    assert context.params["titles"] == ["--top", "--top"]


def test_short_options_are_recognized_among_flags() -> None:
    assert "given twice, as '3' and '4'" in refusal("runs", "-n3", "--limit", "4")
    assert "given twice, as 'a.csv' and 'b.csv'" in refusal("predict", "-i", "a.csv", "--input=b.csv")


@pytest.mark.parametrize("former", RENAMED)
def test_a_renamed_option_still_works_and_says_so(former: str, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in ([former, "0.25"], [f"{former}=0.25"]):
        context = reference.commands()["run"].make_context("meli", ["all", *arguments])
        assert context.params["max_bad_fraction"] == 0.25
        assert f"{former} is now called {RENAMED[former]}" in capsys.readouterr().err
    assert former not in here("run", "--help").output
