"""Whether a challenger is better than the champion on the same titles: one comparison, with a known rate of mistakes.

Balanced accuracy is a mean over categories, so a title of a category of n titles counts 1 / n. If two models are equal,
then each title on which one of them is right and the other wrong is as likely won as lost, whatever the titles
and however much the models have in common. The gain is then a sum of such weights with random signs, whose distribution
is known: exactly for few titles, and close to normal for many (the sign or randomization test: R. A. Fisher, "The
Design of Experiments", 1935; E. J. G. Pitman, 1937). Unlike a variance estimated within each category, this needs no
second title in a category, and a category that is won as a whole does not look certain.

A bootstrap of the titles finds about the same spread, but with few titles a category it promotes up to 6.5 % of equal
models at a nominal 5 %; docs/adr/0025-error-rates-of-the-gate.md has the figures.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import erf, sqrt

import numpy as np

from meli_tasks.core.metrics import Booleans, Comparison, Floats, Integers
from meli_tasks.core.selection import UNKNOWN, Luck

FEW = 12
"""Up to as many titles on which the models differ, all 2^FEW outcomes are counted."""
Z_95 = 1.959964
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Difference:
    """The titles on which two models differ. `gain` is that of the second in balanced accuracy over the first.

    `weights` are what each of these titles adds to the gain if it is won, and takes from it if it is lost.
    """

    gain: float
    weights: Floats

    @property
    def error(self) -> float:
        """Standard deviation of the gain if the models are equally good."""
        return float(np.sqrt(np.square(self.weights).sum()))


def difference(labels: Integers, champion: Booleans, challenger: Booleans) -> Difference:
    """Compare two models on n titles: `labels` (n,) are the categories; both are true where the model is right."""
    titles = np.bincount(labels)
    categories = int((titles > 0).sum())
    differs = champion != challenger
    sizes = titles[labels[differs]]
    signs = np.where(challenger[differs], 1, -1)
    return Difference(float((signs / sizes).sum()) / categories, 1 / sizes / categories)


@dataclass(frozen=True)
class Correction:
    """What is known of the champion's luck on the titles of a comparison.

    `luck` is that on the titles that it was selected on, `shared` the fraction of the titles that are among them.
    `usual_error` is the error of a comparison of the champion with models that have nothing in common with it.
    """

    luck: Luck
    shared: float = 1.0
    usual_error: float = 0.0

    @property
    def bias(self) -> float:
        """By how much the champion's figure on these titles is too high."""
        return self.luck.bias * self.shared

    def similarity(self, found: Difference) -> float:
        """How much of the champion's luck the challenger has too: the correlation of the errors of their figures."""
        return max(0.0, 1 - (found.error / self.usual_error) ** 2) if self.usual_error else 0.0


NO_CORRECTION = Correction(UNKNOWN)


def comparison(found: Difference, correction: Correction = NO_CORRECTION) -> Comparison:
    """How probable it is that the challenger is better than the champion truly is.

    The probability is the fraction of outcomes by chance that are below what was observed, so a limit of 0.95 promotes
    at most 5 % of equal models.
    """
    similarity = correction.similarity(found)
    gain = found.gain + correction.bias * (1 - similarity)
    # Half of the variance of a difference of independent models is the champion's: as far as its luck is known, none.
    unknown = 1 - correction.shared * (1 - correction.luck.unknown)
    error = found.error * sqrt((1 + similarity + (1 - similarity) * unknown) / 2)
    reach = Z_95 * error
    return Comparison(gain=gain, interval=(gain - reach, gain + reach), probability=_probability(found, gain, error))


def _probability(found: Difference, gain: float, error: float) -> float:
    if not len(found.weights):
        return 0.0  # the models differ on no title, so neither is better
    if len(found.weights) <= FEW:
        outcomes = np.zeros(1)
        for weight in found.weights:
            outcomes = np.concatenate([outcomes - weight, outcomes + weight])
        return float((outcomes < gain - _ROUNDING).mean())
    # The correction of McNemar's test: by chance the gain moves in steps of two titles, of which half a step counts as
    # part of what was observed. If all categories have the same number of titles, the normal is too lenient without it.
    z = (gain - found.weights.mean()) / error
    return float(0.5 * (1 + erf(z / sqrt(2))))
