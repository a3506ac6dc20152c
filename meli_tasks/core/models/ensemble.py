"""Several classifiers as one: the weighted mean of their probabilities, each of them calibrated first.

Shapes: n titles, K categories, M classifiers. An ensemble is fitted on titles that no member was trained on:

1. `fit_inverse_temperature` calibrates each classifier. Label smoothing leaves a model far too unsure, and an
   uncalibrated mean would follow the most confident member.
2. `fit_mixture_weights` finds the weights of maximum likelihood.
3. `shrink_towards_even` moves these as far towards equal weights as the titles cannot tell the two apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from meli_tasks.core.data.batch import Batch
from meli_tasks.core.models.classifier import Scored, TitleClassifier, probabilities_of, ranked_by, scored_by
from meli_tasks.core.text.encoder import Recognized

Floats = NDArray[np.float64]

# Smaller probabilities are clamped: they carry no information, and their logarithms would outweigh all others.
SMALLEST = 1e-12
INVERSE_TEMPERATURE_RANGE = (0.1, 10.0)
NEWTON_STEPS = 25
MIXTURE_STEPS = 1_000
EVENING_STEPS = 100
SETTLED = 1e-6
# A member of tiny weight changes next to nothing, and costs as much time per title as any other.
LEAST_WEIGHT = 0.03


@dataclass(frozen=True)
class Member:
    """A classifier of an ensemble, its weight (all weights sum to 1) and the inverse temperature that calibrates it."""

    name: str
    classifier: TitleClassifier
    weight: float
    inverse_temperature: float


class Ensemble:
    """Has the interface of TitleClassifier. Members that share an encoder (the same object) encode a title only once.

    `categories` is the union of the members' categories; a member gives probability 0 to those it does not know.
    """

    def __init__(self, members: Sequence[Member]) -> None:
        if not members or abs(sum(member.weight for member in members) - 1.0) > 1e-3:
            raise ValueError(f"the weights of an ensemble must sum to 1, got {[member.weight for member in members]}")
        self.members = tuple(members)
        self.categories = list(dict.fromkeys(name for member in members for name in member.classifier.categories))
        position = {name: place for place, name in enumerate(self.categories)}
        self._columns = [
            None
            if member.classifier.categories == self.categories
            else torch.tensor([position[name] for name in member.classifier.categories])
            for member in self.members
        ]

        # Of the members that share an encoder, a member with n-grams encodes if there is one: the others ignore them.
        classifiers = sorted(
            (member.classifier for member in self.members), key=lambda one: one.network.ngrams is not None
        )
        self._encoding = {id(classifier.encoder): classifier for classifier in classifiers}

    def probabilities(self, titles: Sequence[str]) -> NDArray[np.float32]:
        """Raw titles -> (titles, categories); each row sums to 1."""
        return probabilities_of(self, titles)

    def rank(self, titles: Sequence[str], top: int = 5) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Raw titles -> the `top` most likely categories, best first: positions and probabilities, (titles, top) each.

        There are fewer columns if there are fewer than `top` categories.
        """
        return ranked_by(self, titles, top)

    def score(self, titles: Sequence[str], labels: NDArray[np.int64], top: int = 5) -> Scored:
        """Raw titles and the positions of their categories, -1 for one that no member knows -> see Scored."""
        return scored_by(self, titles, labels, top)

    def known(self, titles: Sequence[str]) -> NDArray[np.bool_]:
        """Whether any member knows a word of each title, at least by its parts, shape (titles,)."""
        # Of the members that share an encoder, the one that encodes for them knows the most.
        known: NDArray[np.bool_] = np.any([classifier.known(titles) for classifier in self._encoding.values()], axis=0)
        return known

    def recognizes(self, text: str) -> Recognized:
        """How well the member that knows it best knows a piece of a title."""
        return max(member.classifier.recognizes(text) for member in self.members)

    def batch_of(self, titles: Sequence[str]) -> list[Batch]:
        """Raw titles -> a batch for each member; members that share an encoder share the batch."""
        encoded = {encoder: classifier.batch_of(titles) for encoder, classifier in self._encoding.items()}
        return [encoded[id(member.classifier.encoder)] for member in self.members]

    def unknown_words(self, batches: Sequence[Batch]) -> Tensor:
        """The batches of `batch_of` -> the fraction of each title's words that are not in the vocabulary, (titles,).

        Of the member that knows the most of a title: the others may use other words.
        """
        members = zip(self.members, batches, strict=True)
        return torch.stack([member.classifier.unknown_words(batch) for member, batch in members]).amin(dim=0)

    @torch.inference_mode()
    def predict(self, batches: Sequence[Batch]) -> Tensor:
        """The batches of `batch_of` -> probabilities (titles, categories)."""
        total = torch.zeros(len(batches[0].offsets) - 1, len(self.categories))
        for member, batch, columns in zip(self.members, batches, self._columns, strict=True):
            predicted = member.classifier.predict(batch, member.inverse_temperature)
            if columns is None:
                total.add_(predicted, alpha=member.weight)
            else:
                total.index_add_(1, columns, predicted, alpha=member.weight)
        return total


