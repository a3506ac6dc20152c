"""The routes about the nights: what is new about the champion, the runs by date, and what monitoring found."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends

from meli_airflow import metadata_db, run_history
from meli_airflow.parameters import Day, Limit
from meli_airflow.store_pages import JsonBody, PagesOfStore
from meli_tasks.pages import NightFilter

router = APIRouter(prefix="/api")

MOST = 10_000
"""Runs of Airflow that are looked through for failed ones and for times."""
RECENT = 30
"""Runs that are read to find the last one that ended: some of them may still run."""


@router.get("/champion-news")
def champion_news(pages: PagesOfStore) -> JsonBody:
    """What the champion replaced, how old it is, how the last run ended and why, and what a rollback restores."""
    found = pages.news(run_history.newest_runs(RECENT))
    linked = [one.run_id for one in (found.last_run, found.way_back) if one]
    return {**found.model_dump(mode="json"), "in_airflow": sorted(metadata_db.states_of(linked))}


def night_filter(limit: Limit = 30, since: Day = None, until: Day = None) -> NightFilter:
    """Which nights to display."""
    return NightFilter(since, until, limit)


@router.get("/nights")
def nights(pages: PagesOfStore, which: Annotated[NightFilter, Depends(night_filter)]) -> JsonBody:
    """The runs by the day of their titles: how each ended, the champion, the best challenger, what the titles were."""
    airflow = run_history.newest_runs(MOST)
    found = pages.nights(which, airflow)
    linked = {run.run_id for run in airflow} & {night.run_id for night in found.nights}
    return {**found.model_dump(mode="json"), "in_airflow": sorted(linked)}


@router.get("/monitoring")
def monitoring(pages: PagesOfStore) -> JsonBody:
    """By day how far new titles are from those that the champion was validated on, and whether to retrain."""
    found = pages.monitoring()
    runs = [day.source for stream in found.streams if stream.of_runs for day in stream.days]
    return {**found.model_dump(mode="json"), "in_airflow": sorted(metadata_db.states_of(runs))}
