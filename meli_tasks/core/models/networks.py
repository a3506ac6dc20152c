"""The two architectures: a bag of word vectors (MLP) and filters over words (CNN), optionally with a bag of n-grams.

Shapes: B titles in a batch, T their words, D dimensions of a word vector, N dimensions of an n-gram vector, F filters,
K categories. A batch is in CSR layout: the ids of all its titles concatenated, and where each title starts.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional
from typing_extensions import override

from meli_tasks.core.data.batch import Batch
from meli_tasks.core.hyperparameters import Train
from meli_tasks.core.models.ngram_bag import NgramBag
from meli_tasks.core.models.sparse_embedding import SparseEmbedding
from meli_tasks.core.models.windows import filters_of, max_pool, number_of_windows, sum_parts, windows_of

LARGE_BATCH_WORDS = 512
"""Words in a batch from which it pays to find the distinct ones: few repeat in a smaller batch. A batch of the lab's,
128 titles, has about 720, of which 13 % repeat: a tenth of the time of a step."""

ROWS_PER_BLOCK = 64

MAX_PRECOMPUTED_BYTES = 256 * 2**20
"""Maximum size of what `CNN.precompute` keeps: 85,000 words with 128 filters each of 1, 2 and 3 words."""

LEVELS = 1 << 16
"""Dropout probabilities are rounded to this many levels: 16 random bits per value take a quarter of the time of 64."""


class Dropout(nn.Module):
    """Dropout with its own random generator, so that nothing outside changes the results of training."""

    def __init__(self, probability: float, generator: torch.Generator, at_evaluation: bool) -> None:
        super().__init__()
        self.probability = probability
        self.generator = generator
        self.at_evaluation = at_evaluation

    def forward(self, values: Tensor) -> Tensor:
        """In training, set random values to zero and scale up the others to keep the mean."""
        if not self.probability or not (self.training or self.at_evaluation):
            return values
        dropped = round(self.probability * LEVELS)
        draws = torch.empty(values.numel() // 4 + 1, dtype=torch.int64, device=values.device)
        draws.random_(-(2**63), None, generator=self.generator)
        levels = draws.view(torch.int16)[: values.numel()].view(values.shape)
        # The lowest `dropped` of the 65,536 levels, which are signed. As numbers: a product with bool takes longer, and
        # a comparison that writes numbers takes less than half of the time of one that writes bool.
        kept = torch.ge(levels, dropped - LEVELS // 2, out=torch.empty_like(values, requires_grad=False))
        scale = LEVELS / (LEVELS - dropped)
        if values.dtype == torch.float32:  # the same result, by one product less in each direction
            return values * kept.mul_(scale)
        return values * kept * scale  # in bfloat16 the scale itself would be rounded


def in_blocks(rows: Tensor) -> Tensor:
    """Pad with rows of zeros to a multiple of ROWS_PER_BLOCK if that is faster.

    In bfloat16 on the CPU a kernel is compiled for every new number of rows, which takes longer than the product.
    """
    if not torch.is_autocast_enabled("cpu") or rows.device.type != "cpu":
        return rows
    return functional.pad(rows, (0, 0, 0, -len(rows) % ROWS_PER_BLOCK))


@dataclass(frozen=True)
class PooledBatch:
    """Titles whose words are already pooled: `values` (B, D), to be divided by `divisor`."""

    values: Tensor
    divisor: int


class TitleNetwork(nn.Module):
    """The common part of both architectures: the word table, the n-gram bag and the dense layers.

    Attributes:
        padded_to: Only for a network that sees padding, when it has been trained: the number of words that each title
            is padded to on its own (a longer one is not padded), so that its prediction does not depend on the titles
            beside it. None: a title is padded to the longest of its batch, as in the lab and in training.
    """

    def __init__(
        self, params: Train, word_vectors_shape: tuple[int, int], ngram_count: int, category_count: int
    ) -> None:
        super().__init__()
        self.params = params
        self.padded_to: int | None = None
        self.generator = torch.Generator()
        word_count, dimensions = word_vectors_shape
        trained = {"frozen": 0, "trained": word_count, "semi_frozen": 2 + params.trained_words}[params.word_vectors]
        self.words = SparseEmbedding(
            word_count, dimensions, trained=trained, every_row=params.optimizer == "adam", padding=True
        )
        width = self.pooled_width(dimensions)
        self.ngrams: NgramBag | None = None
        if params.ngram_dimensions:
            self.ngrams = NgramBag(
                ngram_count, params.ngram_dimensions, params.ngram_dropout, params.word_dropout, self.generator
            )
            width += params.ngram_dimensions
        self.dropout = Dropout(params.dropout, self.generator, params.dropout_at_evaluation)
        self.hidden = nn.ModuleList()
        for layer in params.hidden:
            self.hidden.append(nn.Linear(width, layer))
            width = layer
        self.out = nn.Linear(width, category_count)

    def pooled_width(self, dimensions: int) -> int:
        """The width of the result of `pooled`, for word vectors of these dimensions."""
        raise NotImplementedError

    def pooled(self, batch: Batch | PooledBatch, char_vectors: Tensor | None = None) -> Tensor:
        """The words of each title as one vector: (B, pooled width).

        `char_vectors` (W, N): the sum of each distinct word's n-gram vectors.
        """
        raise NotImplementedError

    def padded_widths(self, batch: Batch, least: int) -> Tensor:
        """The number of words that each title is padded to (B,), at least `least`."""
        lengths = batch.offsets.diff()
        if self.padded_to is None:
            return torch.full_like(lengths, max(batch.longest, least))
        return lengths.clamp(min=max(self.padded_to, least))

    def precompute(self) -> None:
        """Precompute what depends only on a word, for a network that no longer trains."""

    def set_epoch(self, epoch: int) -> None:
        """Start to train the word vectors of a semi-frozen network when their epoch has come (epochs start at 1)."""
        self.words.awake = self.params.word_vectors != "semi_frozen" or epoch >= self.params.unfreeze_epoch

    def seed(self, seed: int, device: torch.device) -> None:
        """Give dropout a new random generator, on the device of the network."""
        self.generator = torch.Generator(device=device).manual_seed(seed)
        for module in self.modules():
            if isinstance(module, Dropout | NgramBag):
                module.generator = self.generator

    def forward(self, batch: Batch | PooledBatch) -> Tensor:
        """Logits (B, K)."""
        bag, words = None, None
        if self.ngrams is not None:
            assert isinstance(batch, Batch)
            bag, words = self.ngrams(batch)
        values = self.pooled(batch, words)
        if bag is not None:
            values = torch.cat([values, bag], dim=1)
        values = self.before_dense(values)
        for layer in self.hidden:
            values = self.after_dense(layer(values).relu_())
        logits: Tensor = self.out(values)
        return torch.sigmoid(logits) if self.params.sigmoid_before_loss else logits

    def before_dense(self, values: Tensor) -> Tensor:
        """Applied between the pooled vectors and the first dense layer."""
        return values

    def after_dense(self, values: Tensor) -> Tensor:
        """Applied after the ReLU of each dense layer."""
        return values


class MLP(TitleNetwork):
    """The mean of a title's word vectors, with dropout after every dense layer. Without n-grams it is the lab's MLP."""

    @override
    def pooled_width(self, dimensions: int) -> int:
        return dimensions

    @override
    def pooled(self, batch: Batch | PooledBatch, char_vectors: Tensor | None = None) -> Tensor:
        # The mean over the title's words, or in the lab's way over the length of the longest title of the batch.
        if isinstance(batch, PooledBatch):
            return batch.values / batch.divisor if self.params.mean_over_padding else batch.values
        words = self.pooled_words(batch)
        return words / self.padded_widths(batch, 1)[:, None] if self.params.mean_over_padding else words

    def pooled_words(self, batch: Batch) -> Tensor:
        """The part that does not depend on the other titles of the batch: the mean, or in the lab's way the sum."""
        mode = "sum" if self.params.mean_over_padding else "mean"
        local, vectors = self.words.lookup(batch.tokens, batch.distinct)
        return functional.embedding_bag(local, vectors, batch.offsets, mode=mode, include_last_offset=True)

    @override
    def after_dense(self, values: Tensor) -> Tensor:
        dropped: Tensor = self.dropout(values)
        return dropped


