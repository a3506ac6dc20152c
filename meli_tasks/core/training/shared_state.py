"""One state for all processes that train together: that of rank 0, to the bit, before the first step.

A process that started alike is not enough: another machine may have read another checkpoint, or none.
"""

from __future__ import annotations

import json
from dataclasses import asdict

import torch
from torch import Tensor

from meli_tasks.core.training.distributed import ProcessGroup
from meli_tasks.core.training.progress import Epoch
from meli_tasks.core.training.state import Metadata, State
from meli_tasks.core.training.trainer import Training


def share_state(training: Training, group: ProcessGroup) -> None:
    """Give this process's training run the state of that of rank 0. All processes call it at once."""
    if group.world_size == 1:
        return
    state = training.state() if group.rank == 0 else None
    received = _broadcast(state, group, training.device)
    if group.rank:
        training.resume(received)


def _broadcast(state: State | None, group: ProcessGroup, device: torch.device) -> State:
    """The state of rank 0. Its plain part travels as JSON, which runs no code of the sender, unlike a pickle."""
    header = torch.frombuffer(bytearray(_header(state)), dtype=torch.uint8).to(device) if state else None
    size = group.broadcast(torch.tensor([0 if header is None else len(header)], device=device))
    if header is None:
        header = torch.empty(int(size), dtype=torch.uint8, device=device)
    described = json.loads(bytes(group.broadcast(header).tolist()))
    metadata = described["metadata"]
    metadata["epochs"] = tuple(Epoch(**epoch) for epoch in metadata["epochs"])
    metadata["row_steps"] = tuple(metadata["row_steps"])
    tensors: dict[str, Tensor] = {}
    for name, dtype, shape in described["tensors"]:
        if state:
            value = state.tensors[name].detach().to(device).contiguous()
        else:
            value = torch.empty(shape, dtype=getattr(torch, dtype), device=device)
        # A copy in the host's memory, so that a GPU never holds the whole state twice.
        tensors[name] = group.broadcast(value).cpu() if value.numel() else value
    return State(Metadata(**metadata), tensors)


def _header(state: State) -> bytes:
    tensors = [
        (name, str(value.dtype).removeprefix("torch."), list(value.shape)) for name, value in state.tensors.items()
    ]
    return json.dumps({"metadata": asdict(state.metadata), "tensors": tensors}).encode()
