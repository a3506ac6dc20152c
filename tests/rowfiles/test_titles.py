"""Which titles can be classified: those that training accepts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from meli_tasks.rowfiles.titles import MAX_TITLE_CHARACTERS, cleaned, problems_of


def test_what_counts_as_a_title() -> None:
    problems = {
        "📱": "",
        "0": "",
        "x" * MAX_TITLE_CHARACTERS: "",
        "": "no title",
        "\u200b \u00ad": "no title",
        "x" * (MAX_TITLE_CHARACTERS + 1): "title too long",
    }
    foreign = {b"Sill\xf3n".decode("utf-8", "surrogateescape"): "bad encoding"}
    assert problems_of(list(problems)) == list(problems.values())
    assert problems_of([*foreign, *problems]) == [*foreign.values(), *problems.values()]
    assert problems_of([]) == []


def test_titles_are_cleaned_as_training_cleans_them() -> None:
    assert cleaned([" Funda\r\n  roja\t", None, " \u3000 "]) == ["Funda roja", "", ""]


@given(st.lists(st.text(st.sampled_from("ab \u00a0\u200b\u00ad\ufeff\t\x85ñ\udcf1"), max_size=4), max_size=5))
def test_titles_have_the_same_problems_together_as_one_by_one(titles: list[str]) -> None:
    assert problems_of(titles) == [problems_of([title, ""])[0] for title in titles]
    assert problems_of(cleaned(titles)) == [problems_of([title, ""])[0] for title in cleaned(titles)]
