"""The two architectures: a bag of vectors (MLP) and filters over the words (CNN), both with an optional bag of n-grams.

Shapes: B titles in a batch, L words in its longest title, D a word vector's length, N an n-gram vector's length,
F filters, K categories. A batch arrives flat (CSR): the ids of all its titles in a row, and where each title starts.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from meli_tasks.core.batch import Batch
from meli_tasks.core.hyperparameters import Train
from meli_tasks.core.ngram_bag import NgramBag
from meli_tasks.core.row_table import RowTable


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
        kept = torch.empty_like(values).bernoulli_(1.0 - self.share, generator=self.generator)
        return values * kept.div_(1.0 - self.share)


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
        self.words = RowTable(
            word_count, dimensions, trained=trained, every_row=params.optimizer == "adam", padding=True
        )
        width = self.pooled_width(dimensions)
        self.ngrams: NgramBag | None = None
        if params.ngram_dimensions:
            self.ngrams = NgramBag(ngram_count, params.ngram_dimensions, params.ngram_dropout, self.generator)
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

    def pooled(self, batch: Batch) -> Tensor:
        """A title's words as one vector: (B, pooled width)."""
        raise NotImplementedError

    def set_epoch(self, epoch: int) -> None:
        """Wakes the word vectors of a semi-frozen network when their epoch has come (epochs count from 1)."""
        self.words.awake = self.params.word_vectors != "semi_frozen" or epoch >= self.params.unfreeze_epoch

    def seed(self, seed: int, device: torch.device) -> None:
        """Gives the dropout a fresh stream on the device where the network lives."""
        self.generator = torch.Generator(device=device).manual_seed(seed)
        for module in self.modules():
            if isinstance(module, Dropout | NgramBag):
                module.generator = self.generator

    def forward(self, batch: Batch) -> Tensor:
        """Logits (B, K)."""
        values = self.pooled(batch)
        if self.ngrams is not None:
            values = torch.cat([values, self.ngrams(batch)], dim=1)
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

    def pooled(self, batch: Batch) -> Tensor:
        """The mean over the title's words, or in the lab's way over the batch's longest title."""
        local, vectors = self.words.lookup(batch.tokens)
        if not self.params.mean_over_padding:
            return functional.embedding_bag(local, vectors, batch.offsets, mode="mean", include_last_offset=True)
        total = functional.embedding_bag(local, vectors, batch.offsets, mode="sum", include_last_offset=True)
        return total / max(batch.longest, 1)

    def after_dense(self, values: Tensor) -> Tensor:
        """Dropout."""
        dropped: Tensor = self.dropout(values)
        return dropped


class CNN(TitleNetwork):
    """Filters over the words, ReLU, the maximum over each title's real windows; dropout before the dense layers.

    A title shorter than a filter has one window, padded with zeros. The lab's CNN without n-grams.
    """

    def __init__(
        self, params: Train, word_vectors_shape: tuple[int, int], ngram_count: int, category_count: int
    ) -> None:
        super().__init__(params, word_vectors_shape, ngram_count, category_count)
        self.convolutions = nn.ModuleList(
            nn.Conv1d(word_vectors_shape[1], params.filters, length) for length in params.filter_lengths
        )

    def pooled_width(self, dimensions: int) -> int:
        """A number a filter."""
        return self.params.filters * len(self.params.filter_lengths)

    def pooled(self, batch: Batch) -> Tensor:
        """Each filter's largest response in the title."""
        local, vectors = self.words.lookup(functional.pad(batch.tokens, (0, 1)))  # the last one is padding, id 0
        maxima = []
        for length, convolution in zip(self.params.filter_lengths, self.convolutions, strict=True):
            assert isinstance(convolution, nn.Conv1d)
            positions, counts = windows_of(batch.offsets, length, len(batch.tokens))
            # Only real windows are multiplied: padding would double the work on titles like ours.
            seen = functional.embedding(local[positions], vectors).flatten(1)  # (W, length * D)
            weight = convolution.weight.transpose(1, 2).flatten(1)  # (F, length * D)
            response = torch.relu(functional.linear(seen, weight, convolution.bias))
            maxima.append(torch.segment_reduce(response.float(), "max", lengths=counts, axis=0, unsafe=True))
        return torch.cat(maxima, dim=1)

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
