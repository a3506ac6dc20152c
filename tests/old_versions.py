"""The stages' versions in 0.1.0, to show that its keys are still made alike and its artifacts still found."""

from __future__ import annotations

from dataclasses import replace

import pytest

from meli_tasks.stages import STAGES

VERSIONS = {"ingest": 2, "preprocess": 2, "embed": 2, "train": 2, "ensemble": 1, "evaluate": 1, "promote": 1}
"""A raised one changes the keys of its stage and of those after it: they are recomputed."""


def use_old_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the stages the versions of 0.1.0, so that nothing but the way keys are made can change a key."""
    for name, version in VERSIONS.items():
        monkeypatch.setitem(STAGES, name, replace(STAGES[name], version=version))
