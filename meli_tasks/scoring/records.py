"""What is stored about a batch: its plan, what was found in each part, and the record of the whole."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from meli_tasks.artifacts import paths, reading
from meli_tasks.artifacts.manifest import ModelRef
from meli_tasks.core.errors import NotFound
from meli_tasks.core.title_profile import TitleProfile
from meli_tasks.stages.stored import Stored
from meli_tasks.store import Store


class PlannedPart(Stored):
    """A file to score, or some of the row groups of a large one."""

    key: str = Field(description="the content key of its result")
    name: str = Field(description="the result's name in the output, with / between folders; the suffix may change")
    file: str = Field(description="the file, for people")
    spec: str = Field(description="the source that is this file alone")
    identity: str = Field(description="changes when the file does")
    slice: int = Field(0, description="which slice of the row groups, from 0")
    slices: int = Field(1, description="into how many slices the row groups are divided")

    @property
    def label(self) -> str:
        """The part, for people."""
        return self.file if self.slices == 1 else f"{self.file}, slice {self.slice + 1} of {self.slices}"


class BatchPlan(Stored):
    """Everything that a batch's tasks need to know."""

    version: int = 1
    id: str
    day: str
    source: str = Field(description="the source as it may be displayed")
    model: str = Field(description="KEY@SHA256")
    model_name: str
    top: int = 5
    abstain_below: float = 0.0
    output: str = Field("", description="the address of a folder or prefix for copies of the results; empty for none")
    parts: tuple[PlannedPart, ...] = ()

    @property
    def model_ref(self) -> ModelRef:
        """The model."""
        return ModelRef.parse(self.model)

    def save(self, store: Store) -> None:
        """Store it; the same batch planned on another day has the same parts."""
        reading.write(store, paths.batch_plan(self.id), self.model_dump_json(indent=1).encode())

    @classmethod
    def load(cls, store: Store, batch_id: str) -> BatchPlan:
        """Read a batch's plan.

        Raises:
            NotFound: there is none.
        """
        found = reading.read(store, paths.batch_plan(batch_id), cls.model_validate_json)
        if found is None:
            raise NotFound(f"There is no plan of the batch {batch_id} in {store.url}. Start the batch again.")
        return found


class PartResult(Stored):
    """What was found in a part; stored as the summary of its manifest."""

    file: str = Field(description="the result's name among the files of its artifact; empty if there are no rows")
    rows: int = 0
    bad_rows: int = 0
    unknown_rows: int = 0
    bad_lines: Mapping[str, tuple[int, ...]] = Field(
        default_factory=dict, description="the first lines or rows of the file that could not be used, by reason"
    )
    advice: str = Field("", description="what to do about rows that are not UTF-8")
    seconds: float = 0.0


class ScoredPart(Stored):
    """A part in the record of a batch."""

    key: str
    file: str
    rows: int = 0
    bad_rows: int = 0
    address: str = Field("", description="where its result is; empty if it has no rows or could not be scored")
    problem: str = Field("", description="why it could not be scored; empty if it was")


class BatchRecord(Stored):
    """What a batch found. It is written last: where it exists, so do all results that it names."""

    version: int = 1
    id: str
    day: str
    created_at: str
    source: str
    model: str = Field(description="KEY@SHA256")
    model_name: str = ""
    rows: int = 0
    bad_rows: int = 0
    bad_by_reason: Mapping[str, int] = Field(default_factory=dict)
    unknown_rows: int = Field(0, description="rows of which the model knows no word")
    abstain_below: float = 0.0
    abstained: int = Field(0, description="rows whose probability is below abstain_below")
    categories: Mapping[str, int] = Field(default_factory=dict, description="rows by category, without abstentions")
    confidences: tuple[int, ...] = Field((), description="rows by probability, in equal bins from 0 to 1")
    output: str = ""
    parts: tuple[ScoredPart, ...] = ()
    profile: TitleProfile = Field(default_factory=TitleProfile)

    @property
    def problems(self) -> list[str]:
        """What could not be scored, and why; a broken file is named once."""
        return list(dict.fromkeys(f"{part.file}: {part.problem}" for part in self.parts if part.problem))

    @property
    def without_use(self) -> list[str]:
        """The files of which no row could be used, though they have some."""
        return list(dict.fromkeys(part.file for part in self.parts if 0 < part.rows == part.bad_rows))

    @classmethod
    def find(cls, store: Store, batch_id: str) -> BatchRecord | None:
        """The record of a batch; None if it has not ended."""
        return reading.read(store, paths.batch_record(batch_id), cls.model_validate_json)


def records_of(store: Store, reader: reading.LenientReader) -> list[BatchRecord]:
    """The records of all batches, oldest first; the reader keeps what cannot be read."""
    names = filter(paths.is_batch_record, store.names(paths.BATCHES))
    found = (reader.read(name, BatchRecord.model_validate_json) for name in names)
    return sorted(filter(None, found), key=lambda record: record.created_at)
