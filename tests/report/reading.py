"""A report as a reader sees it: its text by section, and its figures with their places in the store."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from typing_extensions import override

VOID = {"meta", "link", "br", "hr", "img", "input"}


@dataclass
class Figure:
    """`<data value=... data-source=...>TEXT</data>`."""

    value: str
    source: str
    text: str = ""


@dataclass
class Page(HTMLParser):
    """The parsed page. `tags` are all elements with their attributes; `open` must be empty at the end."""

    tags: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    sections: dict[str, str] = field(default_factory=dict)
    open: list[str] = field(default_factory=list)
    section: str = ""

    def __post_init__(self) -> None:
        super().__init__()

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.append((tag, found))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "section":
            self.section = found["id"] or ""
            self.sections[self.section] = ""
        if tag == "data":
            self.figures.append(Figure(found["value"] or "", found.get("data-source") or ""))

    @override
    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    @override
    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes another element"
        if tag == "section":
            self.section = ""

    @override
    def handle_data(self, data: str) -> None:
        if self.section:
            self.sections[self.section] += data
        if self.open and self.open[-1] == "data":
            self.figures[-1].text += data


def parse(html: str) -> Page:
    page = Page()
    page.feed(html)
    page.close()
    assert page.open == []
    return page


def resolve(document: Any, pointer: str) -> Any:
    """What a JSON pointer (RFC 6901) leads to."""
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        document = document[int(name)] if isinstance(document, list) else document[name]
    return document


def stored(data: bytes) -> Any:
    return json.loads(data)
