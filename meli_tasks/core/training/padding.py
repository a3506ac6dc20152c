"""How far the lab's batches were padded, for the networks that see padding (a mistake of the lab)."""

from __future__ import annotations

import torch

from meli_tasks.core.data.encoded_titles import EncodedTitles
from meli_tasks.core.hyperparameters import Train
from meli_tasks.core.training.pooled_titles import largest_of_batches


def typical_longest(titles: EncodedTitles, params: Train) -> int | None:
    """The longest title of a batch in words, on average over the batches of an epoch; None if no padding is seen.

    In training a title is padded to the longest of its batch. A prediction must not depend on the other titles, so
    every title is then padded to this length instead.
    """
    if not params.sees_padding:
        return None
    lengths = titles.words.offsets.diff()
    order = torch.randperm(len(lengths), generator=torch.Generator().manual_seed(params.seed)).to(lengths.device)
    longest = largest_of_batches(lengths[order], params.batch_size)
    return round(sum(longest) / len(longest))
