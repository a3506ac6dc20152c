"""Folds must be the same for ever, as a champion is compared by the models of its folds; and independent of splits."""

from __future__ import annotations

import numpy as np
import pytest

from meli_tasks.core.text.folds import fold_rule, fold_splits, folds_of
from meli_tasks.core.text.splits import SPLITS, split_of

TITLES = [f"Título Número {number}" for number in range(20_000)]
TRAIN, VALIDATION, TEST = (SPLITS.index(name) for name in ("train", "validation", "test"))


def test_golden_values() -> None:
    titles = ["Funda Silicona Iphone 11", "Bicicleta Rodado 29", "Ração Golden 15kg", "", "日本語 ﬁne ½ ẞ"]
    assert folds_of(titles, 5).tolist() == [2, 3, 3, 3, 4]
    assert [SPLITS[split] for split in fold_splits(titles, 2, 5)] == ["test", "train", "train", "train", "train"]
    assert fold_rule(2, 5) == "fold 2 of 5 by title hash 2"


@pytest.mark.parametrize("folds", [3, 5, 10])
def test_every_title_is_in_the_test_split_of_exactly_one_fold(folds: int) -> None:
    fold = folds_of(TITLES, folds)
    assert set(fold.tolist()) == set(range(1, folds + 1))
    for number in range(1, folds + 1):
        assert ((fold_splits(TITLES, number, folds) == TEST) == (fold == number)).all()
        assert abs((fold == number).mean() - 1 / folds) < 0.02


def test_the_validation_split_beside_a_fold_is_as_large_as_without_folds_and_another_in_each() -> None:
    parts = [fold_splits(TITLES, fold, 3) == VALIDATION for fold in (1, 2, 3)]
    assert all(abs(part.mean() - 0.05) < 0.005 for part in parts)
    both = (parts[0] & parts[1])[folds_of(TITLES, 3) == 3]  # 7.5 % of 7.5 % by chance
    assert both.mean() < 0.01


def test_copies_that_differ_in_case_accents_or_white_space_are_never_in_two_splits() -> None:
    copies = ["Sillón Ñandú Infantil", "SILLÓN ÑANDÚ INFANTIL", " sillon  nandu\tinfantil\n"]
    for fold in range(1, 11):
        assert len(set(fold_splits(copies, fold, 10).tolist())) == 1


def test_folds_are_independent_of_the_splits() -> None:
    """A fold that held more of the usual test titles would measure other titles than a fold without them."""
    splits, folds = split_of(TITLES), folds_of(TITLES, 5)
    table = np.array([[((splits == split) & (folds == fold)).sum() for fold in range(1, 6)] for split in range(3)])
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / table.sum()
    chi_squared = ((table - expected) ** 2 / expected).sum()
    assert chi_squared < 20.1  # the 99th percentile with 8 degrees of freedom


def test_no_titles() -> None:
    assert folds_of([], 3).shape == fold_splits([], 1, 3).shape == (0,)
