"""The patterns of the forms: a text of any length is decided in time that grows with its length, and no faster."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator

import pytest

from meli_tasks.backfill.request import backfill_form_fields
from meli_tasks.planning.form import form_fields
from meli_tasks.scoring.form import batch_form_fields
from meli_tasks.settings import Settings
from tests.planning.regex_steps import Steps

SETTINGS = Settings()
PATTERNS = sorted(
    {
        str(field["pattern"])
        for fields in (form_fields(SETTINGS), backfill_form_fields(SETTINGS), batch_form_fields(SETTINGS))
        for field in fields.values()
        if "pattern" in field
    }
)
PARTS = ("1", "12", "1,", "1, ", " ", ",", "[", "]", "[ ", "] ", "( ", ")", ") ]", "[1", "1]", "true", "t")
LENGTH = 40


@pytest.fixture(autouse=True)
def _deep_recursion() -> Iterator[None]:
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(50_000)
    yield
    sys.setrecursionlimit(before)


def hostile(part: str, length: int) -> str:
    """A text of that length of one repeated part, with an end that makes the whole not match."""
    return (part * length)[:length] + "x"


def test_the_forms_have_patterns() -> None:
    assert len(PATTERNS) == 2


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("part", PARTS)
def test_twice_the_text_takes_at_most_about_twice_the_steps(pattern: str, part: str) -> None:
    short, long = (Steps(pattern, hostile(part, length)) for length in (LENGTH, 2 * LENGTH))
    assert (short.matches, long.matches) == (False, False)
    assert long.count <= 2.2 * short.count
    assert long.count <= 12 * 2 * LENGTH


def test_the_count_finds_the_pattern_that_froze_a_server() -> None:
    former = r"^[\[( ]*(\d+[ ,]*)*[\]) ]*$"
    assert Steps(former, hostile("1", 10)).count > 4 * Steps(former, hostile("1", 7)).count
    with pytest.raises(RecursionError, match="more than"):
        Steps(former, hostile("1", 28))


@pytest.mark.parametrize(
    "text", ["", "256", "256,128", "[256, 128]", "(256)", " 256 , 128 ", "[]", "x", "1x", "[a]", "]1"]
)
def test_the_count_is_of_a_matcher_that_agrees_with_pythons(text: str) -> None:
    for pattern in PATTERNS:
        assert Steps(pattern, text).matches == bool(re.search(pattern, text))


@pytest.mark.parametrize("text", ["", "256", "256,128", "[256, 128]", "(256)", " [256, 128 ] ", "[]", "64 64"])
def test_what_the_former_pattern_of_lists_took_is_still_taken(text: str) -> None:
    assert re.search(form_fields(SETTINGS)["train.hidden"]["pattern"], text)
