"""The parameters of the pages' requests: what each must be, in words, which the refusal of another value repeats."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Literal

from fastapi import Depends, Path, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

EXPECTED = {
    "limit": "a whole number from 1 to 1,000",
    "text": "at most 200 characters",
    "set": "the name of a set",
    "kind": "mlp, cnn, ensemble or champion",
    "rows": "a whole number from 1 to 1,000",
    "open": "up to 50 ids of test titles, as the leaderboard has them",
    "pin": "up to 20 ids of models, as the leaderboard has them",
    "since": "a date such as 2026-11-28",
    "until": "a date such as 2026-11-28",
    "left": "the id of a model, as the leaderboard has it",
    "right": "the id of a model, as the leaderboard has it",
    "compare": "the ids of 2 to 8 different models, as the leaderboard has them",
    "baseline": "the id of one of the compared models",
    "stage": "the name of a stage, such as train",
    "key": "an artifact's key, 32 digits from 0 to f",
    "run_id": "the id of a run",
    "task_id": "the id of a task",
    "map_index": "a whole number, -1 or more",
    "run": "the part of a model's id before the first slash",
    "digest": "the part of a model's id between the slashes",
    "label": "the name of a model in its run",
    "category": "the name of a category",
    "predicted": "the name of a category",
    "of": "the name of a category",
    "on": "a date such as 2026-11-28",
    "model": "the id of a model, as the leaderboard has it, or KEY@SHA256",
    "titles": "a list of 1 to 100 titles, each of 1 to 500 characters",
    "top": "a whole number from 1 to 20",
    "effects": "true or false",
    "name": "the name of a file, of 1 to 200 characters",
    "content": "a file of at most 1,000,000 bytes, in base64",
    "note": "a text of at most 2,000 characters",
    "seen": "the number of the note that you have seen, 0 if there is none",
    "reason": "a text of 1 to 1,000 characters",
    "expected": "the number of the last decision that you have seen, 0 if there is none",
    "approve": "true or false",
    "to": "the number of a decision, or null for the previous champion",
}
SHOWN_CHARACTERS = 60
MOST_COMPARED = 8
# PostgreSQL refuses a text with a NUL character in it.
TEXT = r"^[^\x00]*$"

Limit = Annotated[int, Query(ge=1, le=1_000, description=EXPECTED["limit"])]
Text = Annotated[str, Query(max_length=200, pattern=TEXT, description=EXPECTED["text"])]
SetName = Annotated[str, Query(alias="set", max_length=200, pattern=TEXT, description=EXPECTED["set"])]
Kind = Annotated[Literal["", "mlp", "cnn", "ensemble", "champion"], Query(description=EXPECTED["kind"])]
Rows = Annotated[int, Query(ge=1, le=1_000, description=EXPECTED["rows"])]
TestSetIds = Annotated[
    Sequence[Annotated[str, StringConstraints(pattern="^[0-9a-f]{16}$")]],
    Query(alias="open", max_length=50, description=EXPECTED["open"]),
]
Pins = Annotated[
    Sequence[Annotated[str, StringConstraints(max_length=900, pattern=TEXT)]],
    Query(alias="pin", max_length=20, description=EXPECTED["pin"]),
]
Day = Annotated[date | None, Query(description=EXPECTED["since"])]
ModelId = Annotated[str, Query(max_length=900, pattern=TEXT, description=EXPECTED["left"])]
ModelIds = Annotated[
    Sequence[Annotated[str, StringConstraints(max_length=900, pattern=TEXT)]], Query(description=EXPECTED["compare"])
]
Stage = Annotated[str, Path(pattern="^[a-z]{1,20}$", description=EXPECTED["stage"])]
Key = Annotated[str, Path(pattern="^[0-9a-f]{32}$", description=EXPECTED["key"])]
RunId = Annotated[str, Path(max_length=900, pattern=TEXT, description=EXPECTED["run_id"])]
RunIdParameter = Annotated[str, Query(max_length=900, pattern=TEXT, description=EXPECTED["run_id"])]
TaskId = Annotated[str, Query(max_length=250, pattern=TEXT, description=EXPECTED["task_id"])]
RunPart = Annotated[str, Path(max_length=600, pattern=TEXT, description=EXPECTED["run"])]
Digest = Annotated[str, Path(pattern=r"^[A-Za-z0-9_.-]{1,64}$", description=EXPECTED["digest"])]
Label = Annotated[str, Path(max_length=250, pattern=TEXT, description=EXPECTED["label"])]
OptionalCategory = Annotated[str, Query(max_length=1_000, pattern=TEXT, description=EXPECTED["category"])]
TitlesLimit = Annotated[int, Query(ge=1, le=1_000, description=EXPECTED["limit"])]
ModelInBody = Annotated[str, StringConstraints(min_length=1, max_length=900, pattern=TEXT)]
OptionalModelInBody = Annotated[str, StringConstraints(max_length=900, pattern=TEXT)]
TitlesInBody = Annotated[
    list[Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=TEXT)]],
    Field(min_length=1, max_length=100),
]
FileName = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=TEXT)]


def _from_base64(value: object) -> bytes:
    if not isinstance(value, str):
        raise ValueError("not a text")
    return base64.b64decode(value, validate=True)  # pydantic's own decoder skips what is no base64


FileInBody = Annotated[bytes, BeforeValidator(_from_base64)]
Top = Annotated[int, Field(strict=True, ge=1, le=20)]
Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1_000, pattern=TEXT)]
RunIdInBody = Annotated[str, StringConstraints(min_length=1, max_length=900, pattern=TEXT)]
TrainingTask = Literal["train_mlp", "train_cnn"]
MapIndexInBody = Annotated[int, Field(strict=True, ge=0, le=1_000_000)]
NoteText = Annotated[str, StringConstraints(max_length=2_000, pattern=TEXT)]
Expected = Annotated[int, Field(strict=True, ge=0, le=99_999_999)]
DecisionNumber = Annotated[int, Field(strict=True, ge=1, le=99_999_999)] | None
MapIndex = Annotated[int, Query(ge=-1, le=1_000_000, description=EXPECTED["map_index"])]


class Body(BaseModel):
    """Base of what is sent: a misspelled name is refused, not ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def model_id(run: RunPart, digest: Digest, label: Label) -> str:
    """The id of a model: RUN/HASH/LABEL. As three parameters, what follows it is never taken for a part of it."""
    return f"{run}/{digest}/{label}"


