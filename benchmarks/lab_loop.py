"""The baseline of bench_training.py: a training loop that does what the lab's loop does, written anew.

Every epoch reads gzipped JSON lines again, in an IterableDataset through a torch DataLoader; a batch is Python lists of
ids, padded to its longest; the embedding is dense, Adam moves every weight, and the loss is read after each step. The
lab's shuffling buffer is left out, which favours the baseline.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, IterableDataset

from meli_tasks.core.hyperparameters import Train

Row = dict[str, Any]


class JsonLines(IterableDataset[Row]):
    """Titles as rows {"data": ids, "target": category}, read and parsed again each time."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __iter__(self) -> Iterator[Row]:
        with gzip.open(self.path, "rt", encoding="utf-8") as lines:
            for line in lines:
                yield json.loads(line)


class Padded:
    """Rows to a batch: every title filled with zeros up to the longest, and to `shortest` words at least."""

    def __init__(self, shortest: int) -> None:
        self.shortest = shortest

    def __call__(self, rows: Sequence[Row]) -> tuple[Tensor, Tensor]:
        """-> ids (B, L) and categories (B,), int64."""
        titles, targets = [row["data"] for row in rows], [row["target"] for row in rows]
        width = max(self.shortest, *map(len, titles))
        padded = [title + [0] * (width - len(title)) for title in titles]
        return torch.tensor(padded), torch.tensor(targets)


class LabMLP(nn.Module):
    """The mean over the padded title, dense layers with ReLU and a dropout that never stops."""

    def __init__(self, params: Train, vectors: Tensor, categories: int) -> None:
        super().__init__()
        self.dropout = params.dropout
        self.embedding = nn.Embedding.from_pretrained(vectors, freeze=True, padding_idx=0)
        widths = [vectors.shape[1], *params.hidden]
        self.hidden = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))
        self.output = nn.Linear(widths[-1], categories)

    def forward(self, ids: Tensor) -> Tensor:
        """(B, L) -> logits (B, categories)."""
        values = self.embedding(ids).mean(dim=1)
        for layer in self.hidden:
            values = functional.dropout(functional.relu(layer(values)), self.dropout)
        logits: Tensor = self.output(values)
        return logits


class LabCNN(nn.Module):
    """Filters over the padded title, their maximum, a dropout that never stops, dense layers and a sigmoid."""

    def __init__(self, params: Train, vectors: Tensor, categories: int) -> None:
        super().__init__()
        self.dropout = params.dropout
        self.embedding = nn.Embedding.from_pretrained(vectors, freeze=True, padding_idx=0)
        self.filters = nn.ModuleList(
            nn.Conv1d(vectors.shape[1], params.filters, length) for length in params.filter_lengths
        )
        widths = [params.filters * len(params.filter_lengths), *params.hidden]
        self.hidden = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))
        self.output = nn.Linear(widths[-1], categories)

    def forward(self, ids: Tensor) -> Tensor:
        """(B, L) -> logits (B, categories) between 0 and 1."""
        values = self.embedding(ids).transpose(1, 2)
        pooled = [functional.relu(layer(values)).max(dim=2).values for layer in self.filters]
        values = functional.dropout(torch.cat(pooled, dim=1), self.dropout)
        for layer in self.hidden:
            values = functional.relu(layer(values))
        return torch.sigmoid(self.output(values))


def lab_epoch(path: Path, network: nn.Module, params: Train, shortest: int) -> list[float]:
    """One epoch over the file; the loss of every step."""
    rows = DataLoader(JsonLines(path), batch_size=params.batch_size, collate_fn=Padded(shortest))
    optimizer = torch.optim.Adam(network.parameters(), lr=params.learning_rate, weight_decay=params.weight_decay)
    judge = nn.CrossEntropyLoss()
    network.train()
    losses = []
    for ids, targets in rows:
        optimizer.zero_grad()
        loss = judge(network(ids), targets)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses
