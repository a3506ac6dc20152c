"""Damage at rest: `verify` finds it in the store, the ledger and the cache, and `repair` mends what it can."""

from meli_tasks.integrity.repair import Repair
from meli_tasks.integrity.verify import Checked, Finding, Verification

__all__ = ["Checked", "Finding", "Repair", "Verification"]
