"""Several classifiers as one: the weighted mean of their probabilities, each brought to its true sureness first.

Shapes: n titles, K categories, M classifiers. How it is chosen, on titles that none of them was trained on:
`sharpness` makes each one's probabilities fit how often it is right (label smoothing leaves a model far too unsure, and
a mean would then follow whoever is surest), `mixture` finds the weights under which the true categories are likeliest,
`evened` those nearest to even ones that the titles cannot tell from them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from meli_tasks.core.data.batch import Batch
from meli_tasks.core.models.classifier import TitleClassifier, probabilities_of, ranked_by

Floats = NDArray[np.float64]

# Below this a probability tells nothing, and its logarithm would outweigh all others.
SMALLEST = 1e-12
SHARPNESS_RANGE = (0.1, 10.0)
NEWTON_STEPS = 25
MIXTURE_STEPS = 1_000
EVENING_STEPS = 100
SETTLED = 1e-6
# A weight that changes next to nothing costs as much time for each title as a large one.
LEAST_WEIGHT = 0.03


@dataclass(frozen=True)
class Member:
    """One classifier of an ensemble: its weight (all add up to 1) and the sharpness of its probabilities."""

    name: str
    classifier: TitleClassifier
    weight: float
    sharpness: float


class Ensemble:
    """Answers like a TitleClassifier. Members that share an encoder (the same object) encode a title once.

    `categories` are those of any member; one that a member does not know has probability 0 with it.
    """

    def __init__(self, members: Sequence[Member]) -> None:
        if not members or abs(sum(member.weight for member in members) - 1.0) > 1e-3:
            raise ValueError(f"the weights of an ensemble add up to 1, seen {[member.weight for member in members]}")
        self.members = tuple(members)
        self.categories = list(dict.fromkeys(name for member in members for name in member.classifier.categories))
        position = {name: place for place, name in enumerate(self.categories)}
        self._columns = [
            None
            if member.classifier.categories == self.categories
            else torch.tensor([position[name] for name in member.classifier.categories])
            for member in self.members
        ]

        # Of those that share an encoder, one that takes n-grams where there is one: the others do not look at them.
        classifiers = sorted(
            (member.classifier for member in self.members), key=lambda one: one.network.ngrams is not None
        )
        self._makers = {id(classifier.encoder): classifier for classifier in classifiers}

    def probabilities(self, titles: Sequence[str]) -> NDArray[np.float32]:
        """Raw titles -> (titles, categories); each row sums to 1."""
        return probabilities_of(self, titles)

    def rank(self, titles: Sequence[str], top: int = 5) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Raw titles -> the `top` likeliest categories, best first: positions and probabilities, (titles, top) each.

        With fewer categories than `top` there are that many columns.
        """
        return ranked_by(self, titles, top)

    def knows(self, title: str) -> bool:
        """Whether a member knows anything of the title."""
        return any(member.classifier.knows(title) for member in self.members)

    def batch_of(self, titles: Sequence[str]) -> list[Batch]:
        """Raw titles as each member takes them: one batch for all that share an encoder."""
        made = {encoder: classifier.batch_of(titles) for encoder, classifier in self._makers.items()}
        return [made[id(member.classifier.encoder)] for member in self.members]

    @torch.inference_mode()
    def answer(self, batches: Sequence[Batch]) -> Tensor:
        """What `batch_of` made -> probabilities (titles, categories)."""
        total = torch.zeros(len(batches[0].offsets) - 1, len(self.categories))
        for member, batch, columns in zip(self.members, batches, self._columns, strict=True):
            answer = member.classifier.answer(batch, member.sharpness)
            if columns is None:
                total.add_(answer, alpha=member.weight)
            else:
                total.index_add_(1, columns, answer, alpha=member.weight)
        return total


Classifier = TitleClassifier | Ensemble
"""Whatever answers raw titles."""


def sharpened(probabilities: Tensor, sharpness: float) -> Tensor:
    """Probabilities (n, K) to that power, each row summing to 1 again; above 1 the likeliest gain."""
    return torch.softmax(probabilities.clamp_min(SMALLEST).log() * sharpness, dim=1)


