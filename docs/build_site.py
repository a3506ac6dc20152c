"""Builds the documentation as a site: `make docs`, then open site/index.html. It needs neither a server nor a network.

The Markdown files are written for a reader of the repository, so their links also lead out of docs/. They are copied
with the repository's layout, and the navigation is that of docs/README.md, with the decisions in the order of their
numbers. A link that leads nowhere, or a document that is in no table of docs/README.md, ends the build.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[1]
INDEX = Path("docs/README.md")
DECISIONS = Path("docs/adr")
# Zensical keeps the name of a README.md, and a site begins at an index.md.
HOME = Path("index.md")
# What Zensical's offline search loads from another server, and our copy of it.
SHIM = "https://unpkg.com/iframe-worker/shim"
SHIM_COPY = Path("docs/vendor/iframe-worker/shim.js")
ELSEWHERE = re.compile(r"<(?:script|link|img|iframe)\b[^>]*(?:src|href)=.?https?://[^>]*>")
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)(#[^)\s]*)?\)")
HEADING = re.compile(r"^\| (for [a-z ]+) \| *\|$")
ROW = re.compile(r"^\| \[([^]]+)\]\(([^)]+)\) \|")
CONFIGURATION = """[project]
site_name = "meli-tasks"
site_description = "Train models that assign listing titles to categories, and retrain them every night"
docs_dir = "pages"
site_dir = "site"
use_directory_urls = false
nav = [
{nav}
]
[project.theme]
language = "en"
font = false
features = ["content.code.copy", "navigation.footer", "navigation.indexes", "navigation.top", "search.highlight"]
[[project.theme.palette]]
media = "(prefers-color-scheme: light)"
scheme = "default"
toggle.icon = "lucide/sun"
toggle.name = "Switch to dark mode"
[[project.theme.palette]]
media = "(prefers-color-scheme: dark)"
scheme = "slate"
toggle.icon = "lucide/moon"
toggle.name = "Switch to light mode"
[project.plugins.offline]
[project.markdown_extensions]
attr_list = {{}}
md_in_html = {{}}
sane_lists = {{}}
tables = {{}}
toc.permalink = true
pymdownx.highlight.pygments_lang_class = true
pymdownx.superfences = {{}}
"""


class BrokenDocuments(Exception):
    """The documents do not fit together: what is wrong, and where."""


@dataclass(frozen=True)
class Section:
    """A part of the navigation: its title, and the documents under it with theirs, relative to the repository."""

    title: str
    documents: tuple[tuple[str, Path], ...]


def title_of(document: Path) -> str:
    """The first heading of a document."""
    for line in document.read_text(encoding="utf-8").splitlines():
        if line.startswith("# "):
            return line.removeprefix("# ").replace("`", "")
    raise BrokenDocuments(f"{document} has no heading")


def decisions(root: Path) -> list[Path]:
    """The design decisions by number, relative to the repository."""
    return sorted(path.relative_to(root) for path in (root / DECISIONS).glob("[0-9]*.md"))


def sections(root: Path) -> list[Section]:
    """The tables of docs/README.md as parts of the navigation."""
    found: dict[str, list[tuple[str, Path]]] = {}
    title = ""
    for line in (root / INDEX).read_text(encoding="utf-8").splitlines():
        if heading := HEADING.match(line):
            title = heading.group(1).capitalize()
        elif row := ROW.match(line):
            target = Path(os.path.normpath(INDEX.parent / row.group(2)))
            document = target / "README.md" if (root / target / "README.md").is_file() else target
            if document == DECISIONS:
                continue  # each has a page of its own
            found.setdefault(title, []).append((title_of(root / document), document))
    listed = {document for documents in found.values() for _, document in documents} | {INDEX}
    missing = sorted(str(path.relative_to(root)) for path in (root / "docs").glob("*.md"))
    if missing := [name for name in missing if Path(name) not in listed]:
        raise BrokenDocuments(f"docs/README.md does not list {', '.join(missing)}")
    return [Section(title, tuple(documents)) for title, documents in found.items()]


def place(document: Path) -> Path:
    """Where a document is among the pages."""
    return HOME if document == Path("README.md") else document


def page_of(target: Path, root: Path) -> Path | None:
    """The page for what a link leads to; None for a file that is no page, such as a picture."""
    if target == DECISIONS:
        return DECISIONS / "index.md"
    if (root / target).is_dir():
        return place(target / "README.md")
    return place(target) if target.suffix == ".md" else None


def with_links(text: str, document: Path, root: Path) -> str:
    """A document's text with its links between the pages of the site."""

    def linked(found: re.Match[str]) -> str:
        target = Path(os.path.normpath(document.parent / found.group(1)))
        page = page_of(target, root) or target
        return f"]({os.path.relpath(page, place(document).parent)}{found.group(2) or ''})"

    return LINK.sub(linked, text)


