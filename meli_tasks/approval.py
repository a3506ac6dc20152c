"""A person's answer to the question whether a model becomes champion, and what follows from it for the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import Field, field_validator

from meli_tasks.stages.stored import Stored
from meli_tasks.wording import UNPRINTABLE

MAX_REASON_CHARACTERS = 500
MAX_NAME_CHARACTERS = 200


class Approval(Stored):
    """Who answered, when, and why. A question that nobody answered in time counts as rejected, by nobody."""

    by: str = Field("", description="who answered; empty if nobody did in time")
    at: datetime = Field(description="when, in UTC")
    approved: bool
    reason: str = Field("", description="the person's own words, on one line; a longer text is cut")
    timed_out: bool = Field(False, description="whether nobody answered in time")

    @field_validator("reason", mode="before")
    @classmethod
    def _one_line(cls, text: Any) -> str:
        return one_line(text, MAX_REASON_CHARACTERS)

    @field_validator("by", mode="before")
    @classmethod
    def _name(cls, text: Any) -> str:
        return one_line(text, MAX_NAME_CHARACTERS)

    @property
    def rejected(self) -> bool:
        """Whether a person said no."""
        return not self.approved and not self.timed_out

    def sentence(self) -> str:
        """What was answered, as a sentence."""
        if self.timed_out:
            return "Nobody answered in time."
        words = f" ({self.reason})" if self.reason else ""
        return f"{'Approved' if self.approved else 'Rejected'} by {self.by or 'an unknown user'}{words}."


@dataclass(frozen=True)
class Settlement:
    """How a decision ends that may have waited for a person: what the ledger records.

    Attributes:
        promoted: Label of the model that becomes champion; None keeps the current one.
        reason: A sentence for people.
        approval: The person's answer that this rests on; None if none was needed, or nobody was asked.
    """

    promoted: str | None
    reason: str
    approval: Approval | None = None


def one_line(text: object, limit: int) -> str:
    """What a person typed, as one line without characters that a terminal obeys, cut to `limit` characters."""
    line = " ".join(UNPRINTABLE.sub(" ", str(text or "")).split())
    return line if len(line) <= limit else f"{line[: limit - 1].rstrip()}…"
