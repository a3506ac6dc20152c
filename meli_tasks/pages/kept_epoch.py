"""Which epoch of a training run became the model, and why, in a line."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

from meli_tasks.stages.evaluation import Epoch

BEST = "best validation balanced accuracy"


def kept_line(epochs: Sequence[Epoch], kept: int | None, keep: str = "", stopped_by: str = "") -> str:
    """The line; empty if it is not known which epoch was kept.

    Args:
        epochs: The history.
        kept: The epoch whose weights became the model.
        keep: Which epoch the set keeps: best, or last; empty if it is not known.
        stopped_by: Who stopped the training early, and when: then the best epoch is kept, whatever `keep` says.
    """
    if not kept:
        return ""
    best = max(epochs, key=_score, default=None)  # of equal ones the first, as in training
    stopped = f" when it was stopped by {stopped_by}" if stopped_by else ""
    is_best = best is not None and any(one.epoch == kept and _score(one) == _score(best) for one in epochs)
    if keep == "last" and not stopped_by:
        line = f"epoch {kept} kept: the last one, because the set says keep = last"
        if best is None:
            return line
        return f"{line}; it is also the best" if is_best else f"{line}; epoch {best.epoch} had the {BEST}"
    if is_best:
        return f"epoch {kept} kept: {BEST}{stopped}"
    return f"epoch {kept} kept" + (f", although epoch {best.epoch} has the {BEST}" if best else "")


def _score(epoch: Epoch) -> float:
    score = epoch.validation_balanced_accuracy
    return -inf if score is None else score  # one that is not finite is stored as none