def pictures(text: str, document: Path) -> Iterator[Path]:
    """The pictures in a document, relative to the repository: in Markdown, and in the HTML of light and dark pairs."""
    for name in re.findall(r"!\[[^]]*\]\((?!https?:)([^)]+)\)", text) + re.findall(r'src(?:set)?="([^":]+)"', text):
        yield Path(os.path.normpath(document.parent / name))


def assemble(root: Path, folder: Path) -> None:
    """Write the pages and the configuration of the site to a folder."""
    parts = sections(root)
    records = decisions(root)
    documents = [Path("README.md"), INDEX, *(one for part in parts for _, one in part.documents), *records]
    for document in documents:
        text = (root / document).read_text(encoding="utf-8")
        page = folder / "pages" / place(document)
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(with_links(text, document, root), encoding="utf-8")
        for picture in pictures(text, document):
            copy = folder / "pages" / picture
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(root / picture, copy)
    listed = "\n".join(f"- [{title_of(root / one)}]({one.name})" for one in records)
    (folder / "pages" / DECISIONS / "index.md").write_text(f"# Design decisions\n\n{listed}\n", encoding="utf-8")
    (folder / "zensical.toml").write_text(CONFIGURATION.format(nav=navigation(root, parts)), encoding="utf-8")


def navigation(root: Path, parts: list[Section]) -> str:
    """The site's navigation as TOML."""

    def entry(title: str, page: Path) -> str:
        return f'{{"{title}" = "{page}"}}'

    lines = [entry("Start", HOME), entry("All documents", INDEX)]
    for part in parts:
        pages = ", ".join(entry(title, document) for title, document in part.documents)
        lines.append(f'{{"{part.title}" = [{pages}]}}')
    records = ", ".join(entry(title_of(root / one), one) for one in decisions(root))
    lines.append(f'{{"Design decisions" = ["{DECISIONS}/index.md", {records}]}}')
    return ",\n".join(lines)


def keep_to_itself(site: Path, root: Path) -> None:
    """Let the pages load nothing from another server."""
    copy = site / "assets" / "iframe-worker.js"
    shutil.copyfile(root / SHIM_COPY, copy)
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8").replace(SHIM, os.path.relpath(copy, page.parent))
        if found := ELSEWHERE.search(text):
            raise BrokenDocuments(f"{page.relative_to(site)} loads something from another server: {found.group()}")
        page.write_text(text, encoding="utf-8")


def build(root: Path, site: Path) -> None:
    """Build the site of a repository's documents.

    Raises:
        BrokenDocuments: a document is not listed, a link leads nowhere, or a page would need a network.
    """
    with TemporaryDirectory() as name:
        folder = Path(name)
        assemble(root, folder)
        command = [sys.executable, "-m", "zensical", "build", "--strict", "--clean"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            report = COLOUR.sub("", done.stdout + done.stderr).partition("Traceback")[0]
            raise BrokenDocuments(report.strip())
        keep_to_itself(folder / "site", root)
        shutil.rmtree(site, ignore_errors=True)
        shutil.copytree(folder / "site", site)


def main() -> int:
    """Build the site in site/; exit code 1 and the reason if that fails."""
    try:
        build(ROOT, ROOT / "site")
    except BrokenDocuments as error:
        print(f"The documentation was not built. {error}", file=sys.stderr)  # noqa: T201
        return 1
    print("The documentation is in site/: open site/index.html in a browser.")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
