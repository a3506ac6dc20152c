"""Nothing that is printed acts on the terminal, and no name is cut, however narrow it is."""

from __future__ import annotations

import io
import re

import pytest
from rich.table import Table
from rich.text import Text

from meli_tasks.terminal import Column, Listing, SafeConsole, console, plain_table
from meli_tasks.wording import printable

HOSTILE = (
    "\x1b]8;;http://evil.example\x1b\\a link\x1b]8;;\x1b\\ \x1b[31mred\x1b[2J\x9b2J \x07bell \u202egnp.exe\u202c "
    "\u2066iso\u2069 \r over \b\b \x7f \u2028 \ufeff\u200b \U000e0041 end"
)
STYLES = re.compile(r"\x1b\[[\d;]*m")
NAMES = [
    "mlp_prueba_1_corrected",
    "mlp_prueba_2_corrected",
    "cnn_semi_freeze_corrected",
    "search_mlp_20261122 (champion)",
]


def printed(*values: object, width: int = 80, terminal: bool = False) -> str:
    file = io.StringIO()
    target = SafeConsole(file=file, width=width, highlight=False, force_terminal=terminal)
    target.print(*values)
    return file.getvalue()


def in_a_table(cell: object) -> Table:
    table = plain_table()
    table.add_column("value", overflow="fold")
    table.add_row(cell)  # type: ignore[arg-type]
    return table


def in_a_listing(cell: str) -> Listing:
    listing = Listing([Column("name"), Column("value", whole=False)])
    listing.add("a", cell)
    return listing


@pytest.mark.parametrize(
    "value",
    [
        HOSTILE,
        Text(HOSTILE, style="bold"),
        Text.assemble(("a", "red"), HOSTILE, ("b", "green")),
        in_a_table(HOSTILE),
        in_a_table(Text(HOSTILE)),
        in_a_listing(HOSTILE),
    ],
)
@pytest.mark.parametrize("width", [20, 80, 2000])
def test_a_value_cannot_act_on_the_terminal(value: object, width: int) -> None:
    for terminal in (False, True):
        text = STYLES.sub("", printed(value, width=width, terminal=terminal)).replace("\n", "")
        assert printable(text) == text
    assert r"\x1b]8;;http://evil.example" in printed(value, width=2000)


def test_styles_stay_where_they_are_around_an_escaped_character() -> None:
    text = printed(Text.assemble(("a\x1b", "red"), ("b", "green")), terminal=True)
    assert text.startswith("\x1b[31ma") and "\x1b[32mb\x1b[0m" in text


def test_words_of_every_script_stay_as_they_are() -> None:
    for text in ("niño ação", "电话", "می‌خواهم", "👩‍💻", "e\u0301", ":smile:", "a\nb"):
        assert printable(text) == text
        assert printed(Text(text)).rstrip("\n") == text
    assert printed("a :smile: b") == "a :smile: b\n"


@pytest.mark.parametrize("width", [42, 60, 80, 120, 2000])
def test_a_name_is_whole_at_any_width(width: int) -> None:
    listing = Listing([Column("set"), *(Column(name, justify="right") for name in NAMES)], "balanced accuracy")
    for name in NAMES:
        listing.add(name, *("0.9412" for _ in NAMES))
    text = printed(listing, width=width)
    assert "…" not in text
    for name in NAMES:
        assert name in text
    assert max(map(len, text.splitlines())) <= width


def test_what_fits_is_a_table_and_what_does_not_is_a_block_for_each_row() -> None:
    listing = Listing([Column("at"), Column("run"), Column("reason", whole=False)])
    listing.add("2026-11-20", "scheduled__2026-11-20T03:00:00+00:00", "")
    listing.add("2026-11-21", "manual__1", "it is\nbetter")
    assert printed(listing).splitlines()[0].split() == ["at", "run", "reason"]
    assert [line.split() for line in printed(listing, width=50).splitlines()] == [
        ["2026-11-20"],
        ["run", "scheduled__2026-11-20T03:00:00+00:00"],
        ["2026-11-21"],
        ["run", "manual__1"],
        ["reason", r"it", r"is\nbetter"],
    ]


def test_a_heading_breaks_where_its_values_are_narrower() -> None:
    listing = Listing([Column("model"), Column("balanced accuracy", justify="right")])
    listing.add("a_name_of_nineteen_", "0.9412")
    assert printed(listing, width=30).splitlines()[0].split() == ["balanced"]
    assert printed(listing, width=40).splitlines()[0].split() == ["model", "balanced", "accuracy"]


def test_a_title_is_harmless_and_no_markup() -> None:
    table = plain_table(f"[red]{HOSTILE}")
    table.add_column("value", min_width=300)
    table.add_row("x")
    text = printed(table, width=2000).replace("\n", "")
    assert r"[red]\x1b]8;;" in text
    assert printable(text) == text
    assert console().width