def sharpness(probabilities: NDArray[np.float32], labels: NDArray[np.int64], title_weights: Floats) -> float:
    """The power of the probabilities (n, K) under which the true categories `labels` (n,) are likeliest.

    A label of -1 is a category that the classifier does not know: its title is left out. `title_weights` (n,).
    """
    known = np.flatnonzero(labels >= 0)
    if not len(known):
        return 1.0
    logarithms = np.log(np.maximum(probabilities[known], SMALLEST, dtype=np.float32))
    weights = title_weights[known] / title_weights[known].sum()
    true = logarithms[np.arange(len(known)), labels[known]].astype(np.float64)
    power = 1.0
    for _ in range(NEWTON_STEPS):  # the log-likelihood is concave in the power
        shares = logarithms * np.float32(power)
        shares -= shares.max(axis=1, keepdims=True)
        np.exp(shares, out=shares)
        shares /= shares.sum(axis=1, keepdims=True)
        mean = np.einsum("nk,nk->n", shares, logarithms, dtype=np.float64)
        spread = np.einsum("nk,nk,nk->n", shares, logarithms, logarithms, dtype=np.float64) - mean**2
        curvature = float(weights @ spread)
        if curvature <= 0:
            break
        before = power
        # A step of Newton's may overshoot from far away; halving or doubling at most still gets there.
        power = float(np.clip(before + (weights @ (true - mean)) / curvature, before / 2, before * 2))
        power = float(np.clip(power, *SHARPNESS_RANGE))
        if abs(power - before) < SETTLED * power:
            break
    return power


def mixture(likelihoods: Floats, title_weights: Floats, most: int) -> Floats:
    """The weights (M,) of at most `most` classifiers, adding up to 1, under which the true categories are likeliest.

    `likelihoods` (n, M) are what each classifier gives the true category. The log-likelihood of a mean is concave in
    its weights, so the steps of expectation-maximisation end at the best; the lightest are then left out one by one.
    """
    kept = np.arange(likelihoods.shape[1])
    while True:
        weights = _best_weights(np.maximum(likelihoods[:, kept], SMALLEST), title_weights)
        if len(kept) == 1 or (len(kept) <= most and weights.min() >= LEAST_WEIGHT):
            break
        kept = np.delete(kept, int(weights.argmin()))
    result = np.zeros(likelihoods.shape[1])
    result[kept] = weights / weights.sum()
    return result


def evened(weights: Floats, likelihoods: Floats, title_weights: Floats) -> Floats:
    """Weights (M,) on the way to even ones, as far as the titles cannot tell them from the likeliest `weights`.

    Some hundred titles say who belongs in a mean, but hardly by how much. So this goes on while the mean log-likelihood
    falls short of the best by no more than its standard error over the titles (Breiman's rule for choosing a simpler
    model); a classifier of weight 0 stays out. `likelihoods` (n, M), `title_weights` (n,) that add up to 1.
    """
    kept = weights > 0
    even = kept / kept.sum()
    best = np.log(np.maximum(likelihoods @ weights, SMALLEST))
    result = weights
    for share in np.linspace(0, 1, EVENING_STEPS + 1)[1:]:
        tried = share * even + (1 - share) * weights
        lost = best - np.log(np.maximum(likelihoods @ tried, SMALLEST))
        mean = title_weights @ lost
        if mean > np.sqrt(title_weights**2 @ (lost - mean) ** 2):
            break
        result = tried
    return result


def _best_weights(likelihoods: Floats, title_weights: Floats) -> Floats:
    shares = title_weights / title_weights.sum()
    weights = np.full(likelihoods.shape[1], 1.0 / likelihoods.shape[1])
    for _ in range(MIXTURE_STEPS):
        parts = likelihoods * weights
        after: Floats = shares @ (parts / parts.sum(axis=1, keepdims=True))
        moved, weights = float(np.abs(after - weights).max()), after
        if moved < SETTLED:
            break
    return weights


def even_weights(labels: NDArray[np.integer]) -> Floats:
    """Weights of titles (n,) under which every category counts the same, as in balanced accuracy; they sum to 1."""
    _, places, counts = np.unique(labels, return_inverse=True, return_counts=True)
    weights: Floats = 1.0 / (counts[places] * float(len(counts)))
    return weights
