"""Part `preprocess`: titles to arrays against the lab's functions, tokens identical; and CSV.gz to arrays as rows grow.

    python -m benchmarks preprocess --rows 50000,500000,5000000,20000000

The lab's functions, told anew: gensim's filters, NLTK's word_tokenize, stop words and short words dropped, title by
title, with the packages it used. Where NLTK is not installed (`pip install nltk`; it needs none of its data here), what
was recorded of them on another machine stands in, and the figure says so.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from gensim.parsing import preprocessing as gensim_filters

from benchmarks.apart import Clock, run_apart
from benchmarks.figures import Figure, Options, at_least, at_most
from benchmarks.listings import read
from benchmarks.steps import Steps, titles_file, told
from meli_tasks.core.hyperparameters import Ingest, Preprocess
from meli_tasks.core.sample.generator import sample
from meli_tasks.core.text.stop_words import SPANISH
from meli_tasks.stages import STAGES
from meli_tasks.stages.encoding.title_arrays import ROWS_A_BATCH
from meli_tasks.stages.encoding.word_numbers import WordNumbers, pieces_of
from meli_tasks.stages.files.prefetch import prefetch
from meli_tasks.stages.hooks import Hooks

RECORDED_TITLES_PER_SECOND = 7_300
TITLES_OF_THE_LAB = 20_000
GENERATED_TITLES = 500_000
TIMES = 3
ROWS = (50_000, 500_000)
SMALL_ROWS = (2_000, 4_000)
TITLES_AT_ONCE = 50_000
"""What ingest puts into a row group, and preprocess reads at once."""
FULL_ROWS = 20_000_000
FULL_SECONDS, FULL_MEGABYTES = 360, 4_000


def lab_words(title: str) -> list[str]:
    """The words of one title, by the lab's functions."""
    from nltk.tokenize import word_tokenize

    text = gensim_filters.strip_tags(title.lower())
    text = gensim_filters.strip_numeric(gensim_filters.strip_punctuation(text))
    # One line: no sentence has an end once punctuation is gone.
    return [word for word in word_tokenize(text, preserve_line=True) if word not in SPANISH and len(word) >= 3]


def our_words(titles: pa.StringArray) -> list[tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], WordNumbers]]:
    """The stage's own way from titles to numbers of words, batch by batch."""
    numbers = WordNumbers("lab", max(ROWS_A_BATCH, 1))
    batches = (titles.slice(low, TITLES_AT_ONCE) for low in range(0, len(titles), TITLES_AT_ONCE))
    cut = (pieces_of(pa.concat_arrays([batch]), "lab") for batch in batches)
    return [(*numbers.encode(pieces), numbers) for pieces in prefetch(cut)]


def rate(work: Callable[[], object], titles: int) -> dict[str, float]:
    """Titles a second by the clock and of processor time, the best of some times."""
    seen = []
    for _ in range(TIMES):
        clock = Clock()
        work()
        seen.append(clock.read())
    return {
        "titles_per_second": titles / min(seconds for seconds, _ in seen),
        "titles_per_cpu_second": titles / min(cpu_seconds for _, cpu_seconds in seen),
    }


def identical(titles: list[str]) -> bool:
    """Whether both ways find the same words, title by title."""
    (tokens, lengths, numbers), *_ = our_words(pa.array(titles[:TITLES_AT_ONCE], pa.string()))
    words = [numbers.words[number] for number in tokens.tolist()]
    bounds = pairwise([0, *np.cumsum(lengths).tolist()])
    return [words[low:high] for low, high in bounds] == [lab_words(title) for title in titles[:TITLES_AT_ONCE]]


def against_the_lab(name: str, titles: list[str], note: str, small: bool) -> list[Figure]:
    """Our rate over theirs, by the clock and by processor time."""
    some = titles[: 500 if small else TITLES_OF_THE_LAB]
    theirs = dict.fromkeys(("titles_per_second", "titles_per_cpu_second"), float(RECORDED_TITLES_PER_SECOND))
    told_how = f"{note}; NLTK is not installed: its rate as recorded on another machine, its tokens not compared"
    if importlib.util.find_spec("nltk"):
        if not identical(some):
            raise AssertionError("the lab's functions find other words than tokenizer 'lab'")
        theirs = rate(lambda: [lab_words(title) for title in some], len(some))
        told_how = f"{note}; tokens identical, compared on {len(some):,} titles"
    column = pa.array(titles, pa.string())
    ours = rate(lambda: our_words(column), len(titles))
    return [
        Figure(f"{name}: lab words to arrays", ours[key], unit, theirs[key], target=target, note=told_how)
        for key, unit, target in (
            ("titles_per_second", "titles/s", at_least(100, "ratio")),
            ("titles_per_cpu_second", "titles/CPU-s", None),
        )
    ]


