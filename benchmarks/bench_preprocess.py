"""Part `preprocess`: titles to arrays compared with the lab's functions, and CSV.gz to arrays as rows grow.

    python -m benchmarks preprocess --rows 50000,500000,5000000,20000000

The lab's functions are reimplemented with the packages that it used: gensim's filters and NLTK's word_tokenize, then
stop words and short words dropped, title by title. Both sides must produce identical tokens. If NLTK is not installed
(`pip install nltk`; none of its data is needed here), a rate recorded on another machine is used instead, and the
figure says so.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from gensim.parsing import preprocessing as gensim_filters
from numpy.typing import NDArray

from benchmarks.figures import Figure, Options, Target, at_least, at_most
from benchmarks.isolated import Clock, Cost, run_isolated
from benchmarks.listings import read
from benchmarks.steps import Step, Steps, titles_file, titles_note
from meli_tasks.core.hyperparameters import Preprocess
from meli_tasks.core.sample.generator import sample
from meli_tasks.core.text.stop_words import SPANISH
from meli_tasks.stages.encoding.title_arrays import ROWS_A_BATCH
from meli_tasks.stages.encoding.word_numbers import WordNumbers, pieces_of
from meli_tasks.stages.files.prefetch import prefetch
from meli_tasks.stages.summaries import PreprocessSummary

RECORDED_TITLES_PER_SECOND = 7_300
TITLES_OF_THE_LAB = 20_000
GENERATED_TITLES = 500_000
ROUNDS = 3
ROWS = (50_000, 500_000)
SMALL_ROWS = (2_000, 4_000)
TITLES_AT_ONCE = 50_000
"""The size of a row group of ingest, which preprocess reads at a time."""
FULL_ROWS = 20_000_000
FULL_SECONDS, FULL_MEGABYTES = 360, 4_000


def lab_words(title: str) -> list[str]:
    """The words of one title according to the lab's functions."""
    from nltk.tokenize import word_tokenize

    text = gensim_filters.strip_tags(title.lower())
    text = gensim_filters.strip_numeric(gensim_filters.strip_punctuation(text))
    # One line: without punctuation no sentence ends.
    return [word for word in word_tokenize(text, preserve_line=True) if word not in SPANISH and len(word) >= 3]


def our_words(titles: pa.StringArray) -> list[tuple[NDArray[Any], NDArray[Any], WordNumbers]]:
    """The stage's own way from titles to word numbers, batch by batch."""
    numbers = WordNumbers("lab", max(ROWS_A_BATCH, 1))
    batches = (titles.slice(low, TITLES_AT_ONCE) for low in range(0, len(titles), TITLES_AT_ONCE))
    cut = (pieces_of(pa.concat_arrays([batch]), "lab") for batch in batches)
    return [(*numbers.encode(pieces), numbers) for pieces in prefetch(cut)]


def rate(work: Callable[[], object], titles: int) -> tuple[float, float]:
    """Titles per second of wall time and of CPU time, each the best of several rounds."""
    times = []
    for _ in range(ROUNDS):
        clock = Clock()
        work()
        times.append(clock.read())
    return titles / min(seconds for seconds, _ in times), titles / min(cpu_seconds for _, cpu_seconds in times)


def identical(titles: list[str]) -> bool:
    """Whether both ways find the same words, title by title."""
    (tokens, lengths, numbers), *_ = our_words(pa.array(titles[:TITLES_AT_ONCE], pa.string()))
    words = [numbers.words[number] for number in tokens.tolist()]
    bounds = pairwise([0, *np.cumsum(lengths).tolist()])
    return [words[low:high] for low, high in bounds] == [lab_words(title) for title in titles[:TITLES_AT_ONCE]]


def compare_with_lab(name: str, titles: list[str], note: str, small: bool) -> list[Figure]:
    """Our rate over the lab's, in wall time and in CPU time."""
    some = titles[: 500 if small else TITLES_OF_THE_LAB]
    theirs = (float(RECORDED_TITLES_PER_SECOND), float(RECORDED_TITLES_PER_SECOND))
    how = "NLTK is not installed: the lab's rate was recorded on another machine, tokens not compared"
    if importlib.util.find_spec("nltk"):
        if not identical(some):
            raise AssertionError("the lab's functions find other words than the tokenizer 'lab'")
        theirs = rate(lambda: [lab_words(title) for title in some], len(some))
        how = f"tokens identical, compared on {len(some):,} titles"
    column = pa.array(titles, pa.string())
    ours = rate(lambda: our_words(column), len(titles))
    targets: tuple[Target | None, ...] = (at_least(100, "ratio"), None)
    return [
        Figure(f"{name}: lab words to arrays", our_rate, unit, their_rate, target=target, note=f"{note}; {how}")
        for our_rate, their_rate, unit, target in zip(ours, theirs, ("titles/s", "titles/CPU-s"), targets, strict=True)
    ]


