"""Runs inside an Airflow: the tab of a training task after what the run's tasks returned was cleared.

Prints what the database says of an unknown task, and {case: [set, state, number of epochs]}.
"""

from __future__ import annotations

import json
import sys

from meli_airflow import application, metadata_db

from meli_tasks.pages import Pages
from meli_tasks.settings import Settings

RETURNED = {
    "nothing": None,
    "another form": ["quick_mlp"],
    "no plan": [{"set": "mlp"}],
    "too short": [],
    "not a list": {"plan": "p", "set": "mlp"},
}


def main(run_id: str, plan: str) -> None:
    """Ask for the tab, for each of what may be found instead of the list of sets."""
    pages = Pages(Settings.from_environment().open_store())
    unknown = metadata_db.label_of(run_id, "train_mlp", 0)
    found = {}
    for label in ("mlp", ""):
        metadata_db.label_of = lambda *_, label=label: label
        for case, value in {**RETURNED, "all": [{"plan": plan, "set": "mlp"}]}.items():
            metadata_db.returned = lambda *_, value=value: value
            page = application.training(pages, run_id, "train_mlp", 0)
            found[f"{label or 'no label'}, {case}"] = [page["set"], page["state"], len(page["epochs"])]
    print("FOUND", json.dumps([unknown, found]))  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
