"""What a model's titles looked like when it was validated: the profile that each day is compared with.

It is made once for each model and stored beside what monitoring finds with it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from meli_tasks.artifacts import paths, reading
from meli_tasks.artifacts.cache import Cache
from meli_tasks.artifacts.manifest import Manifest
from meli_tasks.core.errors import BadData, Conflict
from meli_tasks.core.title_profile import TitleProfile
from meli_tasks.planning.lineage import listings_of
from meli_tasks.settings import Settings
from meli_tasks.stages.stored import Stored
from meli_tasks.stages.summaries import IngestSummary
from meli_tasks.store import Store

if TYPE_CHECKING:
    from meli_tasks.core.models.ensemble import Classifier

MOST_VALIDATION_TITLES = 200_000
LISTINGS = "listings.parquet"


class Reference(Stored):
    """The profile of a model's validation titles."""

    version: int = 1
    model: str
    """KEY@SHA256."""
    ingest: str
    """The key of the listings that the model was fitted on."""
    abstain_below: float = 0.0
    """Titles with a lower probability are counted as abstentions, and not in a category."""
    profile: TitleProfile


def load_reference(store: Store, model: Manifest, abstain_below: float = 0.0) -> Reference | None:
    """The stored reference of a model with this threshold; None if there is none.

    Raises:
        BadData: it cannot be read.
    """
    name = paths.monitoring_reference(str(model.ref), abstain_below)
    return reading.read(store, name, Reference.model_validate_json)


def make_reference(
    settings: Settings, store: Store, model: Manifest, classifier: Classifier, abstain_below: float = 0.0
) -> Reference:
    """Compute and store the reference of a model with this threshold.

    Raises:
        NotFound: its listings are not in the store.
        BadData: its listings have no validation titles.
    """
    from meli_tasks.monitoring.profiles import profile_of, with_bad_rows
    from meli_tasks.stages.listings.title_samples import validation_titles

    listings = listings_of(store, model)
    titles = validation_titles(listings_file(settings, store, listings), MOST_VALIDATION_TITLES)
    if not titles:
        raise BadData(f"The listings {listings.key} of the model {model.key} in {store.url} have no validation titles.")
    counted = profile_of(classifier, titles, abstain_below).profile
    profile = with_bad_rows(counted, listings.read_summary(IngestSummary))
    found = Reference(model=str(model.ref), ingest=listings.key, abstain_below=abstain_below, profile=profile)
    try:
        name = paths.monitoring_reference(found.model, abstain_below)
        reading.write(store, name, found.model_dump_json(indent=1).encode(), if_absent=True)
    except Conflict:  # another process was first, with the same profile
        pass
    return found


def listings_file(settings: Settings, store: Store, listings: Manifest) -> Path:
    """The listings of an ingest artifact as a local file, fetched into the cache if they are not there yet."""
    return Cache(settings.cache.absolute(), settings.cache_gigabytes).fetch(store, listings) / LISTINGS
