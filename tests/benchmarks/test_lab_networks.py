"""The faithful sets build the lab's networks: the same weights give the same logits and the same gradients."""

from __future__ import annotations

import pytest
import torch

from benchmarks.lab_loop import LabCNN, LabMLP, Padded, Row
from meli_tasks.core.data.batch import Batch
from meli_tasks.core.models.networks import CNN, build
from meli_tasks.sets import catalog

WORDS, DIMENSIONS, CATEGORIES = 40, 12, 7


@pytest.mark.parametrize("name", ["mlp_1", "mlp_2", "cnn_1", "cnn_prueba_2"])
def test_a_faithful_set_is_the_labs_network(name: str) -> None:
    params = catalog.load(name).train.model_copy(update={"dropout": 0.0})
    ours = build(params, (WORDS, DIMENSIONS), 0, CATEGORIES).train()
    random = torch.Generator().manual_seed(1)
    ours.words.weight[1:] = torch.randn(WORDS - 1, DIMENSIONS, generator=random)
    lab = (LabCNN if isinstance(ours, CNN) else LabMLP)(params, ours.words.weight.clone(), CATEGORIES)
    names = {"out": "output", "convolutions": "filters"}
    lab.load_state_dict(
        {
            ".".join(names.get(part, part) for part in key.split(".")): value
            for key, value in ours.state_dict().items()
            if key != "words.weight"
        }
        | {"embedding.weight": ours.words.weight}
    )
    titles = [torch.randint(1, 6, (size,), generator=random).tolist() for size in (9, 1, 3, 0, 5, 8, 2)]
    shortest = max(params.filter_lengths) if isinstance(ours, CNN) else 1
    ids, targets = Padded(shortest)([Row(data=title, target=place) for place, title in enumerate(titles)])
    offsets = torch.tensor([0, *map(len, titles)]).cumsum(0)
    batch = Batch(torch.tensor([word for title in titles for word in title]), offsets, max(map(len, titles)))
    losses = []
    for logits in (ours(batch), lab(ids)):
        losses.append(torch.nn.functional.cross_entropy(logits, targets))
        losses[-1].backward()
    torch.testing.assert_close(ours(batch), lab(ids))
    gradients = dict(lab.named_parameters())
    for key, weight in ours.named_parameters():
        if weight.requires_grad:
            theirs = gradients[".".join(names.get(part, part) for part in key.split("."))].grad
            torch.testing.assert_close(weight.grad, theirs, atol=1e-7, rtol=1e-4)
