"""Categories for every row of a file, a chunk at a time: the length of the file does not change the memory it takes."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from meli_tasks.core.errors import BadData
from meli_tasks.core.hyperparameters import Ingest
from meli_tasks.rowfiles import AddedKind, Chunk, RowFile, RowTarget, kind_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TITLE = "title"
# What ingest counts as a bad row in training is one in prediction too.
LONGEST_TITLE: int = Ingest.model_fields["max_title_characters"].default
CHUNK_ROWS = 4096
ADDED: dict[str, AddedKind] = {
    "category": "text",
    "probability": "number",
    "categories": "texts",
    "probabilities": "numbers",
}


class Ranker(Protocol):
    """What a classifier offers here; `TitleClassifier` is one."""

    categories: list[str]

    def rank(self, titles: Sequence[str], top: int = 5) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Per title the most probable categories' indices and their probabilities, both (titles, top)."""
        ...


@dataclass
class Progress:
    """How far it got. `share` is of the input, 0 to 1; `bad` counts rows without a prediction, by reason."""

    rows: int = 0
    share: float = 0.0
    seconds: float = 0.0
    bad: Counter[str] = field(default_factory=Counter)
    renamed: dict[str, str] = field(default_factory=dict)

    @property
    def bad_rows(self) -> int:
        """Rows that got an empty category."""
        return sum(self.bad.values())

    @property
    def rows_per_second(self) -> float:
        """Rows a second since the start."""
        return self.rows / self.seconds if self.seconds else 0.0


def check_files(source: Path, target: Path) -> None:
    """Look whether both files can be what they are to be, reading no further than the first chunk.

    Raises:
        BadData: what `predict_file` would find wrong at once.
    """
    refuse_same_file(source, target)
    _need_titles(source, next(RowFile(source, CHUNK_ROWS).chunks()))
    kind_of(target)
    if target.is_dir() or not target.parent.is_dir():
        raise BadData(
            f"{target} cannot be written: "
            + ("it is a folder." if target.is_dir() else f"there is no folder {target.parent}.")
        )


def predict_file(
    classifier: Ranker,
    source: Path,
    target: Path,
    *,
    top: int = 5,
    report: Callable[[Progress], None] = lambda progress: None,
    chunk_rows: int = CHUNK_ROWS,
) -> Progress:
    """Copy a file of rows, adding `category`, `probability`, and the `top` ranked `categories` and `probabilities`.

    Columns of the input that bear these names are kept as `given_<name>`. A row without a usable title gets an empty
    category. The target appears whole or not at all.

    Raises:
        BadData: the source cannot be read, has no column `title`, or is the target.
        Rejected: the disk is full.
    """
    refuse_same_file(source, target)
    reader = RowFile(source, chunk_rows)
    progress, started = Progress(), time.monotonic()
    with RowTarget(target, ADDED) as writer:
        for position, chunk in enumerate(reader.chunks()):
            if position == 0:
                _need_titles(source, chunk)
            progress.renamed.update(given_names(chunk.columns))
            writer.write(chunk, predict_chunk(classifier, chunk, top, progress.bad), progress.renamed)
            progress.rows += len(chunk)
            progress.share, progress.seconds = reader.share, time.monotonic() - started
            report(progress)
    progress.seconds = time.monotonic() - started
    return progress


def predict_chunk(classifier: Ranker, chunk: Chunk, top: int, bad: Counter[str]) -> dict[str, list[Any]]:
    """The added columns of a chunk; rows without a usable title are counted in `bad`."""
    titles = chunk.column(TITLE)
    problems = [chunk.problems.get(row) or problem_of(title) for row, title in enumerate(titles)]
    bad.update(problem for problem in problems if problem)
    good = [row for row, problem in enumerate(problems) if not problem]
    added: dict[str, list[Any]] = {
        "category": [""] * len(chunk),
        "probability": [None] * len(chunk),
        "categories": [()] * len(chunk),
        "probabilities": [()] * len(chunk),
    }
    if good:
        indices, probabilities = classifier.rank([titles[row] for row in good], min(top, len(classifier.categories)))
        names = [tuple(classifier.categories[index] for index in ranked) for ranked in indices.tolist()]
        shares = probabilities.astype("float64").round(6).tolist()
        for row, ranked_names, ranked_shares in zip(good, names, shares, strict=True):
            added["categories"][row] = ranked_names
            added["probabilities"][row] = tuple(ranked_shares)
            added["category"][row] = ranked_names[0]
            added["probability"][row] = ranked_shares[0]
    return added


def problem_of(title: object) -> str:
    """Why this cannot be classified, or "" when it can."""
    if title is None or title == "":
        return "no title"
    if not isinstance(title, str):
        return "a title that is not text"
    if not title.strip():
        return "no title"
    if len(title) > LONGEST_TITLE:
        return f"a title longer than {LONGEST_TITLE:,} characters"
    return ""


def given_names(columns: Sequence[str]) -> dict[str, str]:
    """New names for the input's columns that would collide with the added ones."""
    renamed = {}
    for name in set(columns) & set(ADDED):
        new = f"given_{name}"
        while new in columns:
            new = f"given_{new}"
        renamed[name] = new
    return renamed


def refuse_same_file(source: Path, target: Path) -> None:
    """Refuse to write over the input, under whatever name.

    Raises:
        BadData: both are one file.
    """
    same = source.resolve() == target.resolve() or (source.exists() and target.exists() and source.samefile(target))
    if same:
        raise BadData(f"Input and output are the same file, {source}. Give the output another name.")


def _need_titles(source: Path, chunk: Chunk) -> None:
    if TITLE in chunk.columns or (chunk.header is None and not len(chunk)):
        return
    if chunk.header is None and len(chunk.problems) == len(chunk):
        raise BadData(f"{source}: none of its first {len(chunk):,} lines is a JSON object. JSON Lines has one a line.")
    seen = ", ".join(map(repr, chunk.columns)) or "none"
    raise BadData(f"{source} has no column {TITLE!r}; its columns: {seen}. Rename the one that holds the titles.")
