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


def rows_of(listing: Listing, width: int) -> list[list[str]]:
    return [line.split() for line in printed(listing, width=width).splitlines()]


def test_columns_that_matter_least_are_left_out_first_and_named() -> None:
    listing = Listing([Column("set"), Column("figure"), Column("interval", rank=1), Column("megabytes", rank=2)])
    listing.add("mlp_prueba_1_corrected", "0.9412", "0.9200-0.9600", "25.3")
    assert rows_of(listing, 80)[0] == ["set", "figure", "interval", "megabytes"]
    assert len(rows_of(listing, 80)) == 2
    assert rows_of(listing, 50) == [
        ["set", "figure", "interval"],
        ["mlp_prueba_1_corrected", "0.9412", "0.9200-0.9600"],
        ["A", "wider", "terminal", "also", "displays:", "megabytes"],
    ]
    assert rows_of(listing, 44)[:2] == [["set", "figure"], ["mlp_prueba_1_corrected", "0.9412"]]
    assert rows_of(listing, 44)[2:] == [["A", "wider", "terminal", "also", "displays:", "interval,"], ["megabytes"]]


def test_a_terminal_too_narrow_even_for_those_that_matter_displays_all_values_in_blocks() -> None:
    listing = Listing([Column("set"), Column("figure"), Column("megabytes", rank=1)])
    listing.add("mlp_prueba_1_corrected", "0.9412", "25.3")
    assert rows_of(listing, 24) == [["mlp_prueba_1_corrected"], ["figure", "0.9412"], ["megabytes", "25.3"]]


def test_a_column_with_room_breaks_its_values_and_no_other_does() -> None:
    listing = Listing([Column("run", whole=False, room=12), Column("set"), Column("figure")])
    listing.add("scheduled__2026-11-20T03:00:00+00:00", "cnn_semi_freeze_corrected", "0.9412")
    lines = rows_of(listing, 12 + 2 + 25 + 2 + 6)
    assert lines[1] == ["scheduled__2", "cnn_semi_freeze_corrected", "0.9412"]
    assert "".join(line[0] for line in lines[1:]) == "scheduled__2026-11-20T03:00:00+00:00"
