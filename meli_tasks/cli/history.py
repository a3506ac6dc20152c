"""`meli runs`: past runs, their scores, and the decisions on the champion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from meli_tasks.cli.console import Json, out, print_json, warn
from meli_tasks.cli.leaderboard import leaderboard, ranking
from meli_tasks.wording import duration

if TYPE_CHECKING:
    from meli_tasks.artifacts.reading import LenientReader
    from meli_tasks.decision import Decision
    from meli_tasks.planning.run_row import RunRow
    from meli_tasks.stages.evaluation import Evaluation
    from meli_tasks.store import Store

EXAMPLES = ("meli runs", "meli runs --limit 3", "meli runs --json | jq '.runs[0].scores'")


def runs(
    limit: Annotated[
        int,
        typer.Option(
            "--limit", "-n", min=1, metavar="NUMBER", help="Number of runs and decisions to show, newest first."
        ),
    ] = 10,
    as_json: Json = False,
) -> None:
    """List past runs with their sets and best model, the latest leaderboard, and the decisions on the champion."""
    from meli_tasks.artifacts.reading import LenientReader, warning
    from meli_tasks.ledger import Ledger
    from meli_tasks.planning.run_index import RunIndex
    from meli_tasks.settings import Settings

    store = Settings.from_environment().open_store()
    reader = LenientReader(store)
    rows = RunIndex(store).newest(limit, reader)
    found = [_run(store, row, reader) for row in rows]
    decisions = Ledger(store).newest(limit, reader)
    if message := warning(store, reader.skipped):
        warn(message)
    if as_json:
        print_json(
            {
                "runs": [run.to_json() for run in found],
                "decisions": [decision.model_dump(mode="json") for decision in decisions],
                "skipped": reader.skipped,
            }
        )
        return
    if not found:
        out().print(
            f"There are no runs in {store.url} yet. Start one with `meli run all` or `make demo`.", markup=False
        )
    else:
        _show_runs(found)
    if decisions:
        _show_decisions(decisions)


@dataclass(frozen=True)
class RunDisplay:
    """A past run in the list. `models` has the key of each model by its label, `best` is the label of the best one.

    `nothing_new` is the reason why a run computed nothing: everything had been evaluated before. `saved_seconds` is
    what the reused results took. `pruned` is the day on which files of the run were deleted; empty if none were.
    """

    run_id: str
    plan: str
    at: str
    as_of: str
    source: str
    sets: list[str]
    models: dict[str, str]
    failed: list[str]
    best: str | None
    scores: Mapping[str, Evaluation]
    dag_run_url: str
    nothing_new: str = ""
    saved_seconds: float = 0.0
    pruned: str = ""

    @property
    def result(self) -> str:
        """The best score, or why there is none."""
        if self.best:
            pruned = f" (pruned {self.pruned})" if self.pruned else ""
            return f"{self.scores[self.best].balanced_accuracy:.4f}{pruned}"
        return f"nothing new, saved {duration(self.saved_seconds)}" if self.nothing_new else "not evaluated"

    def to_json(self) -> dict[str, object]:
        """Return plain values, as `meli runs --json` prints them."""
        from meli_tasks.planning.run_row import WITHOUT

        fields: dict[str, object] = {name: getattr(self, name) for name in self.__dataclass_fields__}
        scores = {label: score.model_dump(mode="json", exclude=set(WITHOUT)) for label, score in self.scores.items()}
        return fields | {"scores": scores}


def _run(store: Store, row: RunRow, reader: LenientReader) -> RunDisplay:
    from meli_tasks.artifacts import paths
    from meli_tasks.artifacts.manifest import find
    from meli_tasks.stages.summaries import ENSEMBLE

    def exists(key: str) -> bool:
        return reader.attempt(paths.manifest("train", key), lambda: find(store, "train", key)) is not None

    report = row.evaluated
    scores = report.figures if report else {}
    # The keys of that time: a new version of a stage changes the keys of the plan's steps.
    evaluated_models = report.models if report else {}
    trained = {name: evaluated_models.get(name, key) for name, key in row.sets.items()}
    if ENSEMBLE in evaluated_models:
        trained[ENSEMBLE] = evaluated_models[ENSEMBLE]
    trained = {name: key for name, key in trained.items() if name in evaluated_models or row.nothing_new or exists(key)}
    return RunDisplay(
        run_id=row.run_id,
        plan=row.plan,
        at=row.at,
        as_of=row.as_of,
        source=row.source,
        sets=list(row.sets),
        models=trained,
        failed=list(report.failed) if report else [],
        best=ranking(scores)[0][0] if scores else None,
        scores=scores,
        dag_run_url=row.dag_run_url,
        nothing_new=row.nothing_new,
        saved_seconds=row.saved_seconds,
        pruned=row.pruned,
    )


def _show_runs(runs: list[RunDisplay]) -> None:
    from rich.text import Text

    from meli_tasks.terminal import Column, Listing

    console = out()
    columns = [
        Column("at", rank=1),
        Column("run", whole=False, room=24),
        Column("source", whole=False, room=24, rank=2),
        Column("trained sets", whole=False, rank=3),
        Column("best"),
        Column("balanced accuracy", whole=False),
    ]
    listing = Listing(columns, "runs, newest first")
    for run in runs:
        trained = ", ".join(
            f"{name} {run.models[name][:8]}" if name in run.models else name
            for name in dict.fromkeys([*run.sets, *run.models])
        )
        sets = Text(trained) + Text(f" failed: {', '.join(run.failed)}" if run.failed else "", style="red")
        at = run.at[:16].replace("T", " ")
        listing.add(at, run.run_id, run.source, sets, run.best or "", run.result)
    console.print(listing)
    newest = next((run for run in runs if run.scores), None)
    if newest:
        console.print()
        console.print(leaderboard(newest.scores, title=f"leaderboard of {newest.run_id}"))


def _show_decisions(decisions: list[Decision]) -> None:
    from meli_tasks.terminal import Column, Listing

    columns = [
        Column("number", justify="right"),
        Column("at", rank=1),
        Column("decision"),
        Column("champion"),
        Column("by", rank=2),
        Column("reason", whole=False, room=24),
    ]
    listing = Listing(columns, "decisions, newest first")
    for decision in decisions:
        champion = decision.champion.set_name if decision.champion else "none"
        at = f"{decision.at:%Y-%m-%d %H:%M}"
        listing.add(str(decision.number), at, decision.action, champion, decision.by, decision.reason)
    out().print()
    out().print(listing)