def csv_to_arrays(source: str, work: str, params: dict[str, Any]) -> dict[str, Any]:
    """Runs ingest and preprocess in this process; returns their costs by name, and the titles per split."""
    steps = Steps(Path(work), Path(source))
    prepared = steps.run("preprocess", {"ingest": steps.listings}, Preprocess.model_validate(params))
    return {"costs": steps.costs, "titles": PreprocessSummary.model_validate(Step.read(prepared).summary).titles}


@dataclass(frozen=True)
class Growth:
    """What one size took: the whole process, (seconds, CPU seconds) per stage, and the titles per split."""

    cost: Cost
    stages: dict[str, tuple[float, float]]
    titles: dict[str, int]

    @property
    def cpu_seconds(self) -> float:
        """CPU time of the stages, without Python's start and imports."""
        return sum(cpu for _, cpu in self.stages.values())


def measure(options: Options, rows: int) -> Growth:
    """Runs one size in its own process."""
    work = options.work / str(rows)
    work.mkdir(parents=True)
    source = str(work / "titles.csv.gz")
    run_isolated("benchmarks.bench_growth:write_titles", {"path": source, "rows": rows}, options.threads)
    arguments = {"source": source, "work": str(work), "params": Preprocess().model_dump(mode="json")}
    result, cost = run_isolated("benchmarks.bench_preprocess:csv_to_arrays", arguments, options.threads)
    return Growth(cost, result["costs"], result["titles"])


def figures_of(rows: int, growth: Growth) -> list[Figure]:
    """Wall time and peak memory at one size; 20 million rows have a target."""
    cost = growth.cost
    stages = ", ".join(f"{name} {cpu:.1f} CPU-s" for name, (_, cpu) in growth.stages.items())
    note = f"{rows / cost.seconds:,.0f} rows/s, {rows / cost.cpu_seconds:,.0f} rows/CPU-s; {stages}"
    seconds, megabytes = (at_most(FULL_SECONDS), at_most(FULL_MEGABYTES)) if rows >= FULL_ROWS else (None, None)
    return [
        Figure(f"{rows:,} rows, CSV.gz to arrays", cost.seconds, "s", target=seconds, note=note),
        Figure(f"{rows:,} rows: peak memory", cost.peak_megabytes, "MB", target=megabytes),
    ]


def run(options: Options) -> list[Figure]:
    """The ratio on the source's titles and on generated ones, then each size; writes csv_to_arrays.json."""
    steps = Steps(options.work, titles_file(options))
    titles = read(steps.listings, "train").titles
    figures = compare_with_lab(f"{len(titles):,} titles", titles, titles_note(options), options.small)
    rows = SMALL_ROWS[0] if options.small else GENERATED_TITLES
    generated = [title for chunk in sample(rows) for title in chunk["title"]]
    figures += compare_with_lab(f"{rows:,} generated titles", generated, "generated", options.small)
    sizes = options.rows or (SMALL_ROWS if options.small else ROWS)
    by_size = {rows: measure(options, rows) for rows in sorted(sizes)}
    stored = {rows: asdict(growth) for rows, growth in by_size.items()}
    (options.out / "csv_to_arrays.json").write_text(json.dumps(stored, indent=1), encoding="utf-8")
    figures += [figure for rows, growth in by_size.items() for figure in figures_of(rows, growth)]
    least, most = min(by_size), max(by_size)
    if most > least:
        each = {rows: by_size[rows].cpu_seconds / rows * 1e6 for rows in (least, most)}
        name = f"cost per million rows: {most:,} rows compared with {least:,}"
        figures.append(Figure(name, each[most], "CPU-s", baseline=each[least], note="a ratio of 1 is linear growth"))
    return figures
