"""The documentation site: every document is in it, every link leads somewhere, and it needs no network."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "docs"))
import build_site as site  # noqa: E402

DOCUMENTS = ["README.md", "CHANGELOG.md", "docs", "kubernetes/README.md", "docker/wheels/README.md"]


class Links(HTMLParser):
    """What a page links to and loads, and the places on it that can be linked to."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.ids: set[str] = set()
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.ids.add(values.get("id") or "")
        if tag == "a":
            self.links.append(values.get("href") or "")
        elif tag == "link" and values.get("rel") not in ("canonical", "prev", "next"):
            self.loaded.append(values.get("href") or "")
        elif "src" in values:
            self.loaded.append(values["src"] or "")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The documents of the repository, to change."""
    root = tmp_path / "repository"
    for name in DOCUMENTS:
        source, target = ROOT / name, root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, target) if source.is_dir() else shutil.copyfile(source, target)
    return root


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("docs") / "site"
    site.build(ROOT, folder)
    return folder


def page_of(document: Path) -> Path:
    """Where a document is in the site: a README.md is the first page of its folder."""
    page = document.relative_to(ROOT).with_suffix(".html")
    return page.with_name("index.html") if page.name == "README.html" else page


def pages(folder: Path) -> Iterator[Path]:
    yield from (page for page in folder.rglob("*.html") if page.name != "404.html")


def test_every_document_is_a_page(built: Path) -> None:
    sources = [*(ROOT / "docs").rglob("*.md"), ROOT / "CHANGELOG.md"]
    missing = [path for path in sources if not (built / page_of(path)).is_file()]
    assert missing == []
    listed = Links(built / "docs" / "adr" / "index.html").links
    assert [path for path in (ROOT / "docs" / "adr").glob("[0-9]*.md") if f"{path.stem}.html" not in listed] == []


def test_every_link_of_the_site_leads_somewhere(built: Path) -> None:
    ids = {page: Links(page).ids for page in pages(built)}
    broken = []
    for page in ids:
        for link in Links(page).links + Links(page).loaded:
            parts = urlsplit(link)
            if parts.scheme or not link:
                continue
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            target = target / "index.html" if target.is_dir() else target
            if not target.is_file() or (parts.fragment and unquote(parts.fragment) not in ids.get(target, ())):
                broken.append((str(page.relative_to(built)), link))
    assert broken == []


def test_the_site_loads_nothing_from_elsewhere(built: Path) -> None:
    for page in pages(built):
        assert [name for name in Links(page).loaded if urlsplit(name).scheme not in ("", "data")] == []
    for style in built.rglob("*.css"):
        assert "url(http" not in style.read_text(encoding="utf-8").replace("'", "").replace('"', "")


def test_a_link_that_leads_nowhere_ends_the_build(copy: Path, tmp_path: Path) -> None:
    guide = copy / "docs" / "sets.md"
    guide.write_text(guide.read_text(encoding="utf-8") + "\n[gone](gone.md)\n", encoding="utf-8")
    with pytest.raises(site.BrokenDocuments, match=r"page does not exist\n.*docs/sets\.md"):
        site.build(copy, tmp_path / "site")
    assert not (tmp_path / "site").exists()


def test_a_document_that_is_not_listed_ends_the_build(copy: Path, tmp_path: Path) -> None:
    (copy / "docs" / "secret.md").write_text("# Secret\n", encoding="utf-8")
    with pytest.raises(site.BrokenDocuments, match=r"docs/README\.md does not list docs/secret\.md"):
        site.build(copy, tmp_path / "site")


def test_the_navigation_follows_the_index_and_the_numbers(copy: Path) -> None:
    users = site.sections(copy)[0]
    assert users.title == "For users"
    assert [document.name for _, document in users.documents][:2] == ["data.md", "sets.md"]
    numbers = [document.name for document in site.decisions(copy)]
    assert numbers == sorted(numbers)
    assert numbers[0] == "0001-four-rings.md"
