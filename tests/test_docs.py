"""The documents name what exists: settings, make targets, commands, sets, files and each other.

`python -m tests.test_docs` writes the table of docs/settings.md.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from meli_tasks.cli import reference
from meli_tasks.sets import catalog
from meli_tasks.settings import RENAMED, Settings

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
SETTINGS = ROOT / "docs" / "settings.md"
GUIDES = [README, ROOT / "kubernetes" / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
DOCUMENTS = [*GUIDES, ROOT / "CHANGELOG.md", ROOT / "docker" / "wheels" / "README.md"]
DOCUMENTS += sorted((ROOT / "docs" / "adr").glob("*.md"))
HISTORY = {"log.md"}  # records what existed at the time

# Read where they are needed, outside of Settings.
OTHER_VARIABLES = {"MELI_HOME", "MELI_S3_ADDRESSING", "MELI_S3_CHECKSUMS", "MELI_REAL_DATA", "MELI_DEBUG"}
TABLE = re.compile(r"(<!-- settings:begin -->\n).*?(<!-- settings:end -->)", re.DOTALL)


def text_of(document: Path) -> str:
    return document.read_text(encoding="utf-8")


def name_of(document: Path) -> str:
    return str(document.relative_to(ROOT))


def settings_table() -> str:
    """Every setting with its default and description, as Markdown."""
    rows = ["| variable | default | meaning |", "|---|---|---|"]
    for field in Settings.model_fields.values():
        default = f"`{field.default}`" if field.default not in ("", None) else ""
        values = [f"`{value}`" for value in get_args(field.annotation) if isinstance(value, str)]
        allowed = f" ({', '.join(values)})" if values else ""
        rows.append(f"| `{field.alias}` | {default} | {field.description}{allowed} |")
    return "\n".join(rows) + "\n"


def test_former_names_of_settings_are_listed() -> None:
    assert [name for name in RENAMED if f"| `{name}` | `{RENAMED[name]}` |" not in text_of(SETTINGS)] == []


def test_the_table_of_settings_is_complete_and_current() -> None:
    found = TABLE.search(text_of(SETTINGS))
    assert found is not None
    assert found.group(0).splitlines()[1:-1] == settings_table().splitlines(), "run `python -m tests.test_docs`"


@pytest.mark.parametrize("document", GUIDES, ids=name_of)
def test_every_variable_named_is_read(document: Path) -> None:
    read = {field.alias for field in Settings.model_fields.values()} | OTHER_VARIABLES
    former = set(RENAMED) if document == SETTINGS else set()
    assert set(re.findall(r"\bMELI_[A-Z0-9_]+", text_of(document))) <= read | former


@pytest.mark.parametrize("document", GUIDES, ids=name_of)
def test_every_make_target_named_exists(document: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", text_of(ROOT / "Makefile"), re.MULTILINE))
    named = set(re.findall(r"(?:^|`)(?:\$ )?make ([a-z-]+)", text_of(document), re.MULTILINE))
    assert named <= targets


@pytest.mark.parametrize("document", GUIDES, ids=name_of)
def test_every_command_named_exists(document: Path) -> None:
    named = set(re.findall(r"(?:^|`|bin/|\$ )meli ([a-z][a-z-]+)", text_of(document), re.MULTILINE))
    assert named <= set(reference.commands())


def test_the_readme_names_the_commands_that_a_newcomer_needs() -> None:
    assert {"demo", "test", "status", "stop"} <= set(re.findall(r"\bmake ([a-z-]+)", text_of(README)))
    assert {"predict", "doctor"} <= set(re.findall(r"\bmeli ([a-z-]+)", text_of(README)))


@pytest.mark.parametrize("document", [README, ROOT / "docs" / "sets.md"], ids=name_of)
def test_every_set_named_exists(document: Path) -> None:
    named = set(re.findall(r"`((?:quick_|mlp|cnn)[a-z0-9_]*)`", text_of(document)))
    assert named
    assert named <= set(catalog.names())


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_link_leads_somewhere(document: Path) -> None:
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)", text_of(document)):
        linked = document.parent / target if target else document
        assert linked.exists(), f"{target} does not exist"
        if anchor:
            headings = re.findall(r"^#+ (.*)$", text_of(linked), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", [each for each in DOCUMENTS if each.name not in HISTORY], ids=name_of)
def test_every_file_named_exists(document: Path) -> None:
    folders = "meli_tasks|plugins|dags|tests|docker|benchmarks|kubernetes"
    named = set(re.findall(rf"`((?:{folders})/[\w./-]*)`", text_of(document)))
    planned = {"meli_tasks/report/", "meli_tasks/monitoring/", "meli_tasks/prediction/service.py"}
    planned |= {"dags/meli_batch_predict.py", "dags/meli_monitoring.py"}
    examples = {"meli_tasks/a/b.py", "tests/a/test_b.py"}
    former = {"docker/second-card.yaml"} if document.name == "CHANGELOG.md" else set()
    assert [name for name in named - planned - examples - former if not (ROOT / name).exists()] == []


def test_the_index_lists_every_document() -> None:
    index = text_of(ROOT / "docs" / "README.md")
    guides = [document.name for document in (ROOT / "docs").glob("*.md") if document.name != "README.md"]
    assert [name for name in guides if f"]({name})" not in index] == []


def test_the_readme_fits_two_screens() -> None:
    lines = text_of(README).splitlines()
    assert len(lines) <= 125
    assert [line for line in lines if len(line) >= 100] == []


if __name__ == "__main__":
    written = TABLE.sub(lambda found: found.group(1) + settings_table() + found.group(2), text_of(SETTINGS))
    SETTINGS.write_text(written, encoding="utf-8")
