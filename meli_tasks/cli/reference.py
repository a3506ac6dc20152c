"""docs/cli.md, made from the commands: `python -m meli_tasks.cli.reference` rewrites what stands between its marks.

`--check` changes nothing and leaves with exit code 1 when the page is stale.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typer.main import get_command

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"
BEGIN = "<!-- commands: made by `python -m meli_tasks.cli.reference`, do not edit -->"
END = "<!-- end of commands -->"
MARKUP = re.compile(r"(?<!\\)\[/?[a-z ]+\]")
EXAMPLE = "$ "


def commands() -> dict[str, Any]:
    """The commands by name, in the order of the help."""
    from meli_tasks.cli.meli import app

    found: dict[str, Any] = get_command(app).commands  # type: ignore[attr-defined]
    return found


def examples_of(command: Any) -> list[str]:
    """The example lines of a command's help."""
    lines = plain(command.epilog or "").splitlines()
    return [line.removeprefix(EXAMPLE) for line in lines if line.startswith(EXAMPLE)]


def plain(text: str) -> str:
    """Help text without rich's markup."""
    return MARKUP.sub("", text).replace("\\[", "[")


def reference() -> str:
    """What stands between the marks: of each command its usage, help, parameters and examples."""
    return "\n".join(line for name, command in commands().items() for line in _command(name, command))


def page_with(reference: str, page: str) -> str:
    """The page with the part between its marks replaced."""
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n\n{reference}\n{END}{after}"


def _command(name: str, command: Any) -> Iterator[str]:
    arguments = [_usage(param) for param in command.params if param.param_type_name == "argument"]
    yield f"## `meli {' '.join([name, *arguments])}`\n"
    yield plain(command.help) + "\n"
    yield "| parameter | value | meaning |"
    yield "|---|---|---|"
    for param in command.params:
        yield f"| {_spelling(param)} | {_value(param)} | {_cell(plain(param.help or ''))} |"
    yield "\n```sh"
    yield from examples_of(command)
    yield "```\n"


def _usage(param: Any) -> str:
    word = f"{param.name.upper()}{'...' if param.nargs == -1 else ''}"
    return word if param.required else f"[{word}]"


def _spelling(param: Any) -> str:
    if param.param_type_name == "argument":
        return f"`{param.name.upper()}`"
    return ", ".join(f"`{word}`" for word in [*param.opts, *param.secondary_opts])


def _value(param: Any) -> str:
    """What it takes, and the default where there is one to name."""
    if getattr(param, "is_flag", False) or getattr(param, "is_bool_flag", False):
        return f"default: `{param.opts[0]}`" if param.default is True else ""
    if param.param_type_name == "argument":
        return _cell(param.display_type(None).strip("<>")) if param.type_descriptor.is_choice else ""
    kind = param.metavar or _cell(param.display_type(None).strip("<>"))
    default = getattr(param.default, "value", param.default)
    return kind if default in (None, "", []) or param.required else f"{kind}, default {default}"


def _cell(text: str) -> str:
    return text.replace("|", r"\|")


def main() -> None:
    """Rewrite the page, or check it."""
    text = PAGE.read_text(encoding="utf-8")
    fresh = page_with(reference(), text)
    if "--check" in sys.argv[1:]:
        if fresh != text:
            sys.exit(f"{PAGE.name} is stale: python -m meli_tasks.cli.reference makes it fresh.")
        return
    PAGE.write_text(fresh, encoding="utf-8")


if __name__ == "__main__":
    main()