ModelInPath = Annotated[str, Depends(model_id)]


@dataclass(frozen=True)
class ToCompare:
    """The ids of the models of a comparison, and of the one that the others are compared with, empty by default."""

    models: tuple[str, ...]
    baseline: str


def to_compare(compare: ModelIds = (), baseline: ModelId = "", left: ModelId = "", right: ModelId = "") -> ToCompare:
    """`compare` is given once for each model; `left` and `right` are those of earlier versions, for two of them."""
    models, baseline = tuple(compare), baseline or left
    if not models and (left or right):
        need_both(left=left, right=right)
        models = (left, right)
    if not models:
        raise RequestValidationError([{"type": "missing", "loc": ("query", "compare"), "input": None}])
    wrong = f"{len(models)} models" if len(models) > 1 else "1 model"
    if len(set(models)) < len(models):
        wrong = "the same model twice"
    elif 2 <= len(models) <= MOST_COMPARED:
        wrong = ""
    if wrong:
        raise RequestValidationError([{"type": "value_error", "loc": ("query", "compare"), "input": wrong}])
    if baseline and baseline not in models:
        raise RequestValidationError([{"type": "value_error", "loc": ("query", "baseline"), "input": baseline}])
    return ToCompare(models, baseline)


Comparison = Annotated[ToCompare, Depends(to_compare)]


def need_both(**parameters: str) -> None:
    """Refuse a request that has some of these parameters, but not all."""
    for name, value in parameters.items():
        if not value:
            raise RequestValidationError([{"type": "missing", "loc": ("query", name), "input": None}])


def sends(media_type: str) -> dict[str, Any]:
    """What a route that does not answer with JSON says in the OpenAPI document; its refusals are JSON all the same."""
    return {"response_class": Response, "responses": {200: {"content": {media_type: {}}}}}


class Problem(BaseModel):
    """Why a request was refused, in a sentence."""

    detail: str


def refusal(_: Request, error: RequestValidationError) -> JSONResponse:
    """Answer with a sentence, as for every other error, and not with the validator's own report."""
    return JSONResponse({"detail": " ".join(_sentence(one) for one in _first_of_each(error.errors()))}, 422)


def _first_of_each(errors: Sequence[Any]) -> list[Any]:
    """One error for each parameter."""
    return list({error["loc"]: error for error in reversed(errors)}.values())[::-1]


def _sentence(error: Any) -> str:
    if error["type"] == "json_invalid":
        return "The body is not JSON."
    name = next(str(part) for part in reversed(error["loc"]) if isinstance(part, str))  # not a place in a list
    if error["type"] == "extra_forbidden":
        return f"There is no parameter {_shortened(name)!r}."
    if error["loc"] == ("body",):
        return "The body must be a JSON object."
    expected = EXPECTED.get(name, "something else")
    if error["type"] == "missing":
        return f"The parameter {name} is missing: it must be {expected}."
    return f"The parameter {name} is {_shortened(str(error['input']))!r}, but it must be {expected}."


def _shortened(value: str) -> str:
    return value if len(value) <= SHOWN_CHARACTERS else f"{value[:SHOWN_CHARACTERS]}…"
