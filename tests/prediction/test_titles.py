"""Which titles can be classified: those that training accepts."""

from __future__ import annotations

from meli_tasks.prediction.titles import LONGEST_TITLE, cleaned, problem_of


def test_what_counts_as_a_title() -> None:
    assert [problem_of(title) for title in ("📱", "0", "x" * LONGEST_TITLE)] == ["", "", ""]
    assert problem_of("") == "no title"
    assert problem_of("x" * (LONGEST_TITLE + 1)) == "title too long"
    assert problem_of(b"Sill\xf3n".decode("utf-8", "surrogateescape")) == "bad encoding"


def test_titles_are_cleaned_as_training_cleans_them() -> None:
    assert cleaned([" Funda\r\n  roja\t", None, " \u3000 "]) == ["Funda roja", "", ""]
