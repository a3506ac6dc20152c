"""Models of known true accuracy on titles of known difficulty, for part `gate`.

A title has a difficulty and each model an error of its own on each title, both normal: a model is right if their sum is
below a threshold, which sets its true accuracy. The size of the own errors sets how often two models of the same
accuracy disagree. Titles have the category sizes of the test split of meli_spanish.csv.gz, or with folds those of all
its titles.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

Booleans = NDArray[np.bool_]
Floats = NDArray[np.float64]

ACCURACY = 0.95
NORMAL = NormalDist()

TEST_SPLIT = (41, 83, 117, 138, 90, 71, 50, 21, 4, 2, 1, 1)
"""Categories with 1, 2, 3, … test titles: 2,583 titles of 619 categories; 13 of the 632 have none."""
ALL_TITLES = ((42, 1), (76, 60), (79, 214), (81, 226), (84, 120), (95, 11))
"""Titles of a category, and how many categories have as many: 50,939 in 632."""
OWN_ERRORS = {"similar": 0.16, "between": 0.42, "unlike": 3.0}
"""Standard deviations of a model's own errors; that of a title's difficulty is 1."""


def sizes_of_test_split() -> NDArray[np.int64]:
    """The number of test titles of each category."""
    return np.repeat(np.arange(1, len(TEST_SPLIT) + 1), TEST_SPLIT)


def sizes_of_all_titles() -> NDArray[np.int64]:
    """The number of titles of each category, all folds together."""
    titles, categories = np.array(ALL_TITLES).T
    return np.repeat(titles, categories)


@dataclass
class World:
    """Titles of drawn difficulty, and models on them. `sizes` are the titles of each category.

    `own_error` is described above. `by_category` is the fraction of the variance of the difficulties that all titles of
    a category share.
    """

    sizes: NDArray[np.int64]
    own_error: float
    random: np.random.Generator
    by_category: float = 0.0

    @cached_property
    def labels(self) -> NDArray[np.int64]:
        """The category of each title."""
        return np.repeat(np.arange(len(self.sizes)), self.sizes)

    @cached_property
    def difficulties(self) -> Floats:
        """The difficulty of each title."""
        own = self.random.normal(size=len(self.labels)) * np.sqrt(1 - self.by_category)
        shared = self.random.normal(size=len(self.sizes)) * np.sqrt(self.by_category)
        return np.asarray(own + shared[self.labels], np.float64)

    def threshold(self, accuracy: float) -> float:
        """Where a model of this true accuracy is still right."""
        return NORMAL.inv_cdf(accuracy) * float(np.hypot(1, self.own_error))

    def model(self, accuracy: float = ACCURACY) -> Booleans:
        """On which titles a new model of this true accuracy is right."""
        own = self.random.normal(size=len(self.labels)) * self.own_error
        right: Booleans = self.difficulties + own < self.threshold(accuracy)
        return right

    def balanced(self, values: NDArray[np.generic]) -> float:
        """The mean over the categories of the mean over their titles."""
        return float((np.bincount(self.labels, weights=values) / self.sizes).mean())

    def expected(self, accuracy: float = ACCURACY) -> float:
        """The balanced accuracy on these titles of a model of this accuracy, without the luck of one model."""
        return self.balanced(ndtr((self.threshold(accuracy) - self.difficulties) / self.own_error))
