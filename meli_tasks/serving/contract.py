"""What is sent to the service and what it answers, for programs, people and OpenAPI."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator

from meli_tasks.core.errors import BadData
from meli_tasks.serving.batching import Answer

MOST_CATEGORIES = 1_000
_NAMED_PROBLEMS = 3
_EXAMPLES: list[JsonValue] = [
    {"title": "Funda Silicona iPhone 11"},
    {"titles": ["Zapatillas Running Talle 42", "Fone De Ouvido Bluetooth"], "top": 3, "abstain_below": 0.5},
]


class BadRequest(BadData):
    """The body of a request is not JSON."""


class TooLarge(BadData):
    """A request has more titles or bytes than the service accepts."""


class PredictRequest(BaseModel):
    """Titles to classify: `title` or `titles`, not both."""

    model_config = ConfigDict(extra="forbid", strict=True, json_schema_extra={"examples": _EXAMPLES})

    title: str | None = Field(None, description="one title")
    titles: list[str] | None = Field(None, min_length=1, description="titles, which are answered in their order")
    top: int = Field(5, ge=1, le=MOST_CATEGORIES, description="categories to rank for each title")
    abstain_below: float = Field(
        0.0, ge=0, le=1, description="titles whose best category is less probable are answered with abstained: true"
    )

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.title is None) == (self.titles is None):
            raise ValueError("give either title or titles")
        return self

    @classmethod
    def parse(cls, body: bytes) -> PredictRequest:
        """Read the body of a request.

        Raises:
            BadRequest: it is not JSON.
            BadData: it is something else than this; the message repeats nothing of it.
        """
        try:
            return cls.model_validate_json(body)
        except ValidationError as error:
            problems = error.errors(include_url=False, include_input=False, include_context=False)
        described = [_described(problem["loc"], problem["msg"]) for problem in problems[:_NAMED_PROBLEMS]]
        more = len(problems) - len(described)
        message = "; ".join(described) + (f"; and {more:,} more problems" if more else "") + "."
        raise (BadRequest if problems[0]["type"] == "json_invalid" else BadData)(message)

    @property
    def all_titles(self) -> list[str]:
        """The titles, also if there is one."""
        return [self.title] if self.title is not None else self.titles or []


class AnsweringModel(BaseModel):
    """The model that made all predictions of an answer."""

    set: str = Field(description="its set of hyperparameters, or ensemble; empty if it was chosen by its key")
    key: str
    sha256: str = Field(description="digest of its files")
    decision: int | None = Field(description="number of the decision which made it the champion; null if it is pinned")


class Prediction(BaseModel):
    """What the model makes of one title."""

    category: str = Field(description="most probable category; empty if there is none")
    probability: float | None
    categories: list[str] = Field(description="most probable categories, best first")
    probabilities: list[float]
    known: bool | None = Field(description="whether the model knows a word of the title; null if the title is unusable")
    abstained: bool = Field(description="whether the probability is below abstain_below")
    problem: str = Field(description="why the title cannot be classified; empty if it can")


class PredictAnswer(BaseModel):
    """The predictions, in the order of the titles."""

    model: AnsweringModel
    predictions: list[Prediction]


class Problem(BaseModel):
    """Why a request was refused."""

    detail: str


def answer_json(answer: Answer, reasons: Sequence[str], abstain_below: float) -> bytes:
    """The body of an answer: a `PredictAnswer`, written without making one, which takes as long as classifying."""
    found = answer.predictions
    rows = zip(
        found.category, found.probability, found.categories, found.probabilities, found.known, reasons, strict=True
    )
    predictions: list[dict[str, Any]] = [
        {
            "category": category,
            "probability": probability,
            "categories": categories,
            "probabilities": probabilities,
            "known": known,
            "abstained": probability is not None and probability < abstain_below,
            "problem": reason,
        }
        for category, probability, categories, probabilities, known, reason in rows
    ]
    document = {"model": answer.served.identity(), "predictions": predictions}
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _described(location: Sequence[str | int], message: str) -> str:
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".")
    message = message.removeprefix("Value error, ")
    return f"{place}: {message}" if place else message
