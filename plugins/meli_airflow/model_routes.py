"""The routes of the page of one model."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import Response

from meli_airflow.parameters import ModelInPath, OptionalCategory, TitlesLimit, need_both
from meli_airflow.store_pages import JsonBody, PagesOfStore

router = APIRouter(prefix="/api/model/{run}/{digest}/{label}")


@router.get("")
def model(pages: PagesOfStore, model: ModelInPath) -> JsonBody:
    """One model of one run: its figures, what it was made from, the decisions that it took part in."""
    return pages.model(model).model_dump(mode="json")


@router.get("/confusions")
def confusions(
    pages: PagesOfStore,
    model: ModelInPath,
    category: OptionalCategory = "",
    predicted: OptionalCategory = "",
    limit: TitlesLimit = 20,
) -> JsonBody:
    """The most confused pairs of categories; with `category` and `predicted`, the titles of that pair."""
    if not category and not predicted:
        return pages.confusions(model).model_dump(mode="json")
    need_both(category=category, predicted=predicted)
    return pages.confused_titles(model, category, predicted, limit).model_dump(mode="json")


@router.get("/suspects.csv")
def suspects(pages: PagesOfStore, model: ModelInPath) -> Response:
    """The suspect labels of the model's evaluation, as a download."""
    headers = {
        "Content-Disposition": 'attachment; filename="suspect_labels.csv"',
        "X-Content-Type-Options": "nosniff",
    }
    return Response(pages.suspect_labels(model), media_type="text/csv; charset=utf-8", headers=headers)
