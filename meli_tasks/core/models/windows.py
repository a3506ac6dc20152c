"""The windows of a CNN: runs of words inside one title, and the responses of the filters to them.

Shapes: B titles, W windows, F filters. Titles and their windows are in CSR layout.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from typing_extensions import override


def number_of_windows(sizes: NDArray[np.int64], length: int, widths: NDArray[np.int64] | None = None) -> int:
    """The number of windows that `windows_of` returns for titles of these sizes (B,), which the host knows."""
    padded = sizes if widths is None else np.minimum(widths, sizes + length)
    return int(np.maximum(padded - length + 1, 1).sum())


def windows_of(
    offsets: Tensor, length: int, words: int, widths: Tensor | None = None, number: int | None = None
) -> tuple[Tensor, Tensor]:
    """Every run of `length` words inside one title -> (positions of its words (W, length), windows per title (B,)).

    A shorter title has one window, padded with `words`, the position after the last word.

    Args:
        offsets: Where each title starts (B + 1,).
        length: Words in a window.
        words: The number of words of all titles.
        widths: The number of words that each title is padded to (B,), at least its own; its windows then include those
            in the padding. Of windows of padding only, which all respond alike, there is one. None for windows of words
            only.
        number: The result of `number_of_windows`. Without it the host asks the device.
    """
    sizes = offsets.diff()
    counts = ((sizes if widths is None else torch.minimum(widths, sizes + length)) - length + 1).clamp(min=1)
    title = torch.repeat_interleave(torch.arange(len(sizes), device=offsets.device), counts, output_size=number)
    within = torch.arange(len(title), device=offsets.device) - (counts.cumsum(0) - counts)[title]
    positions = (offsets[title] + within)[:, None] + torch.arange(length, device=offsets.device)
    return positions.masked_fill(positions >= offsets[title + 1][:, None], words), counts


def sum_parts(windows: Tensor, parts: Tensor) -> Tensor:
    """Responses (W, F), without bias, of windows (W, length) of words; `parts`: each word's response at each place."""
    length = windows.shape[1]
    places = windows * length + torch.arange(length, device=windows.device)
    return functional.embedding_bag(places, parts, mode="sum")


def filters_of(channels: int, filters: int, length: int) -> nn.Conv1d:
    """Filters whose weight (F, D, length) lies in memory as (length, F, D), as `CNN._parts` multiplies it.

    Otherwise each step would copy it, and its gradient.
    """
    convolution = nn.Conv1d(channels, filters, length)
    weight = convolution.weight.detach().permute(2, 0, 1).contiguous()
    convolution.weight = nn.Parameter(weight.permute(1, 2, 0))
    return convolution


def max_pool(responses: Tensor, counts: Tensor, convolution: nn.Module) -> Tensor:
    """Max-pooling over each title's windows, then bias and ReLU: responses (W, F), windows (B,) -> (B, F).

    Bias and ReLU are monotonic, so they can follow the maximum, on one response per title instead of one per window.
    """
    assert isinstance(convolution, nn.Conv1d) and convolution.bias is not None
    largest: Tensor = _LargestOfTitles.apply(responses.float(), counts)  # type: ignore[no-untyped-call]
    return (largest + convolution.bias).relu_()


class _LargestOfTitles(torch.autograd.Function):
    """The largest response of each title; windows that tie for it share its gradient evenly, as in `Tensor.amax`.

    Every repeated word ties. torch 2.13 offers two such functions: `segment_reduce`, which gives each tied window the
    whole of a negative gradient, and `scatter_reduce`, whose backward pass takes three times as long as this one.
    """

    @staticmethod
    @override
    def forward(ctx: Any, responses: Tensor, counts: Tensor) -> Tensor:
        title = torch.arange(len(counts), device=counts.device)
        title = torch.repeat_interleave(title, counts, output_size=len(responses))
        largest = responses.new_empty(len(counts), responses.shape[1]).scatter_reduce_(
            0, title[:, None].expand_as(responses), responses, "amax", include_self=False
        )
        ctx.save_for_backward(responses, largest, title)
        return largest

    @staticmethod
    @override
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        responses, largest, title = ctx.saved_tensors
        tied = largest.index_select(0, title).eq_(responses)  # as numbers: see Dropout
        ties = torch.zeros_like(largest).scatter_add_(0, title[:, None].expand_as(tied), tied)
        return tied.mul_((gradient / ties).index_select(0, title)), None
