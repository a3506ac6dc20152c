"""A CSV file that a person chose on the page, scored as a stream of events: how far it is, then the result.

The api-server also serves everything else, so a file is bounded in bytes and lines, at most MOST_FILES are scored at a
time, and the model is taken for one batch at a time, between which requests for single titles get their turn.
"""

from __future__ import annotations

import csv
import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePath
from tempfile import TemporaryDirectory

from pydantic import Field

from meli_tasks.core.errors import BadData, BadHyperparameters, MeliError
from meli_tasks.pages.models import PageModel
from meli_tasks.pages.predicting import able_to_load
from meli_tasks.prediction.files import Progress, given_names, predict_batches, title_column
from meli_tasks.prediction.loaded import LoadedModels, SharedClassifier
from meli_tasks.prediction.models import Model
from meli_tasks.rowfiles.columns import TITLE, fold
from meli_tasks.rowfiles.limits import ReadingLimits
from meli_tasks.rowfiles.reading import RowFile
from meli_tasks.rowfiles.text import harmless
from meli_tasks.wording import count

MAX_BYTES = 1_000_000
MAX_LINES = 50_000
LIMITS = ReadingLimits(decompressed_bytes=64 << 20, batch_bytes=64 << 20)
MOST_FILES = 2
"""Files that are scored at a time. A result has at most some 15 MB, which a request holds three times at its end."""
BATCH_ROWS = 1024
FIRST_ROWS = 20
ELSEWHERE = "`meli predict --input FILE --output FILE` scores files of any size."

_being_scored = threading.BoundedSemaphore(MOST_FILES)


class ScoredRow(PageModel):
    """A row of the result; `known` is null if it has no usable title."""

    title: str
    category: str
    probability: float | None
    known: bool | None


class ScoredFile(PageModel):
    """The result: what was found, its first rows, and all of it as CSV."""

    model: str = Field(description="the model's name in messages")
    train: str
    sha256: str
    warning: str = Field(description="what one should know about the model; empty if nothing")
    column: str = Field(description="the column with the titles")
    rows: int
    unknown_rows: int = Field(description="rows with a title of which the model knows no word")
    bad_rows: int = Field(description="rows without a usable title")
    notes: list[str] = Field(description="what one should know about the file, a sentence each")
    first: list[ScoredRow]
    csv: str


class ScoringEvent(PageModel):
    """One line of the answer: how much is done, at last the result, or why there is none."""

    fraction: float = 0.0
    rows: int = 0
    error: str = ""
    result: ScoredFile | None = None


@dataclass(frozen=True)
class Upload:
    """A file as it was sent, the model and how many categories to rank."""

    name: str
    content: bytes
    model: Model
    top: int


def score(models: LoadedModels, upload: Upload) -> Iterator[ScoringEvent]:
    """Score a file.

    Raises:
        BadHyperparameters: the file cannot be used. What turns up later is an event instead.
    """
    name = PurePath(upload.name.replace("\\", "/")).name
    name = "titles.csv" if name in {"", ".."} else name
    with _on_disk(name, upload.content) as source:
        column = _checked(source, upload.content)
    return _events(models, upload, name, column)


def _checked(source: Path, content: bytes) -> str:
    """The column with the titles."""
    if len(content) > MAX_BYTES:
        raise BadHyperparameters(
            f"{source.name} has {len(content):,} bytes, but the page scores at most {MAX_BYTES:,}. {ELSEWHERE}"
        )
    lines = max(content.count(b"\n"), content.count(b"\r"))
    if lines > MAX_LINES:
        raise BadHyperparameters(
            f"{source.name} has {lines:,} lines, but the page scores at most {MAX_LINES:,}. {ELSEWHERE}"
        )
    try:
        with RowFile(source, LIMITS) as file:
            if file.typed or file.keyed or content.startswith(b"\x1f\x8b"):
                raise BadHyperparameters(
                    f"{source.name} is not a CSV file, and the page scores only these. {ELSEWHERE}"
                )
            return title_column(file, only_column=True)
    except BadData as error:
        raise BadHyperparameters(str(error)) from error


def _events(models: LoadedModels, upload: Upload, name: str, column: str) -> Iterator[ScoringEvent]:
    # Acquired here and not by the caller: a generator that nobody starts would never release it.
    if not _being_scored.acquire(blocking=False):
        yield ScoringEvent(error=f"{count(MOST_FILES, 'file')} are being scored at this moment. Try again in a minute.")
        return
    try:
        with _on_disk(name, upload.content) as source, able_to_load():
            yield ScoringEvent()  # loading the model may take seconds
            classifier = SharedClassifier(models, upload.model)
            target, progress = source.with_name("result.csv"), Progress()
            for progress in predict_batches(
                classifier, source, target,
                top=upload.top, batch_rows=BATCH_ROWS, only_column=True, for_spreadsheets=True,
            ):  # fmt: skip
                yield ScoringEvent(fraction=progress.fraction, rows=progress.rows)
            result = _result(upload.model, column, progress, target)
        yield ScoringEvent(fraction=1.0, rows=progress.rows, result=result)
    except MeliError as error:
        yield ScoringEvent(error=str(error))
    finally:
        _being_scored.release()


def _result(model: Model, column: str, progress: Progress, target: Path) -> ScoredFile:
    text = target.read_bytes().decode()
    ref = model.manifest.ref
    return ScoredFile(
        model=model.name, train=ref.key, sha256=ref.sha256, warning=model.warning, column=column,
        rows=progress.rows, unknown_rows=progress.unknown_rows, bad_rows=progress.bad_rows,
        notes=_notes(column, progress), first=_first_rows(text, column), csv=text,
    )  # fmt: skip


def _notes(column: str, progress: Progress) -> list[str]:
    notes = []
    if fold(column) != TITLE:
        notes.append(f"The file has one column only, so its first line, {column!r}, was taken for the column's name.")
    if progress.unknown_rows:
        notes.append(
            f"{count(progress.unknown_rows, 'row')} got no category, because the model knows no word of the title."
        )
    for reason, rows in progress.bad.most_common():
        lines = progress.bad_lines[reason]
        named = ", ".join(map(str, lines[:5])) + (", ..." if rows > 5 else "")
        notes.append(
            f"{count(rows, 'row')} got no category: {reason} (line{'' if rows == 1 else 's'} {named} of the file)."
        )
    if progress.encoding_advice:
        notes.append(progress.encoding_advice)
    if progress.renamed:
        names = ", ".join(f"{new} (was {old})" for old, new in sorted(progress.renamed.items()))
        notes.append(f"Columns of the file with the name of an added one were renamed: {names}.")
    return notes


def _first_rows(text: str, column: str) -> list[ScoredRow]:
    rows = csv.DictReader(io.StringIO(text, newline=""))
    names = rows.fieldnames or []
    kept = given_names([column]).get(column, column)
    title = next((name for name in names if fold(name) == fold(harmless(kept))), column)
    return [
        ScoredRow(
            title=row.get(title) or "",
            category=row["category"],
            probability=float(row["probability"]) if row["probability"] else None,
            known={"true": True, "false": False}.get(row["known"]),
        )
        for row, _ in zip(rows, range(FIRST_ROWS), strict=False)
    ]


@contextmanager
def _on_disk(name: str, content: bytes) -> Iterator[Path]:
    """The content as a file of this name, which messages repeat."""
    with TemporaryDirectory(prefix="meli-scoring-") as folder:
        path = Path(folder) / "source" / name
        path.parent.mkdir()
        path.write_bytes(content)
        yield path
