"""Whether the files of a run's day have arrived."""

from __future__ import annotations

from datetime import date

from meli_tasks import sources
from meli_tasks.planning.request import Request
from meli_tasks.settings import Settings
from meli_tasks.sources.days import DATE
from meli_tasks.sources.place import NoFiles


def late_files(request: Request, settings: Settings, as_of: date | None) -> str:
    """Describe what is missing if a dated source has no files for the run's day, the last one of a window.

    Args:
        request: What to do.
        settings: For the keys of sources.
        as_of: The date on which the run is due, which the request may replace.

    Returns:
        Which files were expected, and where; empty if the files are there or the source has no dates.

    Raises:
        Rejected: the server of the source refused.
        Unreachable: it did not answer.
    """
    day = request.as_of or as_of
    if DATE not in request.source or day is None:
        return ""
    try:
        sources.identify(request.source, day, settings)
    except NoFiles as error:
        return str(error)
    return ""
