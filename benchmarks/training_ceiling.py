"""The ceiling of a training step of the lab's sets: its unavoidable kernels, without a loop around them.

The matrix products, gathers, reductions, random numbers and Adam's update of one step, as torch's own kernels, in
float32, into memory that is already there, on data that is in place. Nothing is checked or logged.
What a step must compute: for a dense layer of m inputs and n outputs and B titles, 2 B m n floating-point operations
forward, as many for the gradient of the weights, and as many for that of the inputs (except in the first layer, whose
inputs are frozen); for Adam, 7 accesses of 4 bytes per weight: weight and both moments are read and written, the
gradient is read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import cycle, pairwise

import torch
from torch import Tensor
from torch.nn import functional
from torch.optim.adam import adam

from benchmarks.generated_rows import CATEGORIES, generated_rows
from meli_tasks.core.hyperparameters import Train
from meli_tasks.core.models.windows import windows_of

ADAM_ACCESSES = 7
BYTES = 4
DIFFERENT = 32
"""Gathers take the rows of this many batches in turn, so that they do not find them in the cache."""


@dataclass(frozen=True)
class Kernel:
    """A kernel of a step, with its floating-point operations and the bytes that it must move."""

    run: Callable[[], object]
    operations: int = 0
    moved: int = 0


class Ceiling:
    """The kernels of one step."""

    def __init__(self, params: Train, vectors: Tensor) -> None:
        self.params, self.size = params, params.batch_size
        self.kernels: list[Kernel] = []
        self.weights: list[Tensor] = []
        width = self._mlp(vectors) if params.architecture == "mlp" else self._cnn(vectors)
        widths = [width, *params.hidden, CATEGORIES]
        for layer, (inputs, outputs) in enumerate(pairwise(widths)):
            self._product(self.size, inputs, outputs, into_inputs=layer > 0 or params.architecture == "cnn")
            if outputs != CATEGORIES:
                self._elementwise(self.size * outputs, torch.relu_)
            if outputs != CATEGORIES and params.architecture == "mlp":
                self._dropout(self.size * outputs)
        self._loss()
        self._adam()

    @property
    def operations(self) -> int:
        """Floating-point operations of the matrix products of a step."""
        return sum(kernel.operations for kernel in self.kernels)

    @property
    def moved(self) -> int:
        """Bytes that gathers and Adam move in a step."""
        return sum(kernel.moved for kernel in self.kernels)

    @torch.no_grad()
    def run(self, steps: int) -> None:
        """Run the kernels of some steps."""
        for _ in range(steps):
            for kernel in self.kernels:
                kernel.run()

    def _gather(self, table: Tensor, batches: Sequence[Tensor]) -> None:
        longest = torch.empty(max(map(len, batches)), table.shape[1])
        pairs = cycle([(ids, longest[: len(ids)]) for ids in batches])

        def gather() -> None:
            ids, out = next(pairs)
            torch.index_select(table, 0, ids, out=out)

        number = sum(map(len, batches)) // len(batches)
        self.kernels.append(Kernel(gather, moved=2 * BYTES * number * table.shape[1]))

    def _product(self, rows: int, inputs: int, outputs: int, *, into_inputs: bool, biases: int | None = None) -> None:
        """The product of a layer, forward and for its gradients. It has as many biases as outputs, unless stated."""
        values, weight, upstream = torch.randn(rows, inputs), torch.randn(outputs, inputs), torch.randn(rows, outputs)
        out, of_weight, of_inputs = torch.empty_like(upstream), torch.empty_like(weight), torch.empty_like(values)
        operations = 2 * rows * inputs * outputs
        self.kernels.append(Kernel(lambda: torch.mm(values, weight.t(), out=out), operations))
        self.kernels.append(Kernel(lambda: torch.mm(upstream.t(), values, out=of_weight), operations))
        if into_inputs:
            self.kernels.append(Kernel(lambda: torch.mm(upstream, weight, out=of_inputs), operations))
        self.weights += [weight, torch.zeros(outputs if biases is None else biases)]

    def _elementwise(self, number: int, function: Callable[..., Tensor]) -> None:
        """A function of each activation, forward, and a product with its derivative."""
        values, out = torch.randn(number), torch.empty(number)
        self.kernels.append(Kernel(lambda: function(values)))
        self.kernels.append(Kernel(lambda: torch.mul(values, out, out=out)))

    def _dropout(self, number: int) -> None:
        """Random numbers of 16 bits, and two products."""
        draws, values, out = torch.empty(number // 4 + 1, dtype=torch.int64), torch.ones(number), torch.ones(number)
        self.kernels.append(Kernel(lambda: draws.random_(-(2**63), None)))
        self.kernels += [Kernel(lambda: torch.mul(values, out, out=out))] * 2

    def _mlp(self, vectors: Tensor) -> int:
        """A batch of pooled titles."""
        table = torch.randn(DIFFERENT * self.size, vectors.shape[1])
        self._gather(table, torch.split(torch.randperm(len(table)), self.size))
        return int(vectors.shape[1])

    def _cnn(self, vectors: Tensor) -> int:
        """The distinct words of a batch times the filters, their sum by window, and the largest of each title.

        Words are multiplied, not windows: that is a fifth less work in the products and a tenth of the gathers.
        """
        _, batch = next(generated_rows(self.size).titles().batches(torch.arange(self.size), self.size))
        words, filters = len(batch.tokens), self.params.filters
        stream = torch.from_numpy(generated_rows(2 * DIFFERENT * self.size).tokens).long()
        distinct = [torch.unique(part) for part in torch.split(stream, words)[:DIFFERENT]]
        number = sum(map(len, distinct)) // DIFFERENT + 1  # with the padding
        self._gather(vectors, distinct)
        widths = torch.full((self.size,), max(batch.longest, *self.params.filter_lengths))
        for length in self.params.filter_lengths:
            windows, counts = windows_of(batch.offsets, length, words, widths)
            self._product(number, vectors.shape[1], length * filters, into_inputs=False, biases=filters)
            self._sum_of_words(torch.randint(number, windows.shape), filters, number)
            self._maximum(counts, filters)
        width = filters * len(self.params.filter_lengths)
        self._elementwise(self.size * width, torch.relu_)
        self._dropout(self.size * width)
        return width

    def _sum_of_words(self, windows: Tensor, filters: int, words: int) -> None:
        """The responses of the words of each window, added up, and the gradient of each word's response."""
        length = windows.shape[1]
        places = windows * length + torch.arange(length)
        parts = torch.randn(words * length, filters, requires_grad=True)
        upstream = torch.randn(len(windows), filters)
        with torch.enable_grad():
            summed = functional.embedding_bag(places, parts, mode="sum")
        frozen = parts.detach()
        self.kernels.append(Kernel(lambda: functional.embedding_bag(places, frozen, mode="sum")))
        self.kernels.append(Kernel(lambda: torch.autograd.grad(summed, parts, upstream, retain_graph=True)))

    def _maximum(self, counts: Tensor, filters: int) -> None:
        title = torch.repeat_interleave(torch.arange(len(counts)), counts)
        responses, largest = torch.randn(len(title), filters), torch.empty(len(counts), filters)
        places, spread = title[:, None].expand_as(responses), torch.empty_like(responses)
        self.kernels.append(Kernel(lambda: largest.scatter_reduce_(0, places, responses, "amax", include_self=False)))
        self.kernels.append(Kernel(lambda: torch.index_select(largest, 0, title, out=spread)))

    def _loss(self) -> None:
        """The logarithms of the probabilities, the loss, and its gradient: the probabilities, one less at the label."""
        logits, labels = torch.randn(self.size, CATEGORIES), torch.randint(CATEGORIES, (self.size,))
        if self.params.sigmoid_before_loss:
            self._elementwise(logits.numel(), torch.sigmoid_)
        self.kernels.append(Kernel(lambda: torch.nn.functional.cross_entropy(logits, labels, reduction="sum")))
        logarithms, gradient = torch.log_softmax(logits, 1), torch.empty_like(logits)
        places, one_less = labels[:, None], torch.full((self.size, 1), -1.0)
        self.kernels.append(Kernel(lambda: torch.exp(logarithms, out=gradient)))
        self.kernels.append(Kernel(lambda: gradient.scatter_add_(1, places, one_less).div_(self.size)))

    def _adam(self) -> None:
        """Torch's fused step over the dense layers, all that trains: the word vectors are frozen."""
        gradients, first, second = ([torch.full_like(weight, 1e-3) for weight in self.weights] for _ in range(3))
        steps, params = [torch.zeros(()) for _ in self.weights], self.params
        weights = self.weights

        def update() -> None:
            adam(
                weights, gradients, first, second, [], steps, fused=True, amsgrad=False, beta1=0.9, beta2=0.999,
                lr=params.learning_rate, weight_decay=params.weight_decay, eps=1e-8, maximize=False,
            )  # fmt: skip

        moved = ADAM_ACCESSES * BYTES * sum(weight.numel() for weight in self.weights)
        self.kernels.append(Kernel(update, moved=moved))
