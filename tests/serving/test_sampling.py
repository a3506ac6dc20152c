"""What the service tells monitoring of the titles that it answered: counts of a random sample, and no titles."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from meli_tasks.artifacts.manifest import ModelRef
from meli_tasks.artifacts.reading import LenientReader
from meli_tasks.core.errors import Rejected
from meli_tasks.core.title_profiler import KnownWords
from meli_tasks.monitoring.answered import ANSWERED
from meli_tasks.monitoring.findings import new_words
from meli_tasks.monitoring.monitor import Look, Monitor
from meli_tasks.monitoring.reference import load_reference
from meli_tasks.prediction.models import find_model, load
from meli_tasks.prediction.ranking import predict_titles
from meli_tasks.serving.answered import AnsweredDay, AnsweredTitles, answered_days
from meli_tasks.serving.batching import Answer
from meli_tasks.serving.sampling import Sample, Sampler
from meli_tasks.serving.served import Served
from meli_tasks.serving.service import Service
from meli_tasks.settings import Settings
from meli_tasks.store import Store
from tests.monitoring.stores import settings_of, titles, with_champion
from tests.past_run import PastRun
from tests.scoring.toy import ByLength
from tests.serving.running import Models, serving

REF = ModelRef("a" * 32, "b" * 64)
DAY = "2026-11-24"


def served(ref: ModelRef = REF, classifier: Any = None) -> Served:
    wanted: Any = SimpleNamespace(ref=ref)
    return Served(wanted, classifier or ByLength())


def answer(by: Served, requested: Sequence[str], reasons: Sequence[str] = ()) -> Answer:
    return Answer(by, predict_titles(by.classifier, requested, reasons or [""] * len(requested), 2))


def sampler(store: Store, *, with_examples: bool = False, days: Iterator[str] | None = None) -> Sampler:
    known = KnownWords.of("default", ["funda", "mesa"])
    return Sampler(
        store,
        60.0,
        with_examples=with_examples,
        known=lambda _: known,
        today=(lambda: next(days)) if days else (lambda: DAY),
    )


def add(to: Sampler, requested: Sequence[str], by: Served | None = None, reasons: Sequence[str] = ()) -> None:
    to.add(requested, reasons or [""] * len(requested), answer(by or served(), requested, reasons))


def stored(store: Store, ref: ModelRef = REF) -> list[AnsweredDay]:
    reader = LenientReader(store)
    found = list(answered_days(store, str(ref), "", 7, reader))
    assert not reader.skipped
    return found


def test_everything_is_counted_while_it_fits(file_store: Store) -> None:
    sampling = sampler(file_store)
    add(sampling, ["funda roja", "mesa", ""], reasons=["", "", "empty title"])
    sampling.store_all()
    add(sampling, ["qwertz"])
    sampling.store_all()
    [day] = stored(file_store)
    [counted] = day.processes
    profile = counted.profile
    assert (day.day, day.answered) == (DAY, 4)
    assert (profile.titles, profile.bad, profile.unknown_words, profile.unknown_titles) == (3, {"empty title": 1}, 2, 1)
    assert sum(profile.categories.values()) == 2


def test_a_sample_has_the_same_share_of_each_hour_though_one_was_busier() -> None:
    sample = Sample(served(), DAY, "one", most=2_000)
    sample._random = np.random.default_rng(5)
    for hour, size in enumerate([500, 20_000, 1, 9_499]):
        requested = [f"{hour}"] * size
        for start in range(0, size, 256):
            part = requested[start : start + 256]
            sample.add(part, [""] * len(part), answer(sample.served, part))
    kept = [each.title for each in sample.titles()]
    assert (len(kept), sample.answered) == (2_000, 30_000)
    shares = [kept.count(hour) / 2_000 for hour in "0123"]
    assert shares == pytest.approx([500 / 30_000, 20_000 / 30_000, 0, 9_499 / 30_000], abs=0.05)


def test_titles_and_rare_words_stay_out_of_the_store_unless_titles_are_logged(file_store: Store) -> None:
    requested = [*(f"funda plegable {row}" for row in range(5)), "fulana@correo", "Ã¡rbol roto"]
    for with_examples in (False, True):
        sampling = sampler(file_store, with_examples=with_examples)
        add(sampling, requested)
        sampling.store_all()
    texts = {blob.data.decode() for name in file_store.names("monitoring/") if (blob := file_store.read(name))}
    without, with_titles = sorted(texts, key=len)
    assert "plegable" in without
    assert not [word for word in ("plegable 0", "fulana", "roto", "árbol") if word in without]
    assert "funda plegable 0" in with_titles
    assert "roto" in with_titles


def test_a_swap_and_midnight_begin_new_samples_and_what_was_stored_stays(file_store: Store) -> None:
    days = iter([DAY, DAY, DAY, "2026-11-25", "2026-11-25"])
    sampling = sampler(file_store, days=days)
    other = served(ModelRef("c" * 32, "d" * 64))
    for by, requested in ((served(), "one"), (other, "two"), (served(), "three"), (served(), "four")):
        add(sampling, [requested], by)
        sampling.store_all()
    by_day = {day.day: day.answered for day in stored(file_store)}
    assert by_day == {DAY: 2, "2026-11-25": 1}
    assert [day.answered for day in stored(file_store, other.wanted.ref)] == [1]
    add(sampling, ["five"])
    sampling.store_all()
    assert [(day.answered, len(day.processes)) for day in stored(file_store)] == [(2, 2), (2, 1)]


def test_a_store_that_refuses_is_named_once_and_asked_again(
    file_store: Store, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    sampling = sampler(file_store)

    def refuse(*_: object) -> None:
        raise Rejected("read-only keys")

    with monkeypatch.context() as refused, caplog.at_level(logging.WARNING):
        refused.setattr(AnsweredTitles, "save", refuse)
        add(sampling, ["one"])
        sampling.store_all()
        sampling.store_all()
    assert [record.getMessage() for record in caplog.records] == [
        "Answered titles cannot be counted for monitoring: read-only keys"
    ]
    sampling.store_all()
    assert [day.answered for day in stored(file_store)] == [1]


def test_a_running_service_stores_its_counts_when_it_ends(tmp_path: Path) -> None:
    models = Models.make(tmp_path, "mlp")
    models.promote("mlp")
    requested = ["funda azul", "mesa"]
    with serving(models.store, tmp_path / "service") as running:
        running.predict(*requested)
    [day] = stored(models.store, models.run.trainings["mlp"].ref)
    assert (day.answered, len(day.processes), day.processes[0].profile.titles) == (2, 1, 2)


def test_without_seconds_nothing_is_counted(file_store: Store) -> None:
    service = Service.of(Settings(store=file_store.url, serving_count_seconds=0))
    service.batcher.stop()
    assert service.sampler is None


@pytest.fixture
def champion(file_store: Store, tmp_path: Path) -> PastRun:
    return with_champion(file_store, tmp_path / "model")


def look(champion: PastRun, tmp_path: Path) -> Look:
    return Monitor(settings_of(champion.store, tmp_path / "cache"), champion.store).look()


def test_monitoring_compares_what_was_answered(champion: PastRun, tmp_path: Path) -> None:
    classifier = load(settings_of(champion.store, tmp_path / "cache"), champion.store, find_model(champion.store))
    by = served(champion.trainings["mlp"].ref, classifier)
    days = iter([DAY, "2026-11-25", "2026-11-25"])
    processes = [Sampler(champion.store, 60.0, with_examples=True, today=lambda: next(days)) for _ in range(2)]
    add(processes[0], titles(1, 400), by)
    add(processes[0], titles(2, 30, strange=0.4), by)
    for process in processes:
        process.store_all()
    found = [result for result in look(champion, tmp_path).results if result.source == ANSWERED]
    assert [result.verdict for result in found] == [
        "no change",
        "not compared: The service answered 30 titles: 50 are needed.",
    ]
    add(processes[1], titles(3, 400, strange=0.4), by)
    processes[1].store_all()
    again = look(champion, tmp_path)
    [changed] = again.new
    assert (changed.day, changed.titles, changed.subject) == ("2026-11-25", 430, "430 answered titles")
    assert changed.alarms == ("unknown words", "confidence")
    assert changed.changes[0].examples[0].startswith("zxq: ")
    assert look(champion, tmp_path).new == ()


def test_a_sample_says_what_it_is_of_and_needs_no_examples(champion: PastRun, tmp_path: Path) -> None:
    look(champion, tmp_path)
    reference = load_reference(champion.store, champion.trainings["mlp"])
    assert reference
    same = reference.profile
    counted = AnsweredTitles(
        process="p-1", day=DAY, at=f"{DAY}T01:00:00+00:00", model=str(champion.trainings["mlp"].ref),
        answered=1_000_000, profile=same,
    )  # fmt: skip
    counted.save(champion.store)
    [result] = [each for each in look(champion, tmp_path).new if each.source == ANSWERED]
    assert result.verdict == "no change; a random sample of 1,000,000 titles"
    more = same.model_copy(update={"new_words": {"zxq": 300}, "new_word_examples": {}})
    assert new_words(same, more)[0].endswith("expected")
