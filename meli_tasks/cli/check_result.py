"""What a check of `meli doctor` found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "failed", "skipped"]


@dataclass(frozen=True)
class CheckResult:
    """The outcome of one check: what was observed and, if it failed, what to do about it."""

    name: str
    state: State
    observed: str
    advice: str = ""
