"""A prune with the settings' rules, for `meli prune` and for the DAG `meli_prune`."""

from __future__ import annotations

import logging
from math import inf

from meli_tasks.artifacts.cache import Cache
from meli_tasks.core.errors import Unreachable
from meli_tasks.pruning.prune import Found, Outcome, Prune, totals
from meli_tasks.pruning.rules import Rules
from meli_tasks.settings import Settings
from meli_tasks.tracking.client import sign_in
from meli_tasks.tracking.model_versions import registered_models
from meli_tasks.wording import count

logger = logging.getLogger("meli_tasks")


def rules_of(
    settings: Settings,
    *,
    keep_runs: int | None = None,
    keep_days: int | None = None,
    keep_versions: int | None = None,
    gigabytes: float | None = None,
) -> Rules:
    """The rules of the settings; arguments that are given replace them, and no limit is the default."""
    return Rules(
        keep_runs=settings.prune_keep_runs if keep_runs is None else keep_runs,
        keep_days=settings.prune_keep_days if keep_days is None else keep_days,
        keep_versions=settings.prune_keep_versions if keep_versions is None else keep_versions,
        most_bytes=inf if gigabytes is None else gigabytes * 1e9,
    )


def open_prune(settings: Settings, rules: Rules, by: str) -> Prune:
    """A prune of the settings' store and cache."""
    cache = Cache(settings.cache.absolute(), settings.cache_gigabytes)
    uri, model = settings.mlflow_uri, settings.registered_model
    sign_in(settings)
    return Prune(settings.open_store(), cache, rules, registered=lambda: registered_models(uri, model), by=by)


def prune_night(settings: Settings, by: str) -> Outcome:
    """Prune with the settings' rules and limit, and log what was deleted by kind.

    Raises:
        BadData: something cannot be read, so what it needs is unknown; nothing was deleted.
        Unreachable: something could not be deleted; the next night tries again.
    """
    rules = rules_of(settings, gigabytes=settings.prune_gigabytes)
    found, outcome = open_prune(settings, rules, by).run()
    _log(found, outcome)
    if outcome.failed:
        name, problem = next(iter(outcome.failed.items()))
        raise Unreachable(f"{count(len(outcome.failed), 'item')} could not be deleted, the first {name}: {problem}")
    return outcome


def _log(found: Found, outcome: Outcome) -> None:
    for kind, (number, size) in sorted(totals(outcome.deleted).items()):
        logger.info("deleted %s: %s, %.1f MB", kind, count(number, "item"), size / 1e6)
    logger.info("deleted together: %s, %.1f MB", count(len(outcome.deleted), "item"), outcome.bytes / 1e6)
    if outcome.in_use:
        logger.info("%s stayed, because a run has used it meanwhile", count(len(outcome.in_use), "item"))
    if found.over_limit:
        left = sum(each.bytes for each in found.over_limit)
        logger.warning(
            "%s, %.1f MB, is over MELI_PRUNE_GB and left for the next night",
            count(len(found.over_limit), "item"),
            left / 1e6,
        )
