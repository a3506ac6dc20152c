"""The routes of the page of one model."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.responses import Response, StreamingResponse

from meli_airflow import metadata_db
from meli_airflow.auth import signed_in
from meli_airflow.parameters import (
    Body,
    Expected,
    FileInBody,
    FileName,
    ModelInPath,
    NoteText,
    OptionalCategory,
    OptionalModelInBody,
    TitlesInBody,
    TitlesLimit,
    Top,
    need_both,
    sends,
)
from meli_airflow.store_pages import JsonBody, PagesOfStore

router = APIRouter(prefix="/api")
MODEL = "/model/{run}/{digest}/{label}"


class Titles(Body):
    """Titles to classify, by the champion if no model is named. Without `effects` it is several times as fast."""

    titles: TitlesInBody
    model: OptionalModelInBody = ""
    top: Top = 5
    effects: bool = True


class File(Body):
    """A CSV file to classify, by the champion if no model is named."""

    name: FileName
    content: FileInBody
    model: OptionalModelInBody = ""
    top: Top = 5


class WrittenNote(Body):
    """The text of a note, empty to remove it, and the number of the note that the person has seen."""

    note: NoteText
    seen: Expected


@router.get(MODEL)
def model(pages: PagesOfStore, model: ModelInPath) -> JsonBody:
    """One model of one run: its figures, what it was made from, the decisions that it took part in."""
    found = pages.model(model)
    runs = [found.row.run_id, *(one.run_id for one in found.lineage), *(one.run_id for one in found.decisions)]
    return {**found.model_dump(mode="json"), "in_airflow": sorted(metadata_db.states_of(runs))}


@router.get(f"{MODEL}/confusions")
def confusions(
    pages: PagesOfStore,
    model: ModelInPath,
    category: OptionalCategory = "",
    predicted: OptionalCategory = "",
    *,
    of: OptionalCategory = "",
    limit: TitlesLimit = 20,
) -> JsonBody:
    """The most confused pairs of categories, or with `of` those of a category; the titles of a pair with both names."""
    if not category and not predicted:
        return pages.confusions(model, of).model_dump(mode="json")
    need_both(category=category, predicted=predicted)
    return pages.confused_titles(model, category, predicted, limit).model_dump(mode="json")


@router.get(f"{MODEL}/suspects.csv", **sends("text/csv"))
def suspects(pages: PagesOfStore, model: ModelInPath) -> Response:
    """The suspect labels of the model's evaluation, as a download."""
    headers = {"Content-Disposition": 'attachment; filename="suspect_labels.csv"'}
    return Response(pages.suspect_labels(model), media_type="text/csv; charset=utf-8", headers=headers)


@router.post(f"{MODEL}/note")
def write_note(
    pages: PagesOfStore, user: Annotated[Any, Depends(signed_in)], model: ModelInPath, body: WrittenNote
) -> JsonBody:
    """Write or remove the note of a model."""
    return pages.write_note(model, body.note, by=user.get_name(), seen=body.seen).model_dump(mode="json")


@router.post("/predict")
def predict(pages: PagesOfStore, body: Titles) -> JsonBody:
    """The most probable categories of titles, which of their words are known, and what each word contributes."""
    return pages.predict(body.titles, body.model, body.top, effects=body.effects).model_dump(mode="json")


@router.post("/predict/file", **sends("application/x-ndjson"))
def predict_file(pages: PagesOfStore, body: File) -> StreamingResponse:
    """The categories of a CSV file's titles, as lines of JSON: how much is done, at last the result or an error."""
    events = pages.score(body.name, body.content, body.model, body.top)
    lines = (f"{event.model_dump_json()}\n" for event in events)
    # With an encoding of its own, Airflow's compression, which would hold the lines back, leaves the answer alone.
    headers = {"Content-Encoding": "identity"}
    return StreamingResponse(lines, media_type="application/x-ndjson", headers=headers)
