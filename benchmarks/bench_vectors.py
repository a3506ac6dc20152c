"""Part `vectors`: loading a gzipped word2vec text file of 300 dimensions, with gensim and with the vector cache.

The file is generated: numbers with six decimals, as the C tool writes them, and words of Spanish syllables. Each load
runs in its own process. Both end with the vectors of the same 50,000 words, half of which are in the file; the second
load of the cache finds the array that the first one made. Seconds are those of the load, without Python's start and
imports; memory is the peak of the whole process.

    python -m benchmarks.bench_vectors --folder F --rows 1000000     # keeps its file in F for the next time
"""

from __future__ import annotations

import argparse
import gzip
import json
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.figures import Figure, Options, at_least, at_most
from benchmarks.isolated import Clock, run_isolated
from meli_tasks import sources
from meli_tasks.artifacts.cache import Cache
from meli_tasks.execution.vector_cache import VectorCache
from meli_tasks.settings import Settings
from meli_tasks.stages.hooks import SilentLog
from meli_tasks.stages.vectors.entry import take_vectors

ROWS = 100_000
SMALL_ROWS = 2_000
DIMENSIONS = 300
VOCABULARY = 50_000
SPREAD = 0.08
DECIMALS = 6
ROWS_AT_ONCE = 5_000
GZIP_LEVEL = 6  # gzip's default, which downloadable files usually have
SYLLABLES = ["ba", "de", "mi", "no", "lu", "ca", "ro", "ta", "ñe", "cí", "gu", "pra"]
BEGINNINGS = ["".join(syllables) for syllables in product(SYLLABLES, repeat=4)]

FASTER = 5.0
MEGABYTES = 1_500.0
SECOND_SECONDS = 1.0


def words_from(first: int, count: int) -> list[str]:
    """Distinct words by number: four syllables, then the rest of the number in digits."""
    return [
        f"{BEGINNINGS[number % len(BEGINNINGS)]}{number // len(BEGINNINGS) or ''}"
        for number in range(first, first + count)
    ]


def numbers_as_text(values: NDArray[np.int64]) -> list[bytes]:
    """Formats millionths (rows, dimensions) as one line of space-separated numbers per row."""
    rest, digits = np.abs(values).ravel(), np.empty((values.size, DECIMALS + 4), np.uint8)
    digits[:, (0, 2, DECIMALS + 3)] = np.frombuffer(b"-. ", np.uint8)
    for place in range(DECIMALS + 2, 2, -1):
        digits[:, place] = 48 + rest % 10
        rest //= 10
    digits[:, 1] = 48 + rest
    written = np.ones(digits.shape, dtype=np.bool_)
    written[:, 0] = values.ravel() < 0
    text = digits[written].tobytes()
    ends = np.cumsum(written.sum(axis=1).reshape(values.shape).sum(axis=1)).tolist()
    return [text[begin : end - 1] for begin, end in zip([0, *ends], ends, strict=False)]


def write_file(path: str, rows: int) -> None:
    """Writes the generated file; it gets its name only when it is complete."""
    random, half = np.random.default_rng(1), Path(f"{path}.half")
    with gzip.open(half, "wb", compresslevel=GZIP_LEVEL) as file:
        file.write(f"{rows} {DIMENSIONS}\n".encode())
        for first in range(0, rows, ROWS_AT_ONCE):
            count = min(ROWS_AT_ONCE, rows - first)
            values = np.rint(random.normal(0, SPREAD * 10**DECIMALS, (count, DIMENSIONS))).astype(np.int64)
            pairs = zip(words_from(first, count), numbers_as_text(values), strict=True)
            file.writelines(word.encode() + b" " + numbers + b"\n" for word, numbers in pairs)
    half.replace(path)


