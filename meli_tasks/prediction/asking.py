"""Predictions by a running service, which has the model in memory: far less time than it takes to load one here."""

from __future__ import annotations

import json
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, ValidationError

from meli_tasks.core.errors import Unreachable
from meli_tasks.http import Client
from meli_tasks.redaction import without_secrets

CONNECT_SECONDS = 2.0
READ_SECONDS = 10.0
_QUOTED_CHARACTERS = 200


class NoPrediction(Unreachable):
    """The service did not answer, or its answer is none that can be used."""


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class AnsweringModel(_Answer):
    """The model that answered. `decision` is that of the ledger which made it the champion, None if none did."""

    set: str
    key: str
    sha256: str = ""
    decision: str | int | None = None

    @property
    def name(self) -> str:
        """As `meli predict` names a model that it loads itself."""
        return f"champion {self.set}" if self.decision not in (None, "") else f"{self.set} {self.key[:8]}"


class AnsweredTitle(_Answer):
    """What the model makes of one title; no categories if it knows no word of it. `abstained` is for a service that
    answers only above a probability."""

    known: bool | None
    abstained: bool = False
    categories: tuple[str, ...]
    probabilities: tuple[float, ...]


class Answered(_Answer):
    """The service's answer to some titles, in their order."""

    model: AnsweringModel
    predictions: tuple[AnsweredTitle, ...]


def ask(url: str, titles: Sequence[str], top: int, key: str = "") -> Answered:
    """Ask a service for the `top` most likely categories of titles; `key` is one of its API keys, if it requires one.

    Raises:
        NoPrediction: it does not answer, refuses, or answers something else; the message says which.
    """
    place = f"{url.rstrip('/')}/predict"
    with Client(connect_seconds=CONNECT_SECONDS, read_seconds=READ_SECONDS, token=key) as client:
        try:
            answer = client.request("POST", place, body={"titles": list(titles), "top": top}, redirects=False)
        except Unreachable as error:
            raise NoPrediction(str(error)) from None
    place = without_secrets(place)
    if answer.status == 401:
        raise NoPrediction(f"{place} requires an API key: set MELI_SERVING_KEY to one of them")
    if not answer.ok:
        said = answer.text.strip()[:_QUOTED_CHARACTERS]
        raise NoPrediction(f"{place} answered {answer.status} {answer.reason}".rstrip() + (f": {said}" if said else ""))
    try:
        answered = Answered.model_validate(json.loads(answer.body))
    except (ValidationError, ValueError):
        raise NoPrediction(f"{place} answered something that is no prediction; is it another program?") from None
    if len(answered.predictions) != len(titles):
        raise NoPrediction(
            f"{place} answered {len(answered.predictions)} predictions to {len(titles)} titles; is it another program?"
        )
    return answered
