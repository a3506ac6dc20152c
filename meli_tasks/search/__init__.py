"""Searches for better hyperparameters within a time budget; the best trial is stored as a named set."""

from meli_tasks.search.outcome import Outcome
from meli_tasks.search.reporter import LogReporter, Reporter
from meli_tasks.search.search import Search
from meli_tasks.search.trial import SearchOptions, Trial

__all__ = ["LogReporter", "Outcome", "Reporter", "Search", "SearchOptions", "Trial"]
