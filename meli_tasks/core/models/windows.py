"""The windows of a CNN: runs of words inside one title, and the responses of the filters to them.

Shapes: B titles, W windows, F filters. Titles and their windows are in CSR layout.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


def windows_of(offsets: Tensor, length: int, words: int) -> tuple[Tensor, Tensor]:
    """Every run of `length` words inside one title -> (positions of its words (W, length), windows per title (B,)).

    A shorter title has one window, padded with `words`, the position after the last word.
    """
    sizes = offsets.diff()
    counts = (sizes - length + 1).clamp(min=1)
    title = torch.repeat_interleave(torch.arange(len(sizes), device=offsets.device), counts)
    within = torch.arange(len(title), device=offsets.device) - (counts.cumsum(0) - counts)[title]
    positions = (offsets[title] + within)[:, None] + torch.arange(length, device=offsets.device)
    return positions.masked_fill(positions >= offsets[title + 1][:, None], words), counts


def sum_parts(windows: Tensor, parts: Tensor) -> Tensor:
    """Responses (W, F), without bias, of windows (W, length) of words; `parts`: each word's response at each place."""
    length = windows.shape[1]
    places = windows * length + torch.arange(length, device=windows.device)
    return functional.embedding_bag(places, parts, mode="sum")


def max_pool(responses: Tensor, counts: Tensor, convolution: nn.Module) -> Tensor:
    """Max-pooling over each title's windows, then bias and ReLU: responses (W, F), windows (B,) -> (B, F).

    Bias and ReLU are monotonic, so they can follow the maximum, on one response per title instead of one per window.
    """
    assert isinstance(convolution, nn.Conv1d) and convolution.bias is not None
    responses = responses.float()
    if responses.requires_grad:
        largest = torch.segment_reduce(responses, "max", lengths=counts, axis=0, unsafe=True)
    else:  # several times as fast on the CPU, but with a slow gradient
        title = torch.repeat_interleave(torch.arange(len(counts), device=counts.device), counts)
        largest = responses.new_empty(len(counts), responses.shape[1]).scatter_reduce_(
            0, title[:, None].expand_as(responses), responses, "amax", include_self=False
        )
    return torch.relu(largest + convolution.bias)
