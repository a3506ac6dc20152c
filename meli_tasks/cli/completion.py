"""What the shell offers when a name is completed with Tab: hyperparameter sets and runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from meli_tasks.core.errors import MeliError


def sets(incomplete: str) -> list[str]:
    """The sets of the package and of the store whose names begin like the last one of a comma-separated list."""
    before, comma, beginning = incomplete.rpartition(",")
    return [f"{before}{comma}{name}" for name in _set_names() if name.startswith(beginning)]


def runs(incomplete: str) -> list[str]:
    """The ids of runs, newest first, that begin like this."""
    return [run for run in dict.fromkeys(_offered(_run_ids)) if run.startswith(incomplete)]


def _set_names() -> list[str]:
    from meli_tasks.sets import catalog

    return [*catalog.names(), *_offered(_stored_set_names)]


def _stored_set_names() -> list[str]:
    from meli_tasks.sets import stored
    from meli_tasks.settings import Settings

    return list(stored.names(Settings.from_environment().open_store()))


def _run_ids() -> list[str]:
    from meli_tasks.artifacts.reading import LenientReader
    from meli_tasks.planning.history import run_ids
    from meli_tasks.settings import Settings

    store = Settings.from_environment().open_store()
    return run_ids(store, LenientReader(store))


def _offered(names: Callable[[], Iterable[str]]) -> Iterable[str]:
    """Names from the store; none if it cannot be read, since a message would be printed into the line being typed."""
    try:
        return names()
    except MeliError:
        return ()
