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
    """A column of a listing. `whole` values are never broken over two lines: names, ids and figures."""

    name: str
    whole: bool = True
    justify: Justify = "left"
    style: str = ""


class Listing:
    """Rows under headings. Where the terminal is too narrow for the columns, each row becomes a block of lines.

    So a name is never cut, and breaks only if it is longer than the terminal is wide.
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
        if self._width(headings_break=True) <= options.max_width:
            yield self._table(headings_break=self._width(headings_break=False) > options.max_width)
            return
        if self.title:
            yield safe(Text(self.title, style="italic"))
        for row in self.rows:
            yield from self._block(row)

    def _width(self, *, headings_break: bool) -> int:
        """The columns of a terminal that the table needs if whatever may break is broken between its words."""
        widths = [
            max([self._widest(place), *map(cell_len, column.name.split() if headings_break else [column.name])])
            for place, column in enumerate(self.columns)
        ]
        return sum(widths) + GAP * (len(widths) - 1)

    def _widest(self, place: int) -> int:
        """The width of the longest part of a column's values that must not be broken."""
        cells = [row[place].plain for row in self.rows]
        parts = cells if self.columns[place].whole else [word for cell in cells for word in cell.split()]
        return max(map(cell_len, parts), default=0)

    def _table(self, *, headings_break: bool) -> Table:
        table = plain_table(self.title)
        for place, column in enumerate(self.columns):
            widest = max([self._widest(place), *map(cell_len, column.name.split())])
            # A column that must not break its values does not break its heading either, so that is done here.
            heading = "\n".join(wrap(column.name, max(widest, 1))) if headings_break and column.whole else column.name
            table.add_column(heading, justify=column.justify, overflow="fold", no_wrap=column.whole)
        for row in self.rows:
            table.add_row(*row)
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
