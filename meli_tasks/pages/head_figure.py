"""The figure at the head of the page of one model: that of a champion without what its selection added."""

from __future__ import annotations

from meli_tasks.decision_rows import Decisions
from meli_tasks.pages.champion import unbiased
from meli_tasks.pages.located import Located
from meli_tasks.pages.models import CurrentFigure
from meli_tasks.pages.one_model import HeadFigure
from meli_tasks.pages.read_cache import ReadCache


def head_figure(cache: ReadCache, found: Located, decisions: Decisions) -> HeadFigure | None:
    """A model's balanced accuracy on the test titles of its run; None if the run has not evaluated it.

    A model that was ever promoted was selected by its figure. On the titles of that selection the figure is too high.

    Args:
        cache: Reads the run that the selection was made in.
        found: The model.
        decisions: What can be read of the ledger, oldest first.
    """
    evaluation, test_set = found.evaluation, found.test_set
    if evaluation is None or test_set is None:
        return None
    figure = CurrentFigure(
        id=found.row.id,
        run_id=found.row.run_id,
        balanced_accuracy=evaluation.balanced_accuracy,
        interval=evaluation.interval,
        test_set=test_set,
    )
    reign = _while_champion(found, decisions)
    if reign:
        promotion = reign.numbered(reign[-1].promotion) or reign[-1]
        figure = unbiased(cache, figure, reign, promotion.evidence.plan)
    return HeadFigure(
        balanced_accuracy=figure.balanced_accuracy,
        interval=figure.interval,
        evaluated=evaluation.balanced_accuracy,
        selection_bias=figure.selection_bias,
    )


def _while_champion(found: Located, decisions: Decisions) -> Decisions:
    """The decisions up to the last one after which the model was champion; empty if it never was."""
    mentioning = decisions.mentioning(found.ref.key)
    last = next((one.number for one in mentioning if one.champion and one.champion.ref.is_same(found.ref)), 0)
    return Decisions(row for row in decisions.rows if row.number <= last)
