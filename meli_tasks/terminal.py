"""Output for terminals: a console on which data cannot act, and tables that never cut a name.

Titles, categories, names and paths come from other people's files. Whatever a terminal would obey in them is displayed
as an escape sequence, wherever it is printed: in tables, progress lines and messages.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import IO, Literal

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, JustifyMethod, RenderableType, RenderResult
from rich.segment import Segment
from rich.style import Style
from rich.table import Table
from rich.text import Text
from typing_extensions import override

from meli_tasks.wording import UNPRINTABLE, escaped, printable

GAP = 2  # columns between two cells: narrow, so that 80 columns hold more
Justify = Literal["left", "right"]


class SafeConsole(Console):
    """A console that displays control characters instead of sending them to the terminal."""

    @override
    def render_str(
        self,
        text: str,
        *,
        style: str | Style = "",
        justify: JustifyMethod | None = None,
        overflow: Literal["fold", "crop", "ellipsis", "ignore"] | None = None,
        emoji: bool | None = None,
        markup: bool | None = None,
        highlight: bool | None = None,
        highlighter: object = None,
    ) -> Text:
        return safe(
            super().render_str(
                text,
                style=style,
                justify=justify,
                overflow=overflow,
                emoji=False if emoji is None else emoji,  # a category named :smile: is no picture
                markup=markup,
                highlight=highlight,
            )
        )

    @override
    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        return super().render(safe(renderable) if isinstance(renderable, Text) else renderable, options)


def safe(text: Text) -> Text:
    """A text with what a terminal would obey as escape sequences; its styles stay where they are."""
    for found in reversed(list(UNPRINTABLE.finditer(text.plain))):
        at = found.start()
        text = text[:at] + Text(escaped(found[0])) + text[at + 1 :]
    return text


def console(*, stderr: bool = False, width: int | None = None, file: IO[str] | None = None) -> SafeConsole:
    """A console for stdout or stderr; `width` instead of that of the terminal."""
    return SafeConsole(stderr=stderr, width=width, file=file, highlight=False, emoji=False)


@dataclass(frozen=True)
class Column:
    """A column of a listing."""

    name: str
    whole: bool = True
    """Its values are never broken over two lines: names and figures."""
    justify: Justify = "left"
    style: str = ""
    rank: int = 0
    """Where the terminal is too narrow, columns of the highest rank are left out first; those of rank 0 never are."""
    room: int = 0
    """Terminal columns in which a value that may be broken is readable. A word that is longer is broken, too."""


class Listing:
    """Rows under headings. A terminal that is too narrow for all columns displays those that matter most.

    If not even those fit, each row becomes a block of lines. So a name is never cut, and it breaks only if it is longer
    than the terminal is wide or its column allows it.
    """

    def __init__(self, columns: Sequence[Column], title: str = "") -> None:
        self.columns = list(columns)
        self.title = title
        self.rows: list[list[Text]] = []

    def add(self, *cells: str | Text, style: str = "") -> None:
        """Add a row."""
        row = [cell if isinstance(cell, Text) else Text(printable(cell)) for cell in cells]
        for cell, column in zip(row, self.columns, strict=True):
            cell.style = style or column.style or cell.style
        self.rows.append([safe(one_line(cell)) for cell in row])

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        places = self._fitting(options.max_width)
        if places is None:
            if self.title:
                yield safe(Text(self.title, style="italic"))
            for row in self.rows:
                yield from self._block(row)
            return
        yield self._table(places, headings_break=self._width(places, headings_break=False) > options.max_width)
        left_out = [column.name for place, column in enumerate(self.columns) if place not in places]
        if left_out and self.rows:
            yield Text(f"A wider terminal also displays: {', '.join(left_out)}", style="dim")

    def _fitting(self, width: int) -> list[int] | None:
        """The columns that a terminal of this width displays as a table; None if it is too narrow for a table."""
        places = list(range(len(self.columns)))
        while self._width(places, headings_break=True) > width:
            least = max(places, key=lambda place: (self.columns[place].rank, place))
            if self.columns[least].rank == 0:
                return None
            places.remove(least)
        return places

    def _width(self, places: Sequence[int], *, headings_break: bool) -> int:
        """The columns of a terminal that the table needs if whatever may break is broken."""
        return sum(self._narrowest(place, headings_break=headings_break) for place in places) + GAP * (len(places) - 1)

    def _narrowest(self, place: int, *, headings_break: bool) -> int:
        name = self.columns[place].name
        return max([self._widest(place), *map(cell_len, name.split() if headings_break else [name])])

    def _widest(self, place: int) -> int:
        """The width of the longest part of a column's values that must not be broken."""
        column, cells = self.columns[place], [row[place].plain for row in self.rows]
        longest = max(map(cell_len, cells), default=0)
        if column.whole:
            return longest
        if column.room:
            return min(longest, column.room)
        return max((cell_len(word) for cell in cells for word in cell.split()), default=0)

    def _table(self, places: Sequence[int], *, headings_break: bool) -> Table:
        table = plain_table(self.title)
        for place in places:
            column = self.columns[place]
            narrowest = self._narrowest(place, headings_break=True)
            # A column that must not break its values does not break its heading either, so that is done here.
            wrapped = "\n".join(wrap(column.name, max(narrowest, 1)))
            heading = wrapped if headings_break and column.whole else column.name
            table.add_column(
                heading, justify=column.justify, overflow="fold", no_wrap=column.whole, min_width=narrowest
            )
        for row in self.rows:
            table.add_row(*(row[place] for place in places))
        return table

    def _block(self, row: Sequence[Text]) -> Iterable[RenderableType]:
        """A row as lines: the first value, and the others below it with their headings."""
        heading = max((cell_len(column.name) for column in self.columns[1:]), default=0)
        yield row[0]
        block = Table.grid(padding=(0, GAP, 0, 0))
        block.add_column(width=1)
        block.add_column(width=heading, style="dim", overflow="fold")
        block.add_column(overflow="fold")
        for column, cell in zip(self.columns[1:], row[1:], strict=True):
            if cell.plain:
                block.add_row("", column.name, cell)
        yield block


def one_line(text: Text) -> Text:
    r"""A text whose line feeds are written as \n: a value of a row must not look like a row of its own."""
    for at in reversed([place for place, letter in enumerate(text.plain) if letter == "\n"]):
        text = text[:at] + Text("\\n") + text[at + 1 :]
    return text


def plain_table(title: str | Text = "", *, header: bool = True) -> Table:
    """An empty table in the style of all commands, without lines and with narrow gaps."""
    titled = title if isinstance(title, Text) else Text(printable(title))  # a text is markup to rich
    return Table(
        title=titled or None, title_justify="left", box=None, show_header=header, pad_edge=False, padding=(0, GAP, 0, 0)
    )
