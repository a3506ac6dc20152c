"""Search for better hyperparameters within a budget of minutes: the best trial is kept as a named set."""

from meli_tasks.search.outcome import Outcome
from meli_tasks.search.search import Search
from meli_tasks.search.trial import Asked, Trial
from meli_tasks.search.watcher import LogWatcher, Watcher

__all__ = ["Asked", "LogWatcher", "Outcome", "Search", "Trial", "Watcher"]
