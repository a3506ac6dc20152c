"""What `meli predict "title"` costs beyond the command line's own start: a new process that classifies one title.

A module of its own, as the other parts import torch, which this is about.
"""

from __future__ import annotations

from pathlib import Path

TITLE = "Funda De Silicona Para Iphone 11 Roja"


def classify(model: str) -> str:
    """Loads a model, classifies a title and returns its category."""
    from meli_tasks.stages.files.numpy_model import load_numpy_model

    classifier = load_numpy_model(Path(model))
    if classifier is None:
        raise ValueError(f"{model} is a model that only torch can compute")
    best, _ = classifier.rank([TITLE], top=1)
    return classifier.categories[int(best[0, 0])]