def csv_to_arrays(source: str, work: str, params: dict[str, Any]) -> dict[str, Any]:
    """Ingest and preprocess in this process: seconds and processor seconds of each, titles and words."""
    found: dict[str, Any] = {}
    clock = Clock()
    for name, inputs, given in (
        ("ingest", {"source": Path(source)}, Ingest()),
        ("preprocess", {"ingest": Path(work) / "ingest"}, Preprocess.model_validate(params)),
    ):
        (Path(work) / name).mkdir(parents=True)
        summary = STAGES[name].load().run(inputs, Path(work) / name, given, Hooks())
        seconds, cpu_seconds = clock.read()
        found[name] = {"seconds": seconds, "cpu_seconds": cpu_seconds}
        clock = Clock()
    return found | summary.model_dump(include={"titles", "words", "ngrams"})


def grown(options: Options, rows: int) -> dict[str, Any]:
    """One size: what the whole way took, in a process of its own."""
    work = options.work / str(rows)
    work.mkdir(parents=True)
    source = str(work / "titles.csv.gz")
    run_apart("benchmarks.bench_growth:write_titles", {"path": source, "rows": rows}, options.threads)
    asked = {"source": source, "work": str(work), "params": Preprocess().model_dump(mode="json")}
    found, cost = run_apart("benchmarks.bench_preprocess:csv_to_arrays", asked, options.threads)
    return {**found, **cost.to_json()}


def figures_of(rows: int, seen: dict[str, Any]) -> list[Figure]:
    """Seconds and peak at one size; the target is that of 20 M rows."""
    stages = ", ".join(f"{name} {seen[name]['cpu_seconds']:.1f} CPU-s" for name in ("ingest", "preprocess"))
    note = f"{rows / seen['seconds']:,.0f} rows/s, {rows / seen['cpu_seconds']:,.0f} rows/CPU-s; {stages}"
    seconds, megabytes = (at_most(FULL_SECONDS), at_most(FULL_MEGABYTES)) if rows >= FULL_ROWS else (None, None)
    return [
        Figure(f"{rows:,} rows, CSV.gz to arrays", seen["seconds"], "s", target=seconds, note=note),
        Figure(f"{rows:,} rows: peak memory", seen["peak_megabytes"], "MB", target=megabytes),
    ]


def run(options: Options) -> list[Figure]:
    """The ratio on the source's titles and on generated ones, then each size; growth.json."""
    steps = Steps(options.work, titles_file(options))
    titles = read(steps.listings, "train").titles
    figures = against_the_lab(f"{len(titles):,} titles", titles, told(options), options.small)
    rows = SMALL_ROWS[0] if options.small else GENERATED_TITLES
    generated = [title for chunk in sample(rows) for title in chunk["title"]]
    figures += against_the_lab(f"{rows:,} generated titles", generated, "generated", options.small)
    sizes = options.rows or (SMALL_ROWS if options.small else ROWS)
    seen = {rows: grown(options, rows) for rows in sorted(sizes)}
    (options.out / "csv_to_arrays.json").write_text(json.dumps(seen, indent=1), encoding="utf-8")
    figures += [figure for rows, cost in seen.items() for figure in figures_of(rows, cost)]
    least, most = min(seen), max(seen)
    if most > least:
        each = {
            rows: sum(seen[rows][stage]["cpu_seconds"] for stage in ("ingest", "preprocess")) / rows * 1e6
            for rows in (least, most)
        }
        name = f"a million rows, at {most:,} against at {least:,}"
        figures.append(Figure(name, each[most], "CPU-s", baseline=each[least], note="a ratio of 1 is linear"))
    return figures
