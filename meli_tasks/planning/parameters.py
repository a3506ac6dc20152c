"""Parameters by their dotted names, as comparisons of two models list them."""

from __future__ import annotations

from collections.abc import Mapping

from meli_tasks.artifacts.manifest import Manifest
from meli_tasks.planning.plan import Plan
from meli_tasks.stages.summaries import ENSEMBLE, EnsembleSummary

# The fields of the request that describe the data; the others control the run.
DATA_FIELDS = {
    "source", "as_of", "window_days", "date_column", "language", "reliable_only", "max_bad_fraction",
    "min_category_rows",
}  # fmt: skip


def data_parameters(plan: Plan) -> dict[str, object]:
    """Which titles a plan's run uses."""
    data = plan.request.model_dump(mode="json", include=DATA_FIELDS)
    return flat({"data": data})


def ensemble_parameters(ensemble: Manifest) -> dict[str, object]:
    """What an ensemble was fitted to, apart from the weights of its members."""
    return flat({ENSEMBLE: ensemble.read_summary(EnsembleSummary).model_dump(include={"inverse_temperatures"})})


def flat(values: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    """Nested values by their dotted names; a list is one value."""
    found: dict[str, object] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = value
    return found
