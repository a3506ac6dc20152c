"""The request for a batch: its model, which validates it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from pydantic import Field, ValidationError, field_validator

from meli_tasks.concealed import Concealed, conceal_all
from meli_tasks.core.errors import BadHyperparameters
from meli_tasks.core.section import Section, check_writable
from meli_tasks.settings import Settings

SOURCE = "A file, folder, glob, s3://bucket/prefix or https://; {ds} in it is the date. Files need a column title."
MODEL = "The key of a model or its beginning (KEY@SHA256 for one attempt of it); empty for the champion."
SET = "A set whose newest model is used, or ensemble; empty for the champion."
OUTPUT = (
    "Copies of the results: a folder or s3:// prefix, beside for a folder _scored beside the files, or store for none. "
    "By default MELI_BATCH_OUTPUT."
)
AS_OF = "The date for {ds} in the source; by default the run's."
TOP = "How many categories each row gets."
ABSTAIN_BELOW = "Count a row as an abstention if its probability is lower; its category is written nevertheless."


class BatchRequest(Section):
    """What to score with which model, and where the results go."""

    source: Concealed = Field("", description=SOURCE)
    model: str = Field("", description=MODEL)
    set_name: str = Field("", description=SET)
    output: Concealed = Field("", description=OUTPUT)
    as_of: date | None = Field(None, description=AS_OF)
    top: int = Field(5, ge=1, le=100, description=TOP)
    abstain_below: float = Field(0.0, ge=0, le=1, description=ABSTAIN_BELOW)

    @field_validator("source", "model", "set_name", "output", mode="before")
    @classmethod
    def _stripped(cls, value: object) -> object:
        return "" if value is None else value.strip() if isinstance(value, str) else value

    @classmethod
    def check(cls, params: Mapping[str, object], settings: Settings) -> BatchRequest:
        """Validate parameters, with defaults from the settings.

        Raises:
            BadHyperparameters: a parameter is unknown or has a value that is not allowed, or there is no source.
        """
        try:
            check_writable(params)
        except ValueError as error:
            raise BadHyperparameters(f"This batch cannot be scored: {error}.") from None
        try:
            request = cls.model_validate(conceal_all(dict(params)))
        except ValidationError as error:
            wrong = "; ".join(
                f"{'.'.join(map(str, each['loc']))}={each['input']!r}: {each['msg']}"
                for each in error.errors(include_url=False)
            )
            raise BadHyperparameters(f"This batch cannot be scored: {wrong}.") from None
        request = request.model_copy(
            update={
                "source": request.source or settings.batch_source,
                "output": request.output or settings.batch_output,
            }
        )
        if not request.source:
            raise BadHyperparameters("There is no source to score. Give one, or set MELI_BATCH_SOURCE.")
        if request.model and request.set_name:
            raise BadHyperparameters("model and set_name both choose the model; give only one.")
        return request