class CNN(TitleNetwork):
    """Filters over the words, max-pooling over each title's windows and ReLU; dropout before the dense layers.

    With `filter_ngrams`, the filters see a word's vector and the sum of its n-gram vectors (the character channel).

    A title shorter than a filter has one window, padded with zeros. Without n-grams and with `max_over_padding` it is
    the lab's CNN, which also pools over the windows in the padding of the batch.
    """

    def __init__(
        self, params: Train, word_vectors_shape: tuple[int, int], ngram_count: int, category_count: int
    ) -> None:
        super().__init__(params, word_vectors_shape, ngram_count, category_count)
        channels = word_vectors_shape[1] + (params.ngram_dimensions if params.filter_ngrams else 0)
        self.convolutions = nn.ModuleList(
            filters_of(channels, params.filters, length) for length in params.filter_lengths
        )
        self.precomputed: list[Tensor] | None = None

    @override
    def pooled_width(self, dimensions: int) -> int:
        return self.params.filters * len(self.params.filter_lengths)

    @override
    def pooled(self, batch: Batch | PooledBatch, char_vectors: Tensor | None = None) -> Tensor:
        assert isinstance(batch, Batch)
        tokens = functional.pad(batch.tokens, (0, 1))  # the last one is padding, id 0
        lengths = self.params.filter_lengths
        widths = self.padded_widths(batch, max(lengths)) if self.params.max_over_padding else None
        windows = [
            windows_of(batch.offsets, length, len(batch.tokens), widths, self._number_of_windows(batch, length))
            for length in lengths
        ]
        distinct = None if batch.distinct is None else batch.distinct + 1  # with the padding
        if self.precomputed is not None and not self.training:
            parts = zip(windows, self.precomputed, self.convolutions, strict=True)
            return torch.cat([max_pool(sum_parts(tokens[at], part), n, c) for (at, n), part, c in parts], dim=1)
        local, vectors = self.words.lookup(tokens, distinct)
        if self.params.filter_ngrams:
            local, vectors = self._with_char_vectors(batch, functional.embedding(local, vectors), char_vectors)
        products = sum(positions.numel() for positions, _ in windows)
        if vectors is self.words.weight and len(local) >= LARGE_BATCH_WORDS:
            rows, places = self.words.distinct(local, distinct)
            if self._projects(len(rows), products):
                local, vectors = places, vectors.index_select(0, rows)
        respond = self._projected if self._projects(len(vectors), products) else self._multiplied
        pairs = zip(windows, self.convolutions, strict=True)
        return torch.cat([max_pool(respond(local[at], vectors, c), counts, c) for (at, counts), c in pairs], dim=1)

    def _number_of_windows(self, batch: Batch, length: int) -> int | None:
        """The windows of a filter of this length, if the host knows the lengths of the titles."""
        if batch.lengths is None or not self.params.max_over_padding:
            return None if batch.lengths is None else number_of_windows(batch.lengths, length)
        least = max(self.params.filter_lengths)
        widths = batch.lengths.clip(min=max(batch.longest if self.padded_to is None else self.padded_to, least))
        return number_of_windows(batch.lengths, length, widths)

    @override
    @torch.no_grad()
    def precompute(self) -> None:
        # The product of every word of the table with every filter, unless that takes too much memory.
        vectors = self.words.weight
        size = 4 * len(vectors) * self.params.filters * sum(self.params.filter_lengths)
        if size <= MAX_PRECOMPUTED_BYTES and not self.params.filter_ngrams:
            self.precomputed = [self._parts(vectors, convolution) for convolution in self.convolutions]

    def _with_char_vectors(self, batch: Batch, vectors: Tensor, char_vectors: Tensor | None) -> tuple[Tensor, Tensor]:
        """Each token's vector (T + 1, D), the last of them padding, concatenated with its normalised n-gram sum."""
        assert batch.ngrams is not None and char_vectors is not None
        # Without scaling, the norm of the sum would grow with the length of the word.
        scaled = functional.normalize(char_vectors[batch.ngrams.places], dim=1)
        both = torch.cat([vectors, functional.pad(scaled, (0, 0, 0, 1))], dim=1)
        return torch.arange(len(both), device=both.device), both

    def _projects(self, words: int, products: int) -> bool:
        """Whether multiplying every distinct word is less work than multiplying every window."""
        return words * sum(self.params.filter_lengths) < products

    def _multiplied(self, windows: Tensor, vectors: Tensor, convolution: nn.Module) -> Tensor:
        """Responses (W, F), without bias: the concatenated words of each window times the filters.

        Only for windows that exist: padding to the longest title would double the work on titles like ours.
        """
        assert isinstance(convolution, nn.Conv1d)
        if vectors is self.words.weight and torch.is_autocast_enabled(vectors.device.type):
            vectors = self.words.rounded(torch.get_autocast_dtype(vectors.device.type))
        words = functional.embedding(in_blocks(windows), vectors).flatten(1)  # (W, length * D)
        weight = convolution.weight.transpose(1, 2).flatten(1)  # (F, length * D)
        return functional.linear(words, weight)[: len(windows)]

    def _projected(self, windows: Tensor, vectors: Tensor, convolution: nn.Module) -> Tensor:
        """The same responses: each word times each position of each filter, a single time; a window sums its words."""
        return sum_parts(windows, self._parts(vectors, convolution))

    def _parts(self, vectors: Tensor, convolution: nn.Module) -> Tensor:
        """The response of each word at each position of a window: a row (F,) for each word and position."""
        assert isinstance(convolution, nn.Conv1d)
        filters = len(convolution.weight)
        weight = convolution.weight.permute(2, 0, 1).flatten(0, 1)  # (length * F, D)
        return functional.linear(in_blocks(vectors), weight).float().view(-1, filters)

    @override
    def before_dense(self, values: Tensor) -> Tensor:
        dropped: Tensor = self.dropout(values)
        return dropped


def build(params: Train, word_vectors_shape: tuple[int, int], ngram_count: int, category_count: int) -> TitleNetwork:
    """A network with random weights from `params.seed`. Word vectors are zeros until `words.weight` is set."""
    with torch.random.fork_rng():
        torch.manual_seed(params.seed)
        kind = {"mlp": MLP, "cnn": CNN}[params.architecture]
        return kind(params, word_vectors_shape, ngram_count, category_count)
