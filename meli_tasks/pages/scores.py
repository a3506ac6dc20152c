"""The scores of compared models, on titles that all of them were tested on, and the recall of each category."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from meli_tasks.core.stage_parameters import TEST_SPLIT
from meli_tasks.pages.answers import Tested
from meli_tasks.pages.compared import CategoryRow, ComparedTitles, Score, ScoreDifference
from meli_tasks.pages.located import Located
from meli_tasks.pages.paired import NotTested, PairedTests, Tests
from meli_tasks.wording import count, enumeration

STORED = ("balanced_accuracy", "accuracy", "top5", "macro_f1", "milliseconds_p95", "megabytes")
"""The figures of a row of the leaderboard, in the order in which they are displayed."""
FEWEST = 50
"""Titles that models tested on different ones must have in common: with fewer, nearly every model looks the same."""
OF_THE_MODEL = ("milliseconds_p95", "megabytes")
"""Those that do not depend on which titles it was tested on."""


@dataclass(frozen=True)
class Compared:
    """Models and what their paired tests say.

    `tests` has for each model its test and its position there: if all were tested on the same titles, then each is
    tested with the baseline alone, so that the missing predictions of one hide nothing of the others.
    """

    models: Sequence[Located]
    base: int
    titles: ComparedTitles
    tests: Sequence[tuple[Tests, int] | None]
    notes: tuple[str, ...] = ()

    @property
    def baseline(self) -> Located:
        """The model that the others are compared with."""
        return self.models[self.base]

    def scores(self, position: int) -> dict[str, Score]:
        """The scores of a model by name; empty if the models have no titles in common."""
        names = {"same": STORED, "common": ("balanced_accuracy", "accuracy", "macro_f1", *OF_THE_MODEL), "none": ()}
        found = {name: self._score(name, position) for name in names[self.titles.kind]}
        return {name: score for name, score in found.items() if score is not None}

    def categories(self) -> list[CategoryRow]:
        """The recall of each category with each model; empty if the models have no titles in common."""
        if self.titles.kind == "none":
            return []
        recalls = [self._recalls(position) for position in range(len(self.models))]
        sizes = self._sizes()
        changes = [test[0].changes[test[1]] if test else {} for test in self.tests]
        return [
            CategoryRow(
                category=name,
                titles=sizes[name],
                recalls=[of.get(name) for of in recalls],
                changes=[of.get(name) for of in changes],
            )
            for name in sorted(sizes)
        ]

    def _sizes(self) -> dict[str, int]:
        """The number of titles of each category."""
        tested = self.tests[self.base]
        if self.titles.kind == "common" and tested:
            return tested[0].sizes
        found = self.baseline.evaluation
        return {name: one.titles for name, one in found.categories.items()} if found else {}

    def _recalls(self, position: int) -> dict[str, float]:
        tested = self.tests[position]
        if self.titles.kind == "common":
            return tested[0].figures[tested[1]].recalls if tested else {}
        found = self.models[position].evaluation
        return {name: one.recall for name, one in found.categories.items()} if found else {}

    def _score(self, name: str, position: int) -> Score | None:
        value, reference = self._figure(name, position), self._figure(name, self.base)
        if value is None:
            return None
        test = self.tests[position]
        difference = None
        if position != self.base and reference is not None:
            difference = test[0].differences[test[1]].get(name) if test else None
            difference = difference or ScoreDifference(value=value - reference, verdict="untested")
        interval = None
        if name == "balanced_accuracy":
            stored = self.titles.kind == "same"
            interval = (
                self.models[position].row.interval if stored else test[0].figures[test[1]].interval if test else None
            )
        return Score(value=value, interval=interval, difference=difference)

    def _figure(self, name: str, position: int) -> float | None:
        """As it was stored, or on the common titles."""
        test = self.tests[position]
        if self.titles.kind == "common" and name not in OF_THE_MODEL:
            return float(getattr(test[0].figures[test[1]], name)) if test else None
        stored: float | None = getattr(self.models[position].row, name)
        return stored


def compared(tests: PairedTests, models: Sequence[Located], tested: Sequence[Tested | None], base: int) -> Compared:
    """Test models against the one at the position `base`, on the same titles or on those that they have in common.

    Args:
        tests: Runs the tests.
        models: The models.
        tested: Where the answers of each are; None if its evaluation is no longer in the store, or there was none.
        base: The position of the baseline.
    """
    evaluated = [found for found in models if found.row.balanced_accuracy is not None]
    if models[base] not in evaluated or len(evaluated) < 2:
        missing = [found.label for found in models if found not in evaluated]
        note = f"{enumeration(missing, len(missing))} {'was' if len(missing) == 1 else 'were'} not evaluated, so there "
        none = ComparedTitles(kind="none", note=f"{note}are no scores to compare.")
        return Compared(models, base, none, [None] * len(models))
    if len({found.row.test_set for found in evaluated}) == 1:
        return _on_the_same(tests, models, tested, base)
    return _on_common(tests, models, tested, base)


def _on_the_same(tests: PairedTests, models: Sequence[Located], tested: Sequence[Tested | None], base: int) -> Compared:
    found: list[tuple[Tests, int] | None] = []
    notes = []
    for position, (model, one) in enumerate(zip(models, tested, strict=True)):
        result: Tests | NotTested | None = None
        if position != base and model.row.balanced_accuracy is not None:
            reference = tested[base]
            result = (
                tests.test([reference, one], 0, same=True)
                if reference and one
                else NotTested("The evaluation with the predictions is no longer in the store.")
            )
        if isinstance(result, NotTested):
            notes.append(f"The difference of {model.label} was not tested, so it may be chance. {result.why}")
        found.append((result, 1) if isinstance(result, Tests) else None)
    which = models[base].test_set
    titles = ComparedTitles(kind="same", titles=which.titles if which else 0, test_set=which)
    return Compared(models, base, titles, found, tuple(notes))


def _on_common(tests: PairedTests, models: Sequence[Located], tested: Sequence[Tested | None], base: int) -> Compared:
    evaluated = [position for position, found in enumerate(models) if found.row.balanced_accuracy is not None]
    known = [one for position in evaluated if (one := tested[position])]
    gone = [models[position].label for position in evaluated if not tested[position]]
    start = "The models were tested on different titles"
    result: Tests | NotTested = (
        NotTested(f"The evaluation of {enumeration(gone, len(gone))} is no longer in the store.")
        if gone
        else tests.test(known, evaluated.index(base), same=False)
    )
    if isinstance(result, Tests) and result.titles < FEWEST:
        result = NotTested(f"They have {count(result.titles, 'title')} in common, and at least {FEWEST} are needed.")
    if isinstance(result, NotTested):
        note = f"{start}, so their scores cannot be compared. {result.why} To compare them, train them in one run."
        return Compared(models, base, ComparedTitles(kind="none", note=note), [None] * len(models))
    own = sorted({found.titles for position in evaluated if (found := models[position].test_set)}, reverse=True)
    note = (
        f"{start}, so their own figures do not compare. Those below are computed from the stored predictions for the "
        f"{count(result.titles, 'title')} that all of them were tested on, of {' and '.join(f'{n:,}' for n in own)}."
    )
    labelled = [(models[position].label, models[position].test_set) for position in evaluated]
    folds = [label for label, found in labelled if found and found.folds > TEST_SPLIT]
    if folds:
        note += (
            f" Cross-validated: {enumeration(folds, len(folds))}, so a model trained without it classified each title."
        )
    titles = ComparedTitles(kind="common", titles=result.titles, note=note)
    return Compared(
        models, base, titles, [(result, evaluated.index(n)) if n in evaluated else None for n in range(len(models))]
    )
