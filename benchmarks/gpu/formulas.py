"""What a step must move, compute and hold, from the sizes of its batch: the formulas of docs/gpu.md.

Shapes: B titles in a batch, T their words, U distinct words, C character n-grams of these, M word n-grams, R distinct
n-grams; D and G dimensions of a word's and an n-gram's vector, K categories, F filters, W windows of l words.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import torch

from meli_tasks.core.data.batch import Batch
from meli_tasks.core.data.encoded_titles import BATCHES_AT_ONCE, MAX_TITLES_AT_ONCE, EncodedTitles
from meli_tasks.core.models.networks import CNN, TitleNetwork
from meli_tasks.core.models.windows import number_of_windows
from meli_tasks.core.training.pooled_titles import PooledTitles, Titles
from meli_tasks.core.training.trainer import Training
from meli_tasks.core.training.validation import trains_in_bfloat16

FLOAT, INT, LONG = 4, 4, 8  # bytes

ROW_PASSES = 14
"""Times that the touched rows of a sparse embedding are read or written in a step: gathered (2), their gradient written
(1), its norm (1), RowAdam (5), the mask of skipped rows (2), the table (3)."""
DENSE_PASSES = 10
"""The same for a dense weight: forward (1), backward (2), Adam (7: its gradient, it and two moments read, three
written)."""
LOGIT_PASSES = 8
"""The same for a batch's logits: written, widened (2), the margin (2), the loss, its gradient, the product."""
ACTIVATION_PASSES = 6
"""The same for every other activation."""

LAUNCH_SECONDS = 5e-6
"""The host's time for one operation of PyTorch outside of a CUDA graph: 4 to 6 microseconds."""
GRAPH_SECONDS = 1.7e-6
"""The time of a small kernel inside a CUDA graph."""


@dataclass(frozen=True)
class Card:
    """What a GPU can do: bytes per second, and operations per second in float32 and in bfloat16 (dense)."""

    name: str
    bandwidth: float
    float32: float
    bfloat16: float


CARDS = {
    "H200": Card("H200", 4.8e12, 67e12, 989e12),
    "H100": Card("H100", 3.35e12, 67e12, 989e12),
    "A100": Card("A100", 2.0e12, 19.5e12, 312e12),
    "L4": Card("L4", 0.3e12, 30e12, 121e12),
}
"""By a part of the name that the driver gives; the numbers are the vendor's."""


def card_of(name: str) -> Card | None:
    """The card that the driver calls so; None if its numbers are not listed."""
    return next((card for part, card in CARDS.items() if part in name), None)


@dataclass(frozen=True)
class BatchSizes:
    """The sizes of one batch; see the module."""

    titles: int
    words: int = 0
    distinct_words: int = 0
    char_ngrams: int = 0
    word_ngrams: int = 0
    distinct_ngrams: int = 0
    windows: tuple[int, ...] = field(default=())


@dataclass(frozen=True)
class Work:
    """What a step moves through the device's memory, in bytes, and computes, in multiplications and additions."""

    moved: float
    computed: float

    def seconds(self, card: Card, bfloat16: bool) -> float:
        """The least time of the step on a card: the roofline."""
        return max(self.moved / card.bandwidth, self.computed / (card.bfloat16 if bfloat16 else card.float32))


@dataclass(frozen=True)
class Memory:
    """Bytes of a training run on the device."""

    weights: int
    optimizer: int
    ema: int
    titles: int
    batches: int
    step: int

    @property
    def static(self) -> int:
        """What it holds before the first step."""
        return self.weights + self.optimizer + self.ema + self.titles

    @property
    def peak(self) -> int:
        """What it holds at the most."""
        return self.static + self.batches + self.step


def sizes_of(training: Training) -> BatchSizes:
    """The sizes of a typical batch: the first of an epoch."""
    titles = min(training.batch_size, len(training.titles))
    order = torch.randperm(len(training.titles), generator=torch.Generator().manual_seed(1))[:titles]
    if isinstance(training.titles, PooledTitles):
        return BatchSizes(titles)
    _, batch = next(iter(training.titles.batches(order.to(training.device), titles)))
    ngrams = batch.ngrams
    distinct = len(torch.unique(batch.tokens))
    if ngrams is None:
        return BatchSizes(titles, len(batch.tokens), distinct, windows=_windows(training.network, batch))
    return BatchSizes(
        titles, len(batch.tokens), distinct, len(ngrams.char_ngrams), len(ngrams.word_ngrams),
        len(torch.unique(torch.cat([ngrams.char_ngrams, ngrams.word_ngrams]))), _windows(training.network, batch),
    )  # fmt: skip


def _windows(network: TitleNetwork, batch: Batch) -> tuple[int, ...]:
    if not isinstance(network, CNN) or batch.lengths is None:
        return ()
    params = network.params
    padded = max(batch.longest, *params.filter_lengths) if params.max_over_padding else 0
    return tuple(number_of_windows(batch.lengths.clip(min=padded), length) for length in params.filter_lengths)