def vocabulary(rows: int) -> list[str]:
    """The words to look up: every second one is in the file."""
    present = np.linspace(0, rows - 1, min(VOCABULARY // 2, rows)).astype(np.int64).tolist()
    return [word for number in present for word in (words_from(number, 1)[0], f"ausente{number}")]


def by_gensim(file: str, rows: int, reference: str) -> tuple[float, float]:
    """Loads with gensim and saves the rows of the vocabulary to `reference`; returns (seconds, CPU seconds)."""
    from gensim.models import KeyedVectors

    words, clock = vocabulary(rows), Clock()
    vectors = KeyedVectors.load_word2vec_format(file)
    into = np.zeros((len(words), DIMENSIONS), np.float32)
    for row, word in enumerate(words):
        if word in vectors:
            into[row] = vectors[word]
    spent = clock.read()
    np.save(reference, into)
    return spent


def by_cache(file: str, rows: int, cache: str, reference: str) -> dict[str, object]:
    """Loads with the vector cache; returns the times to identify and to load the file, and the rows unlike gensim's."""
    import polars  # noqa: F401 - imported before the clock starts, as gensim is

    settings, words = Settings(cache=Path(cache)), vocabulary(rows)
    clock = Clock()
    identity = sources.identify_vectors(file, settings).identity
    identified = clock.read()
    clock = Clock()
    entry = VectorCache(Cache(Path(cache), settings.cache_gigabytes), settings).entry(file, identity, SilentLog())
    into = np.zeros((len(words), DIMENSIONS), np.float32)
    take_vectors(entry, words, into)
    loaded = clock.read()
    unlike = int((into != np.load(reference)).any(axis=1).sum())
    return {"identified": identified, "loaded": loaded, "unlike": unlike}


def measure(options: Options, rows: int) -> list[Figure]:
    """Both loads of a file with so many words."""
    file, reference = options.work / f"{rows}x{DIMENSIONS}.txt.gz", options.work / f"gensim{rows}.npy"
    arguments = {"file": str(file), "rows": rows, "reference": str(reference)}
    if not file.exists():
        run_isolated("benchmarks.bench_vectors:write_file", {"path": str(file), "rows": rows}, 1)
    (seconds, cpu), gensim = run_isolated("benchmarks.bench_vectors:by_gensim", arguments, options.threads)
    arguments["cache"] = str(options.work / f"cache{rows}")
    (first, first_cost), (second, second_cost) = (
        run_isolated("benchmarks.bench_vectors:by_cache", arguments, options.threads) for _ in range(2)
    )
    name, note = f"{rows:,} x {DIMENSIONS}", "and {:.2f} s, {:.2f} CPU-s to hash the file, once per plan"
    own, own_cpu = first["loaded"]
    again, again_cpu = second["loaded"]
    small = f"{again_cpu:.2f} CPU-s; " + note.format(*second["identified"])
    return [
        Figure(
            f"{name}: first load",
            own,
            "s",
            seconds,
            seconds / own,
            at_least(FASTER, "ratio"),
            note.format(*first["identified"]),
        ),
        Figure(f"{name}: first load, CPU time", own_cpu, "CPU-s", cpu, cpu / own_cpu),
        Figure(
            f"{name}: first load, peak memory",
            first_cost.peak_megabytes,
            "MB",
            gensim.peak_megabytes,
            target=at_most(MEGABYTES),
        ),
        Figure(f"{name}: second load", again, "s", target=at_most(SECOND_SECONDS), note=small),
        Figure(f"{name}: second load, peak memory", second_cost.peak_megabytes, "MB"),
        Figure(f"{name}: rows unlike gensim's", first["unlike"] + second["unlike"], "", target=at_most(0)),
    ]


def run(options: Options) -> list[Figure]:
    """First and second load at each size, compared with gensim: wall time, CPU time, peak memory."""
    sizes = (SMALL_ROWS,) if options.small else options.rows or (ROWS,)
    return [figure for rows in sizes for figure in measure(options, rows)]


def main() -> None:
    """Measures with a file that is kept, and prints the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--folder", type=Path, required=True, help="for the arrays and the file, which is made if missing"
    )
    parser.add_argument("--rows", type=int, default=ROWS, help="words in the file (default: 100,000)")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    options = Options(out=given.folder, work=given.folder.absolute(), rows=(given.rows,))
    print(json.dumps([figure.to_json() for figure in run(options)], indent=1))


if __name__ == "__main__":
    main()
