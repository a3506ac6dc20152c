"""Sketches of sets of titles: how many titles two sets share, and whether they are the same."""

from __future__ import annotations

import pytest

from meli_tasks.core.text.sketch import SKETCH_TITLES, fingerprint_of, fraction_held, sketch_of

TITLES = [f"zapatilla talle {number}" for number in range(6_000)]


def test_a_small_set_is_known_exactly() -> None:
    small, part = sketch_of(TITLES[:40]), sketch_of(TITLES[10:80])
    assert fraction_held(small, part) == 30 / 40
    assert fraction_held(part, small) == 30 / 70


@pytest.mark.parametrize(("first", "last"), [(0, 3_000), (1_500, 4_500), (2_700, 5_700), (3_000, 6_000)])
def test_the_shared_fraction_of_large_sets_is_estimated(first: int, last: int) -> None:
    shared = max(0, 3_000 - first) / 3_000
    found = fraction_held(sketch_of(TITLES[:3_000]), sketch_of(TITLES[first:last]))
    error = (shared * (1 - shared) / SKETCH_TITLES) ** 0.5
    assert found == pytest.approx(shared, abs=4 * error)


def test_a_set_within_a_larger_one_is_held_by_it() -> None:
    whole, part = sketch_of(TITLES), sketch_of(TITLES[:1_000])
    assert fraction_held(part, whole) == 1
    assert fraction_held(whole, part) == pytest.approx(1 / 6, abs=0.12)


def test_without_a_sketch_nothing_is_known() -> None:
    assert fraction_held((), sketch_of(TITLES)) is None
    assert fraction_held(sketch_of(TITLES), ()) is None


def test_a_sketch_ignores_order_copies_case_and_accents() -> None:
    assert sketch_of(["Camión", "mesa", "MESA"]) == sketch_of(["mesa", "camion"])


def test_a_fingerprint_depends_on_titles_and_categories_only() -> None:
    found = fingerprint_of(["mesa", "silla"], ["A", "B"])
    assert found == fingerprint_of(["silla", "mesa"], ["B", "A"])
    assert found != fingerprint_of(["silla", "mesa"], ["A", "B"])
    assert found != fingerprint_of(["mesa"], ["A"])
