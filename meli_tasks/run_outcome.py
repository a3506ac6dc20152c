"""What a run in this process did: its steps, for whoever displays them, and its outcome."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Protocol

from meli_tasks.core.stage_parameters import Ingest
from meli_tasks.stages.summaries import IngestSummary
from meli_tasks.wording import unused_rows

if TYPE_CHECKING:
    from meli_tasks.artifacts.manifest import Manifest
    from meli_tasks.planning.preview import Preview
    from meli_tasks.promotion import PromotionOutcome
    from meli_tasks.stages.evaluation import Evaluation

QUARANTINE = "quarantine.jsonl.gz"


def unused_by(ingested: Manifest, store_url: str) -> str:
    """Say which rows of the source ingest did not use, why, and which file lists them; empty when it used them all."""
    summary = ingested.read_summary(IngestSummary)
    unused = unused_rows(
        summary.bad_by_reason,
        summary.rare.rows,
        summary.rare.categories,
        ingested.read_params(Ingest).min_category_rows,
    )
    return f"Not used: {unused}, listed in {store_url}/{ingested.file_name(QUARANTINE)}" if unused else ""


@dataclass(frozen=True)
class StepReport:
    """A step that was computed, reused (`hit`) or failed (`error`)."""

    stage: str
    name: str
    seconds: float
    hit: bool = False
    seconds_saved: float = 0.0
    """Seconds that the step took when it was computed, if it was reused."""
    key: str = ""
    summary: Mapping[str, object] = field(default_factory=dict)
    """The summary in its manifest."""
    unused: str = ""
    """The rows that ingest did not use, if there are any."""
    notes: Sequence[str] = ()
    """What else a person should know about the result."""
    error: str = ""

    def to_json(self) -> dict[str, object]:
        """Return plain values, without the fields that do not apply to the step."""
        optional = ("key", "summary", "unused", "notes", "error")
        return {name: value for name, value in asdict(self).items() if value or name not in optional}


@dataclass(frozen=True)
class RunOutcome:
    """The outcome of a run, for people and programs. `failed` has the reason for each set that failed."""

    run_id: str
    plan: str
    source: str
    sets: list[str]
    steps: list[StepReport]
    failed: dict[str, str]
    scores: Mapping[str, Evaluation]
    decision: PromotionOutcome | None
    seconds: float

    @property
    def seconds_saved(self) -> float:
        """Seconds that the reused steps took when they were computed."""
        return round(sum(step.seconds_saved for step in self.steps), 3)

    def to_json(self) -> dict[str, object]:
        """Return plain values, as `meli run --json` prints them."""
        return {
            "run_id": self.run_id,
            "plan": self.plan,
            "source": self.source,
            "sets": self.sets,
            "steps": [step.to_json() for step in self.steps],
            "failed": self.failed,
            "scores": {label: score.brief().model_dump(mode="json") for label, score in self.scores.items()},
            "decision": self.decision.model_dump(mode="json") if self.decision else {},
            "seconds": round(self.seconds, 3),
            "seconds_saved": self.seconds_saved,
        }


class StepReporter(Protocol):
    """Receives the steps of a run."""

    def planned(self, preview: Preview) -> None:
        """The run will compute or reuse these steps."""

    def started(self, stage: str, name: str) -> None:
        """A step has started."""

    def finished(self, step: StepReport) -> None:
        """A step has finished or failed."""
