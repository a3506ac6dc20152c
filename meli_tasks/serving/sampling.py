"""A random sample of the titles that the service answered, counted and stored now and then for monitoring."""

from __future__ import annotations

import heapq
import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from secrets import token_hex
from typing import TYPE_CHECKING, cast

import numpy as np

from meli_tasks.core.errors import MeliError
from meli_tasks.core.title_profiler import KnownWords, Predicted, TitleProfiler
from meli_tasks.serving.answered import AnsweredTitles
from meli_tasks.serving.batching import Answer
from meli_tasks.serving.served import Served
from meli_tasks.store import Store

if TYPE_CHECKING:
    from meli_tasks.core.models.ensemble import Classifier
    from meli_tasks.core.title_profile import TitleProfile

logger = logging.getLogger("meli_tasks")

MOST_TITLES = 20_000
"""Of a process and a day: their shares of anything are exact to half a percent, and they take a few megabytes."""
_CHUNK = 128
"""Titles counted at once, in about a millisecond, before the threads that answer have their turn."""

_FEWEST_OF_A_WORD = 5
"""A new word is stored only if the sample has it this often: a rarer one may be private, and changes no statistic."""
_LAST_SECONDS = 10.0
"""For counting a last time at the end: the store may not answer, and Kubernetes kills after 30."""


@dataclass(frozen=True, order=True)
class _Title:
    key: float
    title: str = field(compare=False)
    reason: str = field(compare=False)
    category: str = field(compare=False)
    probability: float | None = field(compare=False)


class Sample:
    """A uniform sample of the titles that one model answered on one day: those with the highest of random keys."""

    def __init__(self, served: Served, day: str, process: str, most: int = MOST_TITLES) -> None:
        self.served = served
        self.day = day
        self.process = process
        self.answered = 0
        self.counted = 0
        """How many titles had been answered when the sample was last stored."""
        self._most = most
        self._titles: list[_Title] = []
        self._random = np.random.default_rng()

    def add(self, titles: Sequence[str], reasons: Sequence[str], answer: Answer) -> None:
        """Add what was answered."""
        found = answer.predictions
        keys = self._random.random(len(titles))
        least = self._titles[0].key if len(self._titles) == self._most else -1.0
        for row in np.flatnonzero(keys > least).tolist():
            title = _Title(keys[row], titles[row], reasons[row], found.category[row], found.probability[row])
            if len(self._titles) < self._most:
                heapq.heappush(self._titles, title)
            else:
                heapq.heappushpop(self._titles, title)
        self.answered += len(titles)

    def titles(self) -> list[_Title]:
        """The titles of the sample."""
        return list(self._titles)


class Sampler:
    """Keeps a sample for each model and day, and stores the profile of each, in a thread of its own.

    Args:
        store: where.
        seconds: between two times.
        with_examples: whether titles may be stored as examples of new words and broken characters.
        known: the words that a model knows.
        today: the day.
        pause: lets other threads have their turn.
    """

    def __init__(
        self,
        store: Store,
        seconds: float,
        *,
        with_examples: bool,
        known: Callable[[Served], KnownWords] | None = None,
        today: Callable[[], str] = lambda: datetime.now(UTC).date().isoformat(),
        pause: Callable[[], None] = lambda: time.sleep(0),
    ) -> None:
        self._store = store
        self._seconds = seconds
        self._with_examples = with_examples
        self._known = known or _words_of
        self._today = today
        self._pause = pause
        self._samples: dict[tuple[str, str], Sample] = {}
        self._changing = threading.Lock()
        self._process = token_hex(4)
        self._made = 0
        self._problem = ""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._work, name="sampler", daemon=True)

    def start(self) -> None:
        """Store the samples now and then, from now on."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread, which stores the samples a last time."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(_LAST_SECONDS)
        if self._thread.is_alive():
            logger.warning("Titles that were answered since the last count are not counted.")

    def add(self, titles: Sequence[str], reasons: Sequence[str], answer: Answer) -> None:
        """Sample what was answered."""
        day, ref = self._today(), str(answer.served.wanted.ref)
        with self._changing:
            sample = self._samples.get((ref, day))
            if sample is None:
                # Never the name of an earlier sample, which would be overwritten by one of fewer titles.
                self._made += 1
                sample = Sample(answer.served, day, f"{self._process}-{self._made}")
                self._samples[ref, day] = sample
            sample.add(titles, reasons, answer)

    def store_all(self) -> None:
        """Store each sample that has grown, and drop those of earlier days and models."""
        with self._changing:
            samples = list(self._samples.items())
        for (ref, day), sample in samples:
            with self._changing:
                answered, titles = sample.answered, sample.titles()
            if answered != sample.counted and not self._save(sample, ref, answered, titles):
                continue  # it is tried again next time
            sample.counted = answered
            with self._changing:
                newest = next(reversed(self._samples))
                if (ref, day) != newest and sample.answered == answered:
                    del self._samples[ref, day]

    def _save(self, sample: Sample, ref: str, answered: int, titles: Sequence[_Title]) -> bool:
        counted = AnsweredTitles(
            process=sample.process,
            day=sample.day,
            at=datetime.now(UTC).isoformat(timespec="seconds"),
            model=ref,
            answered=answered,
            profile=self._profile(sample.served, titles),
        )
        try:
            counted.save(self._store)
        except MeliError as error:
            if str(error) != self._problem:
                logger.warning("Answered titles cannot be counted for monitoring: %s", error)
            self._problem = str(error)
            return False
        self._problem = ""
        return True

    def _profile(self, served: Served, titles: Sequence[_Title]) -> TitleProfile:
        profiler = TitleProfiler(self._known(served))
        for start in range(0, len(titles), _CHUNK):
            part = titles[start : start + _CHUNK]
            predicted = Predicted([each.category for each in part], [each.probability for each in part])
            profiler.add([each.title for each in part], [each.reason for each in part], predicted)
            self._pause()
        profile = profiler.profile()
        if self._with_examples:
            return profile
        words = {word: times for word, times in profile.new_words.items() if times >= _FEWEST_OF_A_WORD}
        return profile.model_copy(update={"new_words": words, "new_word_examples": {}, "broken_examples": ()})

    def _work(self) -> None:
        while not self._stopping.wait(self._seconds):
            self._store_whatever_happens()
        self._store_whatever_happens()

    def _store_whatever_happens(self) -> None:
        try:
            self.store_all()
        except Exception:  # the service must outlive whatever a store can do
            logger.exception("Answered titles could not be counted for monitoring")


def _words_of(served: Served) -> KnownWords:
    return KnownWords.of_model(cast("Classifier", served.classifier))
