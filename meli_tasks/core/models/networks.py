"""The two architectures: a bag of vectors (MLP) and filters over the words (CNN), both with an optional bag of n-grams.

Shapes: B titles in a batch, L words in its longest title, D a word vector's length, N an n-gram vector's length,
F filters, K categories. A batch arrives flat (CSR): the ids of all its titles in a row, and where each title starts.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from meli_tasks.core.data.batch import Batch
from meli_tasks.core.hyperparameters import Train
from meli_tasks.core.models.ngram_bag import NgramBag
from meli_tasks.core.models.sparse_embedding import SparseEmbedding, distinct_of
from meli_tasks.core.models.windows import added, maxima, windows_of

LARGE_BATCH_WORDS = 2_048
"""Words of a batch from which on it is worth to count how many are distinct: few repeat in a smaller one."""

ROWS_A_BLOCK = 64

MAX_PRECOMPUTED_BYTES = 256 * 2**20
"""Bytes that `CNN.precompute` may take: 85,000 words with 128 filters each of 1, 2 and 3 words."""

LEVELS = 1 << 16
"""Dropout's shares are rounded to this many levels: sixteen random bits a value cost a quarter of a whole draw."""


class Dropout(nn.Module):
    """Dropout with a random stream of its own, so that nothing outside changes a training."""

    def __init__(self, share: float, generator: torch.Generator, at_evaluation: bool) -> None:
        super().__init__()
        self.share = share
        self.generator = generator
        self.at_evaluation = at_evaluation

    def forward(self, values: Tensor) -> Tensor:
        """The same shape, in training with a share of zeros and the rest scaled up to keep the mean."""
        if not self.share or not (self.training or self.at_evaluation):
            return values
        dropped = round(self.share * LEVELS)
        draws = torch.empty(values.numel() // 4 + 1, dtype=torch.int64, device=values.device)
        draws.random_(-(2**63), None, generator=self.generator)
        levels = draws.view(torch.int16)[: values.numel()].view(values.shape)
        # Signed: the lowest `dropped` levels of 65,536.
        kept = (levels >= dropped - LEVELS // 2).to(values.dtype)  # bfloat16 times bool takes almost twice as long
        return values * kept * (LEVELS / (LEVELS - dropped))


def in_blocks(rows: Tensor) -> Tensor:
    """The rows, and zeros behind them up to a round number of rows where that is faster.

    In bfloat16 on the CPU every new number of rows has a kernel compiled for it, which takes longer than the product.
    """
    if not torch.is_autocast_enabled("cpu") or rows.device.type != "cpu":
        return rows
    return functional.pad(rows, (0, 0, 0, -len(rows) % ROWS_A_BLOCK))


@dataclass(frozen=True)
class PooledBatch:
    """Titles whose words are pooled already: `values` (B, D), to be divided by `divisor`."""

    values: Tensor
    divisor: int


class TitleNetwork(nn.Module):
    """What both architectures share: the word table, the n-gram bag, the dense layers."""

    def __init__(
        self, params: Train, word_vectors_shape: tuple[int, int], ngram_count: int, category_count: int
    ) -> None:
        super().__init__()
        self.params = params
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
        """Width of what `pooled` returns, for word vectors of this length."""
        raise NotImplementedError

    def pooled(self, batch: Batch | PooledBatch, char_vectors: Tensor | None = None) -> Tensor:
        """The words of each title as one vector: (B, pooled width).

        `char_vectors` (W, N): the sum of each distinct word's n-gram vectors.
        """
        raise NotImplementedError

    def precompute(self) -> None:
        """Works out once what of an answer depends on a word alone; for a network that trains no more."""

    def set_epoch(self, epoch: int) -> None:
        """Wakes the word vectors of a semi-frozen network when their epoch has come (epochs count from 1)."""
        self.words.awake = self.params.word_vectors != "semi_frozen" or epoch >= self.params.unfreeze_epoch

    def seed(self, seed: int, device: torch.device) -> None:
        """Gives the dropout a fresh stream on the device where the network lives."""
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
            values = self.after_dense(torch.relu(layer(values)))
        logits: Tensor = self.out(values)
        return torch.sigmoid(logits) if self.params.sigmoid_before_loss else logits

    def before_dense(self, values: Tensor) -> Tensor:
        """What happens between the pooled vectors and the first dense layer."""
        return values

    def after_dense(self, values: Tensor) -> Tensor:
        """What happens behind each dense layer's ReLU."""
        return values


class MLP(TitleNetwork):
    """The mean of a title's word vectors; dropout behind every dense layer. The lab's MLP without n-grams."""

    def pooled_width(self, dimensions: int) -> int:
        """The word vector's own length."""
        return dimensions

    def pooled(self, batch: Batch | PooledBatch, char_vectors: Tensor | None = None) -> Tensor:
        """The mean over the title's words, or in the lab's way over the batch's longest title."""
        if isinstance(batch, PooledBatch):
            return batch.values / batch.divisor if self.params.mean_over_padding else batch.values
        words = self.pooled_words(batch)
        return words / max(batch.longest, 1) if self.params.mean_over_padding else words

    def pooled_words(self, batch: Batch) -> Tensor:
        """What of it does not depend on the batch's other titles: the mean, or in the lab's way the sum."""
        mode = "sum" if self.params.mean_over_padding else "mean"
        local, vectors = self.words.lookup(batch.tokens)
        return functional.embedding_bag(local, vectors, batch.offsets, mode=mode, include_last_offset=True)

    def after_dense(self, values: Tensor) -> Tensor:
        """Dropout."""
        dropped: Tensor = self.dropout(values)
        return dropped


class CNN(TitleNetwork):
    """Filters over the words, ReLU, the maximum over each title's real windows; dropout before the dense layers.

    With `filter_ngrams` a word is its vector and the sum of its n-grams' vectors: the character channel.

    A title shorter than a filter has one window, padded with zeros. The lab's CNN without n-grams.
    """

    def __init__(
        self, params: Train, word_vectors_shape: tuple[int, int], ngram_count: int, category_count: int
    ) -> None:
        super().__init__(params, word_vectors_shape, ngram_count, category_count)
        channels = word_vectors_shape[1] + (params.ngram_dimensions if params.filter_ngrams else 0)
        self.convolutions = nn.ModuleList(
            nn.Conv1d(channels, params.filters, length) for length in params.filter_lengths
        )
        self.precomputed: list[Tensor] | None = None

    def pooled_width(self, dimensions: int) -> int:
        """A number a filter."""
        return self.params.filters * len(self.params.filter_lengths)

    def pooled(self, batch: Batch | PooledBatch, char_vectors: Tensor | None = None) -> Tensor:
        """Each filter's largest response in the title."""
        assert isinstance(batch, Batch)
        tokens = functional.pad(batch.tokens, (0, 1))  # the last one is padding, id 0
        windows = [windows_of(batch.offsets, length, len(batch.tokens)) for length in self.params.filter_lengths]
        if self.precomputed is not None and not self.training:
            parts = zip(windows, self.precomputed, self.convolutions, strict=True)
            return torch.cat([maxima(added(tokens[at], part), n, c) for (at, n), part, c in parts], dim=1)
        local, vectors = self.words.lookup(tokens)
        if self.params.filter_ngrams:
            local, vectors = self._beside_ngrams(batch, functional.embedding(local, vectors), char_vectors)
        products = sum(positions.numel() for positions, _ in windows)
        if vectors is self.words.weight and len(local) >= LARGE_BATCH_WORDS:
            rows, distinct = distinct_of(local, len(vectors))
            if self._projects(len(rows), products):
                local, vectors = distinct, vectors.index_select(0, rows)
        respond = self._projected if self._projects(len(vectors), products) else self._multiplied
        pairs = zip(windows, self.convolutions, strict=True)
        return torch.cat([maxima(respond(local[at], vectors, c), counts, c) for (at, counts), c in pairs], dim=1)

    @torch.no_grad()
    def precompute(self) -> None:
        """Multiplies every word of the table once, where that does not take too much memory."""
        vectors = self.words.weight
        size = 4 * len(vectors) * self.params.filters * sum(self.params.filter_lengths)
        if size <= MAX_PRECOMPUTED_BYTES and not self.params.filter_ngrams:
            self.precomputed = [self._parts(vectors, convolution) for convolution in self.convolutions]

    def _beside_ngrams(self, batch: Batch, seen: Tensor, char_vectors: Tensor | None) -> tuple[Tensor, Tensor]:
        """Each token's vector (T + 1, D), the last the padding's, and behind it its word's n-grams at length 1."""
        assert batch.ngrams is not None and char_vectors is not None
        # A word's sum has a length that grows with its letters; the filters should not see that.
        beside = functional.normalize(char_vectors[batch.ngrams.places], dim=1)
        both = torch.cat([seen, functional.pad(beside, (0, 0, 0, 1))], dim=1)
        return torch.arange(len(both), device=both.device), both

    def _projects(self, words: int, products: int) -> bool:
        """Whether it is less work to multiply every distinct word than every window."""
        return words * sum(self.params.filter_lengths) < products

    def _multiplied(self, windows: Tensor, vectors: Tensor, convolution: nn.Module) -> Tensor:
        """Responses (W, F), less the bias: each window's words side by side times the filters. Real windows only:
        padding would double the work on titles like ours.
        """
        assert isinstance(convolution, nn.Conv1d)
        if vectors is self.words.weight and torch.is_autocast_enabled(vectors.device.type):
            vectors = self.words.rounded(torch.get_autocast_dtype(vectors.device.type))
        seen = functional.embedding(in_blocks(windows), vectors).flatten(1)  # (W, length * D)
        weight = convolution.weight.transpose(1, 2).flatten(1)  # (F, length * D)
        return functional.linear(seen, weight)[: len(windows)]

    def _projected(self, windows: Tensor, vectors: Tensor, convolution: nn.Module) -> Tensor:
        """The same responses: each word times each filter's part for each place, once; a window adds its words'."""
        return added(windows, self._parts(vectors, convolution))

    def _parts(self, vectors: Tensor, convolution: nn.Module) -> Tensor:
        """What each word gives to a window at each place: a row (F,) for each word and place."""
        assert isinstance(convolution, nn.Conv1d)
        filters = len(convolution.weight)
        weight = convolution.weight.permute(2, 0, 1).flatten(0, 1)  # (length * F, D)
        return functional.linear(in_blocks(vectors), weight).float().view(-1, filters)

    def before_dense(self, values: Tensor) -> Tensor:
        """Dropout."""
        dropped: Tensor = self.dropout(values)
        return dropped


def build(params: Train, word_vectors_shape: tuple[int, int], ngram_count: int, category_count: int) -> TitleNetwork:
    """A network with weights drawn from `params.seed`; word vectors are zeros until `words.weight` is filled."""
    with torch.random.fork_rng():
        torch.manual_seed(params.seed)
        kind = {"mlp": MLP, "cnn": CNN}[params.architecture]
        return kind(params, word_vectors_shape, ngram_count, category_count)
