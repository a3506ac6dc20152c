"""The baseline: the lab's networks on a GPU behind torch's DataLoader, as one would write the loop in an afternoon.

Worker processes pad lists of ids, pinned memory carries each batch to the device, Adam updates every weight, and the
loss is read after each step. The titles are already encoded and in memory, which favours the baseline over the lab's.
"""

from __future__ import annotations

import time

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from benchmarks.generated_rows import CATEGORIES, Rows
from benchmarks.lab_loop import LabCNN, LabMLP, Padded, Row
from meli_tasks.core.hyperparameters import Train

WARM_UP_STEPS = 3


class InMemory(Dataset[Row]):
    """Titles as lists of ids."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows.labels)

    def __getitem__(self, row: int) -> Row:
        low, high = self.rows.offsets[row], self.rows.offsets[row + 1]
        return {"data": self.rows.tokens[low:high].tolist(), "target": int(self.rows.labels[row])}


def baseline_rate(rows: Rows, params: Train, vectors: Tensor, device: str, seconds: float, workers: int) -> float:
    """Titles per second of the baseline."""
    torch.manual_seed(params.seed)
    kind = {"mlp": LabMLP, "cnn": LabCNN}[params.architecture]
    network: nn.Module = kind(params, vectors, CATEGORIES).to(device)
    shortest = max(params.filter_lengths) if params.architecture == "cnn" else 1
    loader = DataLoader(
        InMemory(rows), batch_size=params.batch_size, shuffle=True, collate_fn=Padded(shortest),
        num_workers=workers, pin_memory=device == "cuda", persistent_workers=False,
    )  # fmt: skip
    weights = [weight for weight in network.parameters() if weight.requires_grad]
    optimizer = torch.optim.Adam(weights, lr=params.learning_rate, weight_decay=params.weight_decay)
    criterion = nn.CrossEntropyLoss()
    network.train()
    titles, start = 0, time.perf_counter()
    for step, (ids, targets) in enumerate(loader):
        if step == WARM_UP_STEPS:
            titles, start = 0, time.perf_counter()
        optimizer.zero_grad()
        loss = criterion(network(ids.to(device, non_blocking=True)), targets.to(device, non_blocking=True))
        loss.backward()
        optimizer.step()
        loss.item()
        titles += len(targets)
        if step > WARM_UP_STEPS and time.perf_counter() - start >= seconds:
            break
    return titles / (time.perf_counter() - start)