def work_of(training: Training, sizes: BatchSizes) -> Work:
    """The bytes and the operations of one step."""
    network, params = training.network, training.params
    categories, dimensions = network.out.out_features, network.words.weight.shape[1]
    widths = [network.out.in_features if not params.hidden else _first_width(network), *params.hidden, categories]
    products = sum(a * b for a, b in pairwise(widths))
    dense = sum(weight.numel() for weight in training.optimizer.dense)
    moved = FLOAT * (DENSE_PASSES * dense + sizes.titles * LOGIT_PASSES * categories)
    moved += FLOAT * ACTIVATION_PASSES * sizes.titles * sum(widths[:-1])
    computed = 6.0 * sizes.titles * products
    if network.words.trained and not network.words.every_row:
        moved += FLOAT * ROW_PASSES * dimensions * sizes.distinct_words
    if network.ngrams is not None:
        size = params.ngram_dimensions
        moved += FLOAT * size * (
            ROW_PASSES * sizes.distinct_ngrams + ACTIVATION_PASSES * (sizes.distinct_words + sizes.titles)
        )  # fmt: skip
        moved += (LONG + FLOAT) * ACTIVATION_PASSES * (sizes.char_ngrams + sizes.word_ngrams)
        computed += 4.0 * size * (sizes.char_ngrams + sizes.word_ngrams + sizes.words)
    for windows, length in zip(sizes.windows, params.filter_lengths, strict=False):
        width = length * (dimensions + (params.ngram_dimensions if params.filter_ngrams else 0))
        moved += FLOAT * windows * (2 * width + ACTIVATION_PASSES * params.filters) + LONG * 4 * windows * length
        computed += (6.0 if network.words.trained else 4.0) * windows * width * params.filters
    return Work(moved, computed)


def _first_width(network: TitleNetwork) -> int:
    first = network.hidden[0]
    assert isinstance(first, torch.nn.Linear)
    return first.in_features


def memory_of(training: Training, sizes: BatchSizes | None = None) -> Memory:
    """The memory of a training run, from its sizes alone."""
    sizes = sizes or sizes_of(training)
    network, params = training.network, training.params
    parameters = sum(weight.numel() for weight in network.parameters())
    dense = sum(weight.numel() for weight in training.optimizer.dense)
    rows = sum(optimizer.table.trained for optimizer in training.optimizer.rows)
    row_weights = sum(o.table.trained * o.table.weight.shape[1] for o in training.optimizer.rows)
    ema = FLOAT * (dense + row_weights) + LONG * rows if params.ema_decay else 0
    together = max(1, min(BATCHES_AT_ONCE["cuda"], MAX_TITLES_AT_ONCE // training.batch_size))
    together = min(together, -(-len(training.titles) // training.batch_size))
    return Memory(
        weights=FLOAT * parameters,
        optimizer=2 * FLOAT * dense + (FLOAT + INT) * rows,
        ema=ema,
        titles=_titles(training.titles) + _titles(training.validation) + LONG * len(training.titles),
        batches=together * _batch(sizes),
        step=_step(training, sizes),
    )


def _titles(titles: Titles) -> int:
    """Labels and reliability; and the vectors, or the words with their n-grams."""
    number = len(titles)
    if isinstance(titles, PooledTitles):
        return number * (FLOAT * titles.vectors.shape[1] + LONG + 1 + (LONG if titles.sizes is not None else 0))
    size = number * (LONG + 1) + INT * len(titles.words.ids) + LONG * (number + 1)
    return size + (_ngrams(titles) if titles.ngrams is not None else 0)


def _ngrams(titles: EncodedTitles) -> int:
    ngrams = titles.ngrams
    assert ngrams is not None
    ids = len(ngrams.char_ngrams.ids) + len(ngrams.word_ngrams.ids)
    offsets = ngrams.char_ngrams.rows + ngrams.word_ngrams.rows + 2
    return INT * ids + LONG * offsets + FLOAT * (len(ngrams.weights) + len(titles))


def _batch(sizes: BatchSizes) -> int:
    """Word ids twice (in the vocabulary, and all), places, owners; n-gram ids, their weights, and the sort of both."""
    ngrams = sizes.char_ngrams + sizes.word_ngrams
    return 4 * LONG * sizes.words + (5 * LONG + FLOAT) * ngrams + 4 * LONG * sizes.titles


def _step(training: Training, sizes: BatchSizes) -> int:
    """Gradients, activations and what is made of them."""
    network, params = training.network, training.params
    dense = sum(weight.numel() for weight in training.optimizer.dense)
    held = 2 if trains_in_bfloat16(params, training.device) else 1  # half of a copy in bfloat16, forward and backward
    total = FLOAT * (dense * held + sizes.titles * (5 * network.out.out_features + 3 * sum(params.hidden)))
    dimensions = network.words.weight.shape[1]
    if network.words.trained:
        rows = len(network.words.weight) if network.words.every_row else 4 * sizes.distinct_words
        total += FLOAT * dimensions * rows
    if network.ngrams is not None:
        ids = sizes.char_ngrams + sizes.word_ngrams
        vectors = sizes.distinct_ngrams + sizes.distinct_words + sizes.titles
        total += 4 * FLOAT * params.ngram_dimensions * vectors
        total += 8 * LONG * ids + 5 * LONG * len(network.ngrams.table.weight)
    for windows, length in zip(sizes.windows, params.filter_lengths, strict=False):
        width = length * dimensions
        total += windows * (FLOAT * (2 * width + 3 * params.filters) + LONG * 4 * length)
    return total


@dataclass(frozen=True)
class Prediction:
    """Titles per second: of the launches alone, of a CUDA graph, and of the roofline."""

    operations: int
    launched: float
    graphed: float
    roofline: float

    @property
    def rate(self) -> float:
        """What to expect of the loop as it is: whichever of launching and computing takes longer."""
        return min(self.launched, self.roofline)


def prediction_of(training: Training, sizes: BatchSizes, operations: int, card: Card) -> Prediction:
    """What the formulas predict for a training run on a GPU with so many operations a step."""
    bfloat16 = trains_in_bfloat16(training.params, torch.device("cuda"))
    least = work_of(training, sizes).seconds(card, bfloat16)
    return Prediction(
        operations=operations,
        launched=sizes.titles / (operations * LAUNCH_SECONDS),
        graphed=sizes.titles / max(operations * GRAPH_SECONDS, least),
        roofline=sizes.titles / least,
    )
