"""What a search varies, and how far: the one table of it, in the words of the schema `Train`.

Only the training's parameters: another tokenizer or other word vectors would cost each trial a preprocess and an embed
of its own, more than most trainings. What the table does not name stays as the starting set has it, and so does what
would change nothing: the n-grams' parameters of a set without n-grams.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from meli_tasks.core.hyperparameters import Train

Plain = str | int | float | bool
Use = Literal["always", "mlp", "cnn", "ngrams", "unreliable", "one_cycle"]

DIGITS = 3  # of a proposed number: 0.00312 trains like 0.0031187 and can be read


@dataclass(frozen=True)
class Numbers:
    """A range of numbers; `log` where a factor counts, not a difference."""

    low: float
    high: float
    log: bool = False
    use: Use = "always"


@dataclass(frozen=True)
class Choices:
    """Several values; empty for every choice that the schema has. Lists are written as text, "256,128"."""

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
    "schedule": Choices(("one_cycle", "cosine")),  # both end at nothing, so the last epoch may be kept
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
    """The table, fitted to a starting set: its own values are always among those that can be proposed."""

    start: Train
    distributions: Mapping[str, BaseDistribution]

    @classmethod
    def around(cls, start: Train, *, unreliable: bool, fixed: Collection[str] = (), cards: int = 1) -> Space:
        """The space of a search. `unreliable`: some training titles are marked so; `fixed`: what stays as it is.

        `cards` that train one set together share its batches evenly: other sizes are left out.
        """
        uses = {"always", start.architecture, *(("ngrams",) if start.ngram_dimensions else ())}
        uses |= {"unreliable"} if unreliable else set()
        uses |= {"one_cycle"} if start.schedule == "one_cycle" else set()
        found: dict[str, Any] = {}
        for name, entry in SPACE.items():
            own = plain(getattr(start, name))
            if entry.use not in uses or name in fixed or (isinstance(entry, Numbers) and entry.log and own == 0):
                continue  # a logarithmic range has no 0: a set that switches something off keeps it off
            found[name] = _distribution(name, entry, own)
        if "batch_size" in found:
            own = start.batch_size
            sizes = [size for size in found["batch_size"].choices if size == own or size % cards == 0]
            found["batch_size"] = CategoricalDistribution(sizes)
        return cls(start, found)

    def own_values(self) -> dict[str, Plain]:
        """The starting set's values of what is searched."""
        return self.values_of(self.start)

    def values_of(self, params: Train) -> dict[str, Plain]:
        """A training's values of what is searched."""
        return {name: plain(getattr(params, name)) for name in self.distributions}

    def varies_only_this(self, params: Train) -> bool:
        """Whether a training differs from the starting set in nothing but what is searched."""
        rest = set(Train.model_fields) - set(self.distributions)
        return all(getattr(params, name) == getattr(self.start, name) for name in rest)

    def train(self, proposed: Mapping[str, Any]) -> dict[str, Any]:
        """The plain parameters of a training with these values: what `Train` is to check."""
        params = self.start.model_dump(mode="json")
        own = self.own_values()
        for name, value in proposed.items():
            if value != own[name]:
                params[name] = _parameter(name, value)
        return params


def plain(value: Any) -> Plain:
    """A parameter's value as the space holds it: a list as text."""
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else value


def _parameter(name: str, value: Plain) -> Any:
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
