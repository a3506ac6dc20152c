"""The loss: a weighted cross-entropy."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from typing_extensions import override

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


class _CrossEntropy(torch.autograd.Function):
    """`torch.nn.functional.cross_entropy` of each title (B,), with label smoothing.

    Its backward pass writes the gradient over the logarithms that the forward pass computed; that of torch writes two
    more tensors of this size.
    """

    @staticmethod
    @override
    def forward(ctx: Any, logits: Tensor, labels: Tensor, smoothing: float) -> Tensor:
        logarithms = logits.log_softmax(1)
        ctx.save_for_backward(logarithms, labels)
        ctx.smoothing = smoothing
        losses = functional.nll_loss(logarithms, labels, reduction="none")
        return losses.mul_(1 - smoothing).sub_(logarithms.mean(1), alpha=smoothing) if smoothing else losses

    @staticmethod
    @override
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        logarithms, labels = ctx.saved_tensors
        result = logarithms.exp_()
        if ctx.smoothing:
            result.sub_(ctx.smoothing / result.shape[1])
        result.scatter_add_(1, labels[:, None], result.new_full((len(labels), 1), ctx.smoothing - 1))
        return result.mul_(gradient[:, None]), None, None


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
        losses: Tensor = _CrossEntropy.apply(logits, labels, self.smoothing)  # type: ignore[no-untyped-call]
        if self.uniform:
            return losses.sum(), torch.full((), len(rows), dtype=torch.float32, device=logits.device)
        weights = self.weights(rows)
        return (losses * weights).sum(), weights.sum()

    @torch.no_grad()
    def cross_entropy(self, logits: Tensor, rows: Tensor) -> Tensor:
        """The sum of the cross-entropies of these titles, without adjustments or weights: what validation reports.

        If the loss is `plain`, it is the same as the loss.
        """
        return functional.cross_entropy(logits, self.labels[rows], reduction="sum")
