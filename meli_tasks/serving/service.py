"""The parts of the service, and how they start and end."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from functools import partial
from typing import Self

from meli_tasks.serving.batching import Answer, Batcher, NoModel
from meli_tasks.serving.following import Follower
from meli_tasks.serving.keys import Keys
from meli_tasks.serving.metrics import Metrics
from meli_tasks.serving.sampling import Sampler
from meli_tasks.serving.served import Find, Load, finder, load_served
from meli_tasks.serving.shadow import Shadow
from meli_tasks.settings import Settings


class Service:
    """Answers requests with the model that should answer.

    Args:
        settings: of `meli serve`, with its options.
        find: tells which model should answer.
        load: loads it.
        shadow: tells which model works in shadow; None for none.
        sampler: counts answered titles for monitoring; None if they are not counted.

    Raises:
        BadSettings: its keys cannot be used.
        MeliError: the model in shadow cannot be loaded.
    """

    def __init__(
        self, settings: Settings, find: Find, load: Load, shadow: Find | None = None, sampler: Sampler | None = None
    ) -> None:
        self.settings = settings
        self.keys = Keys.of(settings)
        self.metrics = Metrics()
        self.shadow = Shadow(load(shadow()), self.metrics) if shadow else None
        self.sampler = sampler
        self.batcher = Batcher(settings.serving_queue, self.metrics.batch_titles.observe)
        self.follower = Follower(find, load, self.batcher, self.metrics, seconds=settings.serving_refresh_seconds)

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The service that the settings describe.

        Raises:
            MeliError: a model that was named is not there, or the store or the keys cannot be used.
        """
        store = settings.open_store()
        shadow = finder(store, settings.serving_shadow) if settings.serving_shadow else None
        find, load = finder(store, settings.serving_model), partial(load_served, settings, store)
        seconds = settings.serving_count_seconds
        sampler = Sampler(store, seconds, with_examples=settings.serving_log_titles) if seconds else None
        return cls(settings, find, load, shadow, sampler)

    @property
    def not_ready(self) -> str:
        """Why no title can be classified."""
        return self.follower.problem or "The model is being loaded."

    def start(self) -> None:
        """Load the model, and follow the champion from now on."""
        self.follower.start()
        if self.sampler:
            self.sampler.start()

    def stop(self) -> None:
        """Answer what is waiting, and end all threads."""
        self.follower.stop()
        self.batcher.stop()
        if self.shadow:
            self.shadow.stop()
        if self.sampler:
            self.sampler.stop()

    def submit(self, titles: Sequence[str], reasons: Sequence[str], top: int) -> Future[Answer]:
        """Have titles classified; see `Batcher.submit`."""
        if self.batcher.served is None:
            raise NoModel(self.not_ready)
        return self.batcher.submit(titles, reasons, top)

    def note(self, titles: Sequence[str], reasons: Sequence[str], answer: Answer, abstain_below: float) -> None:
        """Count and sample what was answered, and have the model in shadow classify the same titles."""
        unusable = sum(map(bool, reasons))
        unknown = answer.predictions.known.count(False)
        abstained = sum(value is not None and value < abstain_below for value in answer.predictions.probability)
        counted = {
            "classified": len(titles) - unusable - unknown - abstained,
            "abstained": abstained,
            "unknown": unknown,
            "unusable": unusable,
        }
        for result, number in counted.items():
            if number:
                self.metrics.titles.labels(result).inc(number)
        if self.shadow:
            self.shadow.compare(titles, reasons, answer)
        if self.sampler:
            self.sampler.add(titles, reasons, answer)
