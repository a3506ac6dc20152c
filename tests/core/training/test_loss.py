"""The loss against its definition."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from meli_tasks.core.training.loss import TitleLoss, category_weights
from meli_tasks.core.training.trainer import Training
from meli_tasks.core.training.validation import validate
from tests.core.training.small_trainings import CATEGORIES, network_for, params_of, titles_of

TITLES = titles_of(90, 1)


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"label_smoothing": 0.2, "margin": 3.0},
        {"class_weights": "sqrt", "unreliable_weight": 0.3, "margin": 1.0},
        {"logit_adjustment": 1.5},
    ],
)
def test_the_loss_is_a_weighted_mean_over_adjusted_logits(values: dict[str, Any]) -> None:
    params = params_of(**values)
    logits = torch.randn(20, CATEGORIES, generator=torch.Generator().manual_seed(1))
    rows = torch.arange(5, 25)
    total, weight = TitleLoss(TITLES, CATEGORIES, params).of(logits, rows)

    labels = TITLES.labels[rows]
    shares = torch.bincount(TITLES.labels, minlength=CATEGORIES) / len(TITLES)
    lead = params.margin * torch.nn.functional.one_hot(labels, CATEGORIES)
    logs = (logits + params.logit_adjustment * shares.log() - lead).log_softmax(1)
    smoothing = params.label_smoothing
    losses = -(1 - smoothing) * logs[torch.arange(20), labels] - smoothing * logs.mean(1)
    weights = category_weights(TITLES.labels, CATEGORIES, params.class_weights)[labels]
    weights = torch.where(TITLES.reliable[rows], weights, weights * params.unreliable_weight)
    torch.testing.assert_close(total, (losses * weights).sum())
    torch.testing.assert_close(weight, weights.sum())


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_its_gradient_is_that_of_torch(smoothing: float) -> None:
    logits = (5 * torch.randn(20, CATEGORIES, generator=torch.Generator().manual_seed(2))).requires_grad_()
    rows = torch.arange(3, 23)
    total, _ = TitleLoss(TITLES, CATEGORIES, params_of(label_smoothing=smoothing)).of(logits, rows)
    expected = torch.nn.functional.cross_entropy(
        logits, TITLES.labels[rows], reduction="sum", label_smoothing=smoothing
    )
    torch.testing.assert_close(total, expected)
    torch.testing.assert_close(*(torch.autograd.grad(loss / 20, logits)[0] for loss in (total, expected)))


def test_a_margin_makes_the_true_category_win_by_more() -> None:
    leads = []
    for margin in (0.0, 4.0):
        params = params_of(epochs=20, word_vectors="trained", label_smoothing=0.1, margin=margin)
        titles, network = titles_of(600, 1), network_for(params)
        for _ in Training(network, titles, titles_of(60, 2), params).run():
            pass
        _, batch = next(titles.batches(torch.arange(len(titles)), len(titles)))
        logits, labels = network(batch).detach(), titles.labels[:, None]
        true = logits.gather(1, labels).squeeze(1)
        others = logits.scatter(1, labels, float("-inf")).amax(1)
        leads.append(float((true - others).mean()))
    assert leads[1] > leads[0] + 1


def test_a_category_without_titles_is_not_predicted() -> None:
    params = params_of(word_vectors="trained", logit_adjustment=1.0, label_smoothing=0.1, class_weights="balanced")
    titles = titles_of(600, 1)
    titles.labels.clamp_(max=CATEGORIES - 2)
    network = network_for(params)
    for _ in Training(network, titles, titles_of(60, 2), params).run():
        pass
    _, batch = next(TITLES.batches(torch.arange(len(TITLES)), len(TITLES)))
    assert (network(batch).argmax(1) < CATEGORIES - 1).float().mean() > 0.95


def test_logit_adjustment_helps_the_rare_categories() -> None:
    common, validation = titles_of(3_000, 1), titles_of(400, 2)
    kept = torch.rand(3_000, generator=torch.Generator().manual_seed(3)) < 0.06 ** common.labels.double().div(3)
    common.labels[~kept] = 0  # titles of every category in the first one, and the last nearly gone
    accuracies = []
    for adjustment in (0.0, 1.0):
        params = params_of(epochs=6, word_vectors="trained", logit_adjustment=adjustment)
        network = network_for(params)
        for _ in Training(network, common, validation, params).run():
            pass
        accuracies.append(validate(network, validation)[1])
    assert accuracies[1] > accuracies[0] + 0.1
