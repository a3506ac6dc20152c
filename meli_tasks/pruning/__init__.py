"""`meli prune`: what nothing needs any more is found by mark and sweep, and deleted while runs may be writing."""

from meli_tasks.pruning.candidates import Candidate
from meli_tasks.pruning.nightly import open_prune, prune_night, rules_of
from meli_tasks.pruning.prune import Found, Outcome, Prune, totals
from meli_tasks.pruning.rules import Rules

__all__ = ["Candidate", "Found", "Outcome", "Prune", "Rules", "open_prune", "prune_night", "rules_of", "totals"]
