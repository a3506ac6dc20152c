"""The exact test for lost categories: what it finds, what it leaves alone, and when it cannot find anything."""

from __future__ import annotations

import numpy as np
import pytest

from meli_tasks.core.category_losses import clearest_loss

SIZES = np.array([8, 12, *[4] * 150])
LABELS = np.repeat(np.arange(len(SIZES)), SIZES)


def models(seed: int = 1, wrong: float = 0.04) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    one, other = (random.random(len(LABELS)) >= wrong for _ in range(2))
    one[:20] = other[:20] = True
    return one, other


@pytest.mark.parametrize(("first", "lost", "category", "of"), [(0, 6, 0, 8), (8, 12, 1, 12)])
def test_a_category_that_is_lost_is_found(first: int, lost: int, category: int, of: int) -> None:
    champion, challenger = models()
    challenger[first : first + lost] = False
    found = clearest_loss(LABELS, champion, challenger, 0.01)
    assert found is not None
    assert (found.category, found.lost, found.titles) == (category, lost, of)
    assert found.probability < 0.01


def test_losses_by_chance_are_left_alone() -> None:
    probabilities = []
    for seed in range(200):
        found = clearest_loss(LABELS, *models(seed), 0.01)
        assert found is not None
        probabilities.append(found.probability)
    assert sum(probability < 0.01 for probability in probabilities) <= 6  # 1 % of 200, and three standard errors


def test_a_single_loss_is_no_lost_category_even_if_nothing_else_is_lost() -> None:
    champion = np.ones(len(LABELS), bool)
    challenger = champion.copy()
    challenger[-1] = False
    found = clearest_loss(LABELS, champion, challenger, 0.01)
    assert found is not None
    assert found.lost == 1
    assert found.probability > 0.01


def test_what_the_champion_got_wrong_cannot_be_lost() -> None:
    champion, challenger = models()
    champion[:8] = challenger[:8] = False
    found = clearest_loss(LABELS, champion, challenger, 0.01)
    assert found is not None
    assert found.category != 0


def test_the_more_a_difficulty_differs_the_more_losses_are_chance() -> None:
    """Titles won two by two in the same categories show that titles of a category have something in common."""
    champion, challenger = models(wrong=0.0)
    challenger[:6] = False
    apart, together = champion.copy(), champion.copy()
    apart[20:100:4] = False
    together[20:60:4] = together[21:60:4] = False
    assert apart.sum() == together.sum()
    few, many = (clearest_loss(LABELS, each, challenger, 1.0) for each in (apart, together))
    assert few is not None
    assert many is not None
    assert many.probability > 2 * few.probability


def test_where_every_category_is_too_small_nothing_is_checked() -> None:
    labels = np.arange(300)
    random = np.random.default_rng(1)
    champion, challenger = (random.random(300) > 0.1 for _ in range(2))
    assert clearest_loss(labels, champion, challenger, 0.01) is None


def test_a_champion_that_is_never_right_cannot_lose_anything() -> None:
    wrong = np.zeros(len(LABELS), bool)
    assert clearest_loss(LABELS, wrong, ~wrong, 0.01) is None
