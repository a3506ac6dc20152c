"""Jinja's environments for HTML and for Markdown, in which every value is escaped unless this package wrote it itself.

Characters that a browser or a terminal would obey or hide become escape sequences (`wording.printable`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.resources import files
from typing import TYPE_CHECKING

from meli_tasks import __version__
from meli_tasks.report.blocks import Range, Section
from meli_tasks.wording import printable

if TYPE_CHECKING:
    from jinja2 import Environment, Template

_SPECIAL_IN_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#|&~!])")


class Ready(str):
    """Markdown that is ready: nothing in it is escaped again."""


def html_template(name: str) -> Template:
    """A template whose values are escaped for HTML."""
    from markupsafe import Markup

    environment = _environment(autoescape=True)
    environment.finalize = lambda value: printable(value) if type(value) is str else value
    # Only what this package wrote itself: its style sheet, and charts, which hold no text of anybody else.
    environment.filters["drawn"] = Markup
    environment.tests["of_kind"] = lambda block, kind: type(block).__name__ == kind
    environment.tests["range"] = lambda cell: isinstance(cell, Range)
    return environment.get_template(name)


def html_report(
    *, kind: str, title: str, subtitle: str, sections: Sequence[Section], origin: str, note: str = ""
) -> str:
    """A report as HTML.

    Args:
        kind: What it is a report of, for its first line.
        title: Its heading.
        subtitle: The line below the heading.
        sections: What it consists of.
        origin: The place in the store that it was written from.
        note: What the footer adds.
    """
    return html_template("report.html.jinja").render(
        kind=kind,
        title=title,
        subtitle=subtitle,
        style=template_text("report.css"),
        sections=sections,
        footer=f"Written on {datetime.now(UTC):%Y-%m-%d %H:%M} UTC by meli-tasks {__version__} from {origin}.{note}",
    )


def markdown_template(name: str) -> Template:
    """A template whose values are escaped for Markdown."""
    environment = _environment(autoescape=False)
    environment.finalize = lambda value: escape_markdown(value) if type(value) is str else value
    environment.filters["code"] = lambda value: Ready(f"`{printable(str(value)).replace('`', chr(39))}`")
    environment.filters["ready"] = lambda value: Ready(str(value))
    return environment.get_template(name)


def escape_markdown(text: str) -> str:
    """A text of other people as Markdown that displays it, in one line."""
    return _SPECIAL_IN_MARKDOWN.sub(r"\\\1", printable(" ".join(text.splitlines())))


def template_text(name: str) -> str:
    """One of the package's templates."""
    return (files("meli_tasks.report") / "templates" / name).read_text(encoding="utf-8")


def _environment(*, autoescape: bool) -> Environment:
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    return Environment(
        loader=FunctionLoader(template_text),
        autoescape=autoescape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
