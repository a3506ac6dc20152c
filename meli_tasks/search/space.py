"""The search space: which parameters of the schema `Train` a search varies, and over which ranges.

It holds parameters of the stage train only: another tokenizer or other word vectors would cost each trial a preprocess
and an embed step of its own, which take longer than most training runs. Parameters that are not in the table keep the
value of the starting set, and so do those without any effect: the n-gram parameters of a set without n-grams.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from pydantic import JsonValue

from meli_tasks.core.hyperparameters import Train
from meli_tasks.search.trial import Params

Plain = str | int | float | bool
Use = Literal["always", "mlp", "cnn", "ngrams", "unreliable", "one_cycle"]

DIGITS = 3  # significant digits of a proposed number: 0.00312 trains like 0.0031187 and is easier to read


@dataclass(frozen=True)
class Numbers:
    """A range of numbers; `log` if ratios matter rather than differences."""

    low: float
    high: float
    log: bool = False
    use: Use = "always"


@dataclass(frozen=True)
class Choices:
    """A choice of values; empty for every choice in the schema. Lists are written as text, e.g. "256,128"."""

    values: tuple[Plain, ...] = ()
    use: Use = "always"


SPACE: dict[str, Numbers | Choices] = {
    "learning_rate": Numbers(3e-4, 3e-2, log=True),
    "batch_size": Choices((64, 128, 256, 512, 1_024, 2_048, 4_096)),
    "epochs": Numbers(2, 20),
    "weight_decay": Numbers(1e-6, 1.0, log=True),
    "dropout": Numbers(0.0, 0.7),
    "label_smoothing": Numbers(0.0, 0.3),
    "margin": Numbers(0.0, 8.0),
    "class_weights": Choices(),
    "logit_adjustment": Numbers(0.0, 1.5),
    "schedule": Choices(("one_cycle", "cosine")),  # both end at a learning rate of 0, so the last epoch may be kept
    "ema_decay": Choices((0.0, 0.99, 0.999)),
    "warmup_fraction": Numbers(0.0, 0.5, use="one_cycle"),
    "word_vectors": Choices(("frozen", "trained")),
    "unreliable_weight": Numbers(0.0, 1.0, use="unreliable"),
    "ngram_dimensions": Numbers(32, 512, log=True, use="ngrams"),
    "ngram_dropout": Numbers(0.0, 0.7, use="ngrams"),
    "word_dropout": Numbers(0.0, 0.4, use="ngrams"),
    "hidden": Choices(("", "128", "256", "512", "256,128")),
    "filters": Numbers(32, 512, log=True, use="cnn"),
    "filter_lengths": Choices(("1,2", "1,2,3", "2,3,4", "1,2,3,4"), use="cnn"),
}


@dataclass(frozen=True)
class Space:
    """The table, fitted to a starting set, whose own values can always be proposed."""

    start: Train
    distributions: Mapping[str, BaseDistribution]

    @classmethod
    def around(cls, start: Train, *, unreliable: bool, fixed: Collection[str] = (), devices: int = 1) -> Space:
        """Return the space of a search.

        Args:
            start: The parameters of the starting set.
            unreliable: Whether some training titles are marked as unreliable.
            fixed: Parameters that keep their value.
            devices: Devices that train one set together; batch sizes that they cannot share evenly are left out.
        """
        uses = {"always", start.architecture, *(("ngrams",) if start.ngram_dimensions else ())}
        uses |= {"unreliable"} if unreliable else set()
        uses |= {"one_cycle"} if start.schedule == "one_cycle" else set()
        found: dict[str, BaseDistribution] = {}
        for name, entry in SPACE.items():
            own = plain(getattr(start, name))
            if entry.use not in uses or name in fixed or (isinstance(entry, Numbers) and entry.log and own == 0):
                continue  # a logarithmic range has no 0: what the starting set switches off stays off
            found[name] = _distribution(name, entry, own)
        if isinstance(batch_sizes := found.get("batch_size"), CategoricalDistribution):
            sizes = [
                n for n in batch_sizes.choices if n == start.batch_size or (isinstance(n, int) and n % devices == 0)
            ]
            found["batch_size"] = CategoricalDistribution(sizes)
        return cls(start, found)

    def own_values(self) -> dict[str, Plain]:
        """Return the values of the searched parameters in the starting set."""
        return self.values_of(self.start)

    def values_of(self, params: Train) -> dict[str, Plain]:
        """Return the values of the searched parameters of a training run."""
        return {name: plain(getattr(params, name)) for name in self.distributions}

    def varies_only_this(self, params: Train) -> bool:
        """Return whether a training run differs from the starting set in searched parameters only."""
        rest = set(Train.model_fields) - set(self.distributions)
        return all(getattr(params, name) == getattr(self.start, name) for name in rest)

    def train(self, proposed: Mapping[str, Plain]) -> Params:
        """Return the parameters of a training run with these values, which `Train` has yet to validate."""
        params: Params = self.start.model_dump(mode="json")
        own = self.own_values()
        for name, value in proposed.items():
            if value != own[name]:
                params[name] = _parameter(name, value)
        return params


def plain(value: object) -> Plain:
    """Return the value of a parameter as the space holds it, with a list as text."""
    if isinstance(value, list | tuple):
        return ",".join(map(str, value))
    assert isinstance(value, str | int | float | bool), value
    return value


def _parameter(name: str, value: Plain) -> JsonValue:
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    if isinstance(value, str) and name in ("hidden", "filter_lengths"):
        return [int(part) for part in value.split(",") if part]
    return value


def _distribution(name: str, entry: Numbers | Choices, own: Plain) -> BaseDistribution:
    annotation = Train.model_fields[name].annotation
    if isinstance(entry, Choices):
        values = entry.values or tuple(choice for choice in get_args(annotation))
        return CategoricalDistribution(values if own in values else (*values, own))
    assert not isinstance(own, str), name
    low, high = min(entry.low, own), max(entry.high, own)
    if annotation is int:
        return IntDistribution(int(low), int(high), log=entry.log)
    return FloatDistribution(float(low), float(high), log=entry.log)
