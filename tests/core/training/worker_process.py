"""One of several processes that train a network together.

Run as `python -m tests.core.training.worker_process NUMBER COUNT FOLDER VALUES`.

Writes the weights and the epochs' losses into FOLDER as NUMBER.pt, so that a test may compare the processes.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
from torch import distributed

from meli_tasks.core.training.distributed import TorchProcessGroup
from meli_tasks.core.training.trainer import Training
from tests.core.training.small_trainings import network_for, params_of, titles_of


def add_in_another_order(rank: int) -> None:
    """Make `index_add_` add the parts of one row in an order of this process's own, as a GPU does with its atomics."""
    really = torch.Tensor.index_add_

    def added(self: torch.Tensor, dim: int, index: torch.Tensor, source: torch.Tensor, **scale: float) -> torch.Tensor:
        order = torch.randperm(len(index), generator=torch.Generator().manual_seed(rank))
        return really(self, dim, index[order], source[order], **scale)

    torch.Tensor.index_add_ = added  # type: ignore[method-assign]


def main() -> None:
    number, count, folder, values = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]), json.loads(sys.argv[4])
    torch.set_num_threads(1)
    stop_after = values.pop("stop_after", 0)
    if values.pop("unordered", False):
        add_in_another_order(number)
    meeting = (folder / "meeting").as_uri()
    distributed.init_process_group("gloo", init_method=meeting, rank=number, world_size=count)
    params = params_of(**values)
    network = network_for(params)
    training = Training(network, titles_of(403, 1), titles_of(200, 2), params, TorchProcessGroup())
    for event in training.run(progress_seconds=0 if number == 0 else 1e9):
        if number == 0 and stop_after and event.epoch * 100 + training.step > stop_after:
            training.stop()
    losses = [[epoch.train_loss, epoch.train_cross_entropy, epoch.validation_loss] for epoch in training.epochs]
    torch.save({"weights": network.state_dict(), "losses": losses, "step": training.step}, folder / f"{number}.pt")
    distributed.destroy_process_group()


if __name__ == "__main__":
    main()