Classifier = TitleClassifier | Ensemble
"""Anything that classifies raw titles."""


def apply_inverse_temperature(probabilities: Tensor, inverse_temperature: float) -> Tensor:
    """Probabilities (n, K) to this power, renormalised; values above 1 favour the most likely category."""
    return torch.softmax(probabilities.clamp_min(SMALLEST).log() * inverse_temperature, dim=1)


def fit_inverse_temperature(
    probabilities: NDArray[np.float32], labels: NDArray[np.int64], title_weights: Floats
) -> float:
    """The power of the probabilities (n, K) that maximises the likelihood of the true categories `labels` (n,).

    This is temperature scaling (Guo et al., 2017). Titles with label -1, a category that the classifier does not know,
    are left out. `title_weights` (n,).
    """
    known = np.flatnonzero(labels >= 0)
    if not len(known):
        return 1.0
    logarithms = np.log(np.maximum(probabilities[known], SMALLEST, dtype=np.float32))
    weights = title_weights[known] / title_weights[known].sum()
    true = logarithms[np.arange(len(known)), labels[known]].astype(np.float64)
    power = 1.0
    for _ in range(NEWTON_STEPS):  # the log-likelihood is concave in the power
        scaled = logarithms * np.float32(power)
        scaled -= scaled.max(axis=1, keepdims=True)
        np.exp(scaled, out=scaled)
        scaled /= scaled.sum(axis=1, keepdims=True)
        mean = np.einsum("nk,nk->n", scaled, logarithms, dtype=np.float64)
        spread = np.einsum("nk,nk,nk->n", scaled, logarithms, logarithms, dtype=np.float64) - mean**2
        curvature = float(weights @ spread)
        if curvature <= 0:
            break
        before = power
        # A Newton step may overshoot from far away; at most halving or doubling still converges.
        power = float(np.clip(before + (weights @ (true - mean)) / curvature, before / 2, before * 2))
        power = float(np.clip(power, *INVERSE_TEMPERATURE_RANGE))
        if abs(power - before) < SETTLED * power:
            break
    return power


def fit_mixture_weights(likelihoods: Floats, title_weights: Floats, max_members: int) -> Floats:
    """The maximum-likelihood weights (M,), summing to 1, of a mean of at most `max_members` classifiers.

    `likelihoods` (n, M): the probability that each classifier gives to the true category. The log-likelihood of a mean
    is concave in its weights, so expectation-maximisation converges to the optimum; then the classifiers of least
    weight are removed one by one.
    """
    kept = np.arange(likelihoods.shape[1])
    while True:
        weights = _best_weights(np.maximum(likelihoods[:, kept], SMALLEST), title_weights)
        if len(kept) == 1 or (len(kept) <= max_members and weights.min() >= LEAST_WEIGHT):
            break
        kept = np.delete(kept, int(weights.argmin()))
    result = np.zeros(likelihoods.shape[1])
    result[kept] = weights / weights.sum()
    return result


def shrink_towards_even(weights: Floats, likelihoods: Floats, title_weights: Floats) -> Floats:
    """Moves the maximum-likelihood `weights` (M,) towards equal ones, as far as the titles cannot tell the difference.

    A few hundred titles say which classifiers belong in a mean, but hardly with which weight. So the weights move as
    long as the mean log-likelihood stays within one standard error of the best (Breiman's one-standard-error rule for
    choosing a simpler model). A weight of 0 stays 0. `likelihoods` (n, M); `title_weights` (n,) sum to 1.
    """
    kept = weights > 0
    even = kept / kept.sum()
    best = np.log(np.maximum(likelihoods @ weights, SMALLEST))
    result = weights
    for fraction in np.linspace(0, 1, EVENING_STEPS + 1)[1:]:
        candidate = fraction * even + (1 - fraction) * weights
        lost = best - np.log(np.maximum(likelihoods @ candidate, SMALLEST))
        mean = title_weights @ lost
        if mean > np.sqrt(title_weights**2 @ (lost - mean) ** 2):
            break
        result = candidate
    return result


def _best_weights(likelihoods: Floats, title_weights: Floats) -> Floats:
    fractions = title_weights / title_weights.sum()
    weights = np.full(likelihoods.shape[1], 1.0 / likelihoods.shape[1])
    for _ in range(MIXTURE_STEPS):
        parts = likelihoods * weights
        after: Floats = fractions @ (parts / parts.sum(axis=1, keepdims=True))
        moved, weights = float(np.abs(after - weights).max()), after
        if moved < SETTLED:
            break
    return weights


def balanced_title_weights(labels: NDArray[np.integer]) -> Floats:
    """Title weights (n,) under which every category counts the same, as in balanced accuracy; they sum to 1."""
    _, places, counts = np.unique(labels, return_inverse=True, return_counts=True)
    weights: Floats = 1.0 / (counts[places] * float(len(counts)))
    return weights
