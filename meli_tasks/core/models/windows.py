"""A CNN's windows: runs of words inside one title, and what its filters respond to them.

Shapes: B titles, W windows, F filters. Titles are flat (CSR), and so are their windows.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


def windows_of(offsets: Tensor, length: int, words: int) -> tuple[Tensor, Tensor]:
    """Every run of `length` words inside one title -> (positions of its words (W, length), windows a title (B,)).

    A shorter title has one window; `words`, the position behind the last word, stands where it has none.
    """
    sizes = offsets.diff()
    counts = (sizes - length + 1).clamp(min=1)
    title = torch.repeat_interleave(torch.arange(len(sizes), device=offsets.device), counts)
    within = torch.arange(len(title), device=offsets.device) - (counts.cumsum(0) - counts)[title]
    positions = (offsets[title] + within)[:, None] + torch.arange(length, device=offsets.device)
    return positions.masked_fill(positions >= offsets[title + 1][:, None], words), counts


def added(windows: Tensor, parts: Tensor) -> Tensor:
    """Responses (W, F), less the bias, of windows (W, length) of words; `parts`: what each gives at each place."""
    length = windows.shape[1]
    places = windows * length + torch.arange(length, device=windows.device)
    return functional.embedding_bag(places, parts, mode="sum")


def maxima(responses: Tensor, counts: Tensor, convolution: nn.Module) -> Tensor:
    """ReLU of each title's largest response to each filter, its bias added: (W, F), windows (B,) -> (B, F).

    Bias and ReLU keep the order, so they can wait until a title has one response a filter and not one a window.
    """
    assert isinstance(convolution, nn.Conv1d) and convolution.bias is not None
    responses = responses.float()
    if responses.requires_grad:
        largest = torch.segment_reduce(responses, "max", lengths=counts, axis=0, unsafe=True)
    else:  # several times as fast on the CPU, but its gradient is slow
        title = torch.repeat_interleave(torch.arange(len(counts), device=counts.device), counts)
        largest = responses.new_empty(len(counts), responses.shape[1]).scatter_reduce_(
            0, title[:, None].expand_as(responses), responses, "amax", include_self=False
        )
    return torch.relu(largest + convolution.bias)
