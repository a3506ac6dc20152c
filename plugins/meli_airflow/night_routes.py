"""The routes about the nights: what is new about the champion, and the figures of the runs by date."""

from __future__ import annotations

from fastapi import APIRouter

from meli_airflow import metadata_db, run_history
from meli_airflow.store_pages import JsonBody, PagesOfStore

router = APIRouter(prefix="/api")

RECENT = 30
"""Runs that are read to find the last one that ended: some of them may still run."""


@router.get("/champion-news")
def champion_news(pages: PagesOfStore) -> JsonBody:
    """What the champion replaced, how old it is, how the last run ended and why, and what a rollback restores."""
    found = pages.news(run_history.newest_runs(RECENT))
    linked = [one.run_id for one in (found.last_run, found.way_back) if one]
    return {**found.model_dump(mode="json"), "in_airflow": sorted(metadata_db.states_of(linked))}
