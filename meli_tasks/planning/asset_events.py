"""What Airflow's asset events say: the figures of a new champion, and of newly ingested titles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from meli_tasks.stages.stored import Stored

if TYPE_CHECKING:
    from meli_tasks.decision import Champion
    from meli_tasks.stages.summaries import IngestSummary


class ChampionChanged(Stored):
    """A model was promoted, or a rollback restored it. The figure is the one that the pages display."""

    action: str
    decision: int
    set: str
    balanced_accuracy: float
    interval: tuple[float, float]
    selection_bias: float
    run: str
    as_of: str | None
    key: str
    sha256: str
    mlflow_version: str

    @classmethod
    def of(cls, champion: Champion, action: str, decision: int, mlflow_version: str) -> ChampionChanged:
        """The event of a decision."""
        return cls(
            action=action,
            decision=decision,
            set=champion.set_name,
            balanced_accuracy=champion.figure,
            interval=champion.interval,
            selection_bias=champion.selection_bias,
            run=champion.run_id,
            as_of=champion.as_of,
            key=champion.train,
            sha256=champion.sha256,
            mlflow_version=mlflow_version,
        )

    def extra(self) -> dict[str, Any]:
        """The JSON object of the event."""
        return self.model_dump(mode="json")


class TitlesIngested(Stored):
    """Titles were read, checked and split that no earlier run had ingested in this way."""

    source: str
    as_of: str
    titles: int
    categories: int
    bad_rows: int
    fingerprint: str
    run: str
    key: str

    @classmethod
    def of(cls, summary: IngestSummary, source: str, as_of: str, run: str, key: str) -> TitlesIngested:
        """The event of an ingest step."""
        return cls(
            source=source,
            as_of=as_of,
            titles=summary.rows,
            categories=summary.categories,
            bad_rows=summary.bad_rows,
            fingerprint=summary.fingerprint,
            run=run,
            key=key,
        )

    def extra(self) -> dict[str, Any]:
        """The JSON object of the event."""
        return self.model_dump(mode="json")
