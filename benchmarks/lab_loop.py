"""The baseline of bench_training.py: our own implementation of a training loop that works as the lab's loop did.

Every epoch reads gzipped JSON lines again, in an IterableDataset behind a torch DataLoader. A batch consists of Python
lists of ids, padded to the longest; the embedding is dense, Adam updates every weight, and the loss is read after each
step. The lab's shuffling buffer is omitted, which favours the baseline.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TypedDict

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, IterableDataset

from meli_tasks.core.hyperparameters import Train


class Row(TypedDict):
    """A title: the ids of its words, and its category."""

    data: list[int]
    target: int


class JsonLines(IterableDataset[Row]):
    """Titles, read and parsed again in every pass."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __iter__(self) -> Iterator[Row]:
        with gzip.open(self.path, "rt", encoding="utf-8") as lines:
            for line in lines:
                yield json.loads(line)


class Padded:
    """Makes a batch of rows: pads every title with zeros to the longest one, and to at least `shortest` words."""

    def __init__(self, shortest: int) -> None:
        self.shortest = shortest

    def __call__(self, rows: Sequence[Row]) -> tuple[Tensor, Tensor]:
        """Returns ids (B, L) and categories (B,), int64."""
        titles, targets = [row["data"] for row in rows], [row["target"] for row in rows]
        width = max(self.shortest, *map(len, titles))
        padded = [title + [0] * (width - len(title)) for title in titles]
        return torch.tensor(padded), torch.tensor(targets)


def frozen(vectors: Tensor) -> nn.Embedding:
    """An embedding that is not trained."""
    embedding: nn.Embedding = nn.Embedding.from_pretrained(vectors, freeze=True, padding_idx=0)  # type: ignore[no-untyped-call]
    return embedding


class LabMLP(nn.Module):
    """The mean over the padded title, then dense layers with ReLU and with dropout that is never switched off."""

    def __init__(self, params: Train, vectors: Tensor, categories: int) -> None:
        super().__init__()
        self.dropout = params.dropout
        self.embedding = frozen(vectors)
        widths = [vectors.shape[1], *params.hidden]
        self.hidden = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))
        self.output = nn.Linear(widths[-1], categories)

    def forward(self, ids: Tensor) -> Tensor:
        """Maps ids (B, L) to logits (B, categories)."""
        values = self.embedding(ids).mean(dim=1)
        for layer in self.hidden:
            values = functional.dropout(functional.relu(layer(values)), self.dropout)
        logits: Tensor = self.output(values)
        return logits


class LabCNN(nn.Module):
    """Filters over the padded title, their maximum, dropout that is never switched off, dense layers, a sigmoid."""

    def __init__(self, params: Train, vectors: Tensor, categories: int) -> None:
        super().__init__()
        self.dropout = params.dropout
        self.embedding = frozen(vectors)
        self.filters = nn.ModuleList(
            nn.Conv1d(vectors.shape[1], params.filters, length) for length in params.filter_lengths
        )
        widths = [params.filters * len(params.filter_lengths), *params.hidden]
        self.hidden = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))
        self.output = nn.Linear(widths[-1], categories)

    def forward(self, ids: Tensor) -> Tensor:
        """Maps ids (B, L) to logits (B, categories) between 0 and 1."""
        values = self.embedding(ids).transpose(1, 2)
        pooled = [functional.relu(layer(values)).max(dim=2).values for layer in self.filters]
        values = functional.dropout(torch.cat(pooled, dim=1), self.dropout)
        for layer in self.hidden:
            values = functional.relu(layer(values))
        return torch.sigmoid(self.output(values))


def lab_epoch(path: Path, network: nn.Module, params: Train, shortest: int) -> list[float]:
    """Trains for one epoch over the file and returns the loss of every step."""
    rows = DataLoader(JsonLines(path), batch_size=params.batch_size, collate_fn=Padded(shortest))
    optimizer = torch.optim.Adam(network.parameters(), lr=params.learning_rate, weight_decay=params.weight_decay)
    criterion = nn.CrossEntropyLoss()
    network.train()
    losses = []
    for ids, targets in rows:
        optimizer.zero_grad()
        loss = criterion(network(ids), targets)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses
