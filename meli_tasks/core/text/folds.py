"""The fold of each title, for cross-validation, by the hash that also assigns splits.

A title is in the same fold in every run, and copies that differ only in case, accents or white space share a fold. So a
model that some night was trained without fold 2 has never seen a title of fold 2 of any night.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from meli_tasks.core.text.splits import SPLIT_RULE, SPLITS, title_hashes

VALIDATION_FRACTION = 0.05
"""Fraction of all titles that becomes the validation split beside a fold: as large as without folds."""

_TRAIN, _VALIDATION, _TEST = (SPLITS.index(name) for name in ("train", "validation", "test"))
_OF_FOLDS = 0
_PARTS = 1_000_000


def fold_rule(fold: int, folds: int) -> str:
    """The name of the rule that assigns the splits of one fold's listings; `fold` is 1 to `folds`.

    Another hash or another way to mix it must get another name: a champion's models are used for the titles of a fold
    only if they were trained under the same rule.
    """
    return f"fold {fold} of {folds} by {SPLIT_RULE}"


def folds_of(titles: Sequence[str], folds: int) -> NDArray[np.uint8]:
    """The fold of each title, 1 to `folds`, shape (titles,)."""
    return _folds(title_hashes(titles), folds)


def fold_splits(titles: Sequence[str], fold: int, folds: int) -> NDArray[np.uint8]:
    """The split of each title in one fold's listings, an index into SPLITS, shape (titles,).

    Test are the titles of the fold, validation a part of the others that differs from fold to fold, train the rest.
    """
    hashes = title_hashes(titles)
    below = round(_PARTS * VALIDATION_FRACTION * folds / (folds - 1))
    is_validation = _mixed(hashes, fold) % np.uint64(_PARTS) < np.uint64(below)
    others = np.where(is_validation, np.uint8(_VALIDATION), np.uint8(_TRAIN))
    return np.where(_folds(hashes, folds) == fold, np.uint8(_TEST), others)


def _folds(hashes: NDArray[np.uint64], folds: int) -> NDArray[np.uint8]:
    return (_mixed(hashes, _OF_FOLDS) % np.uint64(folds) + np.uint64(1)).astype(np.uint8)


def _mixed(hashes: NDArray[np.uint64], salt: int) -> NDArray[np.uint64]:
    """The hashes mixed again, by the finalizer of SplitMix64: independent of the splits and of other salts.

    Source: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014.
    """
    mixed = hashes + np.uint64((salt + 1) * 0x9E3779B97F4A7C15 % 2**64)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
