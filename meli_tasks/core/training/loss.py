"""The loss: a weighted cross-entropy."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from meli_tasks.core.hyperparameters import Train
from meli_tasks.core.training.pooled_titles import Titles


def category_weights(labels: Tensor, categories: int, kind: str) -> Tensor:
    """The weight of each category (K,), float32, with mean 1 over the titles; 0 for a category without titles."""
    counts = torch.bincount(labels, minlength=categories).float()
    power = {"none": 0.0, "sqrt": 0.5, "balanced": 1.0}[kind]
    weights = torch.where(counts > 0, counts.clamp(min=1) ** -power, torch.zeros_like(counts))
    return weights * (counts.sum() / (weights * counts).sum())


def log_priors(labels: Tensor, categories: int) -> Tensor:
    """The log prior of each category, estimated from the titles (K,), float32; 0 for a category without titles.

    A category without titles thus counts as a common one, and the network learns not to predict it.
    """
    counts = torch.bincount(labels, minlength=categories).float()
    return torch.where(counts > 0, (counts.clamp(min=1) / counts.sum()).log(), 0.0)


class TitleLoss:
    """The loss of titles, each weighted by the rarity of its category and by whether its label is reliable.

    Logit adjustment adds the log priors to the logits during training, so that the network does not learn them and its
    plain logits are fair to rare categories (Menon et al., 2020). A margin is subtracted from the logit of the true
    category, so that titles that are barely classified correctly still contribute (Wang et al., 2018, there on
    normalised logits).
    """

    def __init__(self, titles: Titles, categories: int, params: Train) -> None:
        self.labels = titles.labels
        self.smoothing = params.label_smoothing
        self.margin = params.margin
        self.category_weights = category_weights(titles.labels, categories, params.class_weights)
        self.unreliable_weight = params.unreliable_weight
        self.reliable = titles.reliable
        self.uniform = params.class_weights == "none" and params.unreliable_weight == 1
        self.plain = self.uniform and not (params.label_smoothing or params.margin or params.logit_adjustment)
        self.logit_shift: Tensor | None = None
        if params.logit_adjustment:
            self.logit_shift = params.logit_adjustment * log_priors(titles.labels, categories)

    def weights(self, rows: Tensor) -> Tensor:
        """The weight of each of these titles: (B,) float32."""
        weights = self.category_weights[self.labels[rows]]
        if self.unreliable_weight == 1:
            return weights
        return torch.where(self.reliable[rows], weights, weights * self.unreliable_weight)

    def of(self, logits: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (B, K) of these titles -> (weighted sum of their losses, sum of their weights)."""
        if self.logit_shift is not None:
            logits = logits + self.logit_shift
        labels = self.labels[rows]
        if self.margin:
            logits = logits.scatter_add(1, labels[:, None], logits.new_full((len(rows), 1), -self.margin))
        if self.uniform:
            total = functional.cross_entropy(logits, labels, reduction="sum", label_smoothing=self.smoothing)
            return total, torch.full((), len(rows), dtype=torch.float32, device=logits.device)
        losses = functional.cross_entropy(logits, labels, reduction="none", label_smoothing=self.smoothing)
        weights = self.weights(rows)
        return (losses * weights).sum(), weights.sum()

    @torch.no_grad()
    def cross_entropy(self, logits: Tensor, rows: Tensor) -> Tensor:
        """The sum of the cross-entropies of these titles, without adjustments or weights: what validation reports.

        If the loss is `plain`, it is the same as the loss.
        """
        return functional.cross_entropy(logits, self.labels[rows], reduction="sum")
