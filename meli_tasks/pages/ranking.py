"""The leaderboard's rows: models are ranked only with others that were tested on the same titles, each a single time.

The same model is evaluated by many runs: the champion beside each night's models, and whatever a run reuses. All of
these are one row, since they are one model with one score.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from meli_tasks.artifacts import paths
from meli_tasks.pages.evaluated import EvaluatedRun, Run, missing_rows, model_row
from meli_tasks.pages.models import ModelRow, RankedTestSet, TestSet
from meli_tasks.stages.summaries import ENSEMBLE

CHAMPION = "champion"
OPEN = 3
"""Sets of test titles whose rows are displayed at first, the newest ones."""
BARS = 20
"""Models of a set of test titles whose intervals span the scale of its bars: a bad one must not squeeze the others."""


@dataclass(frozen=True)
class Wanted:
    """Which rows to display of the runs that match."""

    set_name: str = ""
    kind: str = ""
    """mlp, cnn, ensemble or champion: models that were evaluated as the champion."""
    rows: int = 50
    """The most rows of one set of test titles; the best ones, and the champion's row in any case."""
    opened: tuple[str, ...] = ()
    """Ids of the test titles whose rows are displayed, beside the newest ones."""
    pins: tuple[str, ...] = ()
    """Ids of rows that are displayed in any case."""

    def accepts(self, run: Run, label: str, *, champion: bool = False) -> bool:
        """Whether a model of a run is one of them; `champion`: whether it is, or was at that time."""
        kind = ENSEMBLE if label == ENSEMBLE else run.architectures.get(label, "")
        of_kind = champion if self.kind == CHAMPION else self.kind in ("", kind)
        return of_kind and self.set_name in ("", label)


@dataclass(frozen=True)
class Scored:
    """A model that a run evaluated."""

    run: Run
    evaluated: EvaluatedRun
    label: str

    @property
    def id(self) -> str:
        """The id of its row."""
        return paths.model_id(self.run.plan, self.label)

    @property
    def model(self) -> str:
        """What is the same in every run that evaluated this model; that of 0.1.0 has no digest and stands alone."""
        ref = self.evaluated.models.get(self.label)
        return f"{ref.key}@{ref.sha256}" if ref and ref.sha256 else self.id

    @property
    def accuracy(self) -> float:
        """The balanced accuracy that it is ranked by."""
        return self.evaluated.figures[self.label].balanced_accuracy

    @property
    def is_own(self) -> bool:
        """Whether the run trained or requested it, so that it is not only the champion at that time."""
        return self.label in self.run.sets or self.label == ENSEMBLE


@dataclass(frozen=True)
class Ranked:
    """A model with its rank on one set of test titles."""

    scored: Scored
    rank: int
    runs: int
    reaches_best: bool

    def row(self, champion: str) -> ModelRow:
        """Its row; `champion` is the id of the row that has the current champion's current figure."""
        row = model_row(self.scored.run, self.scored.evaluated, self.scored.label, champion)
        return row.model_copy(update={"rank": self.rank, "runs": self.runs, "reaches_best": self.reaches_best})


@dataclass(frozen=True)
class Ranking:
    """Every set of test titles with its models, the best first."""

    test_sets: list[TestSet]
    models: Mapping[str, list[Ranked]]
    champion: str

    @classmethod
    def of(
        cls, test_sets: list[TestSet], runs: Iterable[Run], evaluated: Mapping[str, EvaluatedRun], champion: str
    ) -> Ranking:
        """Rank the models of runs, given newest first. `champion` is the id of the current champion's row."""
        found: dict[str, dict[str, list[Scored]]] = {}
        for run in runs:
            if evaluation := evaluated.get(run.plan):
                on_titles = found.setdefault(evaluation.test_set, {})
                for label in evaluation.figures:
                    scored = Scored(run, evaluation, label)
                    on_titles.setdefault(scored.model, []).append(scored)
        models = {test_set: _ranked(list(groups.values()), champion) for test_set, groups in found.items()}
        return cls(test_sets, models, champion)

    def rows(self, wanted: Wanted) -> tuple[list[ModelRow], list[RankedTestSet]]:
        """The rows to display, and all sets of test titles: those that are not open have no rows."""
        rows: list[ModelRow] = []
        described: list[RankedTestSet] = []
        for place, test_set in enumerate(self.test_sets):
            ranked = self.models[test_set.id]
            is_open = place < OPEN or test_set.id in wanted.opened
            mine = [one for one in ranked if self._accepted(one.scored, wanted)] if is_open else []
            best = [one for place, one in enumerate(mine) if place < wanted.rows or one.scored.id == self.champion]
            shown = [one.row(self.champion) for one in best]
            rows += shown
            described.append(_described(test_set, ranked, is_open, len(mine), len(shown)))
        return rows, described

    def _accepted(self, scored: Scored, wanted: Wanted) -> bool:
        champion = scored.id == self.champion or not scored.is_own
        return wanted.accepts(scored.run, scored.label, champion=champion)

    def pinned(self, wanted: Wanted) -> list[ModelRow]:
        """The rows that are pinned, in the order in which they were; a row that another stands for is that one."""
        places = {}
        for ranked in self.models.values():
            for one in ranked:
                places[one.scored.id] = one
        found = [places[pin].row(self.champion) for pin in dict.fromkeys(wanted.pins) if pin in places]
        return list({row.id: row for row in found}.values())


def without_score(
    runs: Sequence[Run], evaluated: Mapping[str, EvaluatedRun], champion: str, wanted: Wanted
) -> tuple[list[ModelRow], int]:
    """The newest models that failed or were not evaluated yet, and how many there are."""
    rows = [
        row
        for run in runs
        for row in missing_rows(run, evaluated.get(run.plan), champion)
        if wanted.accepts(run, row.set)
    ]
    return rows[: wanted.rows], len(rows)


def _ranked(models: list[list[Scored]], champion: str) -> list[Ranked]:
    """Rank models, each given by the runs that evaluated it, newest first; equal scores share a rank."""
    chosen = [(_representative(runs, champion), len(runs)) for runs in models]
    chosen.sort(key=lambda one: (-one[0].accuracy, one[0].label))
    best = chosen[0][0].accuracy
    ranked: list[Ranked] = []
    for place, (scored, runs) in enumerate(chosen, 1):
        same = bool(ranked) and ranked[-1].scored.accuracy == scored.accuracy
        reaches = scored.evaluated.figures[scored.label].interval[1] >= best
        ranked.append(Ranked(scored, ranked[-1].rank if same else place, runs, reaches))
    return ranked


def _representative(runs: list[Scored], champion: str) -> Scored:
    """The row that stands for a model: the current champion's, else that of the newest run that requested it."""
    return max(runs, key=lambda one: (one.id == champion, one.is_own, one.run.at))


def _described(test_set: TestSet, ranked: list[Ranked], is_open: bool, matching: int, shown: int) -> RankedTestSet:
    best = ranked[0].scored
    intervals = [one.scored.evaluated.figures[one.scored.label].interval for one in ranked[:BARS]]
    return RankedTestSet(
        **test_set.model_dump(),
        models=len(ranked),
        best=best.accuracy,
        best_set=best.label,
        scale=(min(low for low, _ in intervals), max(high for _, high in intervals)),
        open=is_open,
        matching=matching,
        shown=shown,
    )
