"""Each part of a step equals the CPU's: batches, forward, backward, loss, optimizer, EMA, pooling, dropout."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from meli_tasks.core.models.networks import Dropout
from meli_tasks.core.models.windows import max_pool
from meli_tasks.core.training.loss import TitleLoss
from meli_tasks.core.training.trainer import Training
from meli_tasks.core.training.validation import reduced_precision, validate
from tests.core.training.gpu_code_path import SHAPES, WITHOUT_DROPOUT
from tests.core.training.small_trainings import params_of
from tests.gpu.runs import TOLERANCE, TRAIN, begun, distance, finished, largest_distance, moved, plain, weights

PRECISIONS = ("float32", "bfloat16")


def test_batches_hold_the_same_titles(device: str) -> None:
    order = torch.randperm(len(TRAIN), generator=torch.Generator().manual_seed(3))
    pairs = zip(moved(TRAIN, device).batches(order.to(device), 37), TRAIN.batches(order, 37), strict=True)
    for (rows, ours), (wanted_rows, theirs) in pairs:
        assert torch.equal(rows.cpu(), wanted_rows)
        assert torch.equal(ours.tokens.cpu(), theirs.tokens) and torch.equal(ours.offsets.cpu(), theirs.offsets)
        assert ours.longest == theirs.longest
        assert ours.ngrams is not None and theirs.ngrams is not None
        for name, value in vars(theirs.ngrams).items():
            if isinstance(value, Tensor):
                assert torch.equal(getattr(ours.ngrams, name).cpu(), value), name


def parts_of_a_step(training: Training) -> dict[str, Tensor]:
    """The logits, the loss, its gradients and the weights after one step of the first batch."""
    training.network.train()
    training.network.set_epoch(1)
    order = torch.arange(len(training.titles), device=training.device)
    rows, batch = next(iter(training.titles.batches(order, 64)))
    found: dict[str, Tensor] = {}
    with reduced_precision(training.device, training.params.precision == "bfloat16"):
        found["logits"] = training.network(batch).float()
    total, weight = training.loss.of(found["logits"], rows)
    found["loss"], found["weight"] = total, weight
    (total / weight).backward()  # type: ignore[no-untyped-call]
    norm = training.optimizer.gradient_norm()
    found["norm of the gradients"] = norm
    for name, value in training.network.named_parameters():
        if value.grad is not None:
            found[f"gradient of {name}"] = value.grad.clone()
    for place, (rows_of_table, (touched, gradient)) in enumerate(training.optimizer.row_gradients):
        whole = torch.zeros_like(rows_of_table.table.weight)
        changes = rows_of_table.table.changes
        found[f"rows {place}"] = whole.index_copy_(
            0, touched, gradient if changes is None else gradient * changes[:, None]
        )
    update_rows = training.ema.update_rows if training.ema else None
    training.optimizer.step(0.01, norm, None, update_rows)
    if training.ema:
        training.ema.after_step()
        found |= {f"EMA: {name}": value for name, value in training.ema.tensors().items() if "steps" not in name}
    return found


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("shape", SHAPES)
def test_a_step(device: str, shape: str, precision: str) -> None:
    values = SHAPES[shape] | WITHOUT_DROPOUT | {"precision": precision}
    reference = plain(**values | {"precision": "float32"})
    training = begun(device, **values)
    theirs, ours = parts_of_a_step(reference), parts_of_a_step(training)
    if theirs.keys() != ours.keys():  # as only one of them exchanges row gradients
        raise AssertionError(theirs.keys() ^ ours.keys())
    tolerance = TOLERANCE[device, precision]
    for name, value in theirs.items():
        # Rounding a unit's input from below 0 to above adds or removes all of its gradient.
        looser = 5 if precision == "bfloat16" and name not in ("logits", "loss") else 1
        assert distance(ours[name], value) <= looser * tolerance, name
    if precision == "float32":  # Adam's first step is the sign of a gradient: rounding turns that of the smallest
        assert largest_distance(weights(training.network), weights(reference.network)) <= 10 * tolerance


@pytest.mark.parametrize("shape", SHAPES)
def test_a_whole_run(device: str, shape: str) -> None:
    values = SHAPES[shape] | WITHOUT_DROPOUT | {"precision": "float32", "epochs": 2}
    ours, theirs = finished(begun(device, **values)), finished(plain(**values))
    for one, other in zip(ours.epochs, theirs.epochs, strict=True):
        assert one.train_loss == pytest.approx(other.train_loss, rel=2e-3)
        assert one.validation_loss == pytest.approx(other.validation_loss, rel=2e-3)
        assert one.learning_rate == other.learning_rate
    assert largest_distance(weights(ours.network), weights(theirs.network)) <= (1e-5 if device == "cpu" else 2e-2)


@pytest.mark.parametrize("kind", ["uniform", "weighted", "adjusted"])
def test_the_loss(device: str, kind: str) -> None:
    values: dict[str, Any] = {
        "uniform": {"label_smoothing": 0.1},
        "weighted": {"class_weights": "balanced", "unreliable_weight": 0.3, "margin": 5.0},
        "adjusted": {"logit_adjustment": 1.0, "class_weights": "sqrt"},
    }[kind]
    params = params_of(**values)
    logits = torch.randn(50, 4, generator=torch.Generator().manual_seed(1))
    rows = torch.arange(7, 57)
    ours = TitleLoss(moved(TRAIN, device), 4, params).of(logits.to(device), rows.to(device))
    theirs = TitleLoss(TRAIN, 4, params).of(logits, rows)
    for one, other in zip(ours, theirs, strict=True):
        assert distance(one, other) <= 1e-5


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_max_pooling_shares_the_gradient_of_ties(device: str, sign: float) -> None:
    responses = torch.randint(-2, 3, (40, 5), generator=torch.Generator().manual_seed(2)).float()
    counts = torch.tensor([3, 1, 6, 10, 20])
    found = []
    for where in ("cpu", device):
        convolution = nn.Conv1d(1, 5, 1).to(where)
        nn.init.ones_(convolution.bias)  # type: ignore[arg-type]
        leaf = responses.clone().to(where).requires_grad_()
        pooled = max_pool(leaf, counts.to(where), convolution)
        pooled.backward(torch.full_like(pooled, sign))  # type: ignore[no-untyped-call]
        assert leaf.grad is not None
        found.append((pooled.detach().cpu(), leaf.grad.cpu()))
    assert torch.equal(found[0][0], found[1][0])
    assert torch.equal(found[0][1], found[1][1])


def test_dropout_drops_its_fraction_keeps_the_mean_and_repeats(device: str) -> None:
    values = torch.ones(400_000, device=device)
    drawn = []
    for seed in (1, 1, 2):
        dropout = Dropout(0.3, torch.Generator(device=device).manual_seed(seed), at_evaluation=False).train()
        drawn.append(dropout(values))
    assert float((drawn[0] == 0).float().mean()) == pytest.approx(0.3, abs=0.005)
    assert float(drawn[0].mean()) == pytest.approx(1.0, abs=0.01)
    assert torch.equal(drawn[0], drawn[1]) and not torch.equal(drawn[0], drawn[2])
    assert torch.equal(Dropout(0.3, torch.Generator(device=device), at_evaluation=False).eval()(values), values)


@pytest.mark.parametrize("shape", ["lab's mlp", "mlp", "cnn"])
def test_validation(device: str, shape: str) -> None:
    values = SHAPES[shape] | WITHOUT_DROPOUT
    ours, theirs = begun(device, **values), plain(**values)
    loss, accuracy = validate(ours.network, ours.validation, 32)
    wanted_loss, wanted_accuracy = validate(theirs.network, theirs.validation, 32)
    assert loss == pytest.approx(wanted_loss, rel=1e-5)
    assert accuracy == pytest.approx(wanted_accuracy, abs=0.02)  # a tie of two logits may be rounded either way


@pytest.mark.parametrize("shape", ["mlp", "cnn"])
def test_the_mode_of_bfloat16_changes_the_precision_and_little_else(device: str, shape: str) -> None:
    values = SHAPES[shape] | WITHOUT_DROPOUT | {"epochs": 6}
    exact, rough = (finished(begun(device, precision=name, **values)) for name in PRECISIONS)
    assert rough.epochs[-1].validation_loss == pytest.approx(exact.epochs[-1].validation_loss, rel=0.1)
    assert largest_distance(weights(rough.network), weights(exact.network)) > 0
