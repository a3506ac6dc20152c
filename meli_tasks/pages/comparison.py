"""Two models side by side: parameters, learning curves, and what each category gains and loses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meli_tasks.artifacts import paths
from meli_tasks.core.errors import NotFound
from meli_tasks.ledger import Decision
from meli_tasks.pages.champion import MANIFEST_SECONDS, model_manifest
from meli_tasks.pages.read_cache import Shelf
from meli_tasks.pages.runs import Runs, measured_in, rows_of
from meli_tasks.planning.plan import ENSEMBLE, Plan

EVALUATED_SECONDS = 30.0
# What a run asked for beside its sets; the rest of a request says how to work, not on what.
OF_THE_DATA = (
    "source", "as_of", "window_days", "date_column", "language", "reliable_only", "max_bad_fraction",
    "min_category_rows",
)  # fmt: skip
WORDS_ONLY = ("title", "description", "variant")


def compared(shelf: Shelf, runs: Runs, decisions: list[Decision], left: str, right: str) -> dict[str, Any]:
    """Everything the page shows of two models, by the names of their rows.

    Raises:
        NotFound: no such run, or no such model in it.
    """
    champion = decisions[-1].champion if decisions else None
    sides = [_side(shelf, runs, decisions, model, champion.train if champion else "") for model in (left, right)]
    one, other = sides
    parameters = [
        {"name": name, "left": one["parameters"].get(name), "right": other["parameters"].get(name)}
        for name in dict.fromkeys([*one["parameters"], *other["parameters"]])
    ]
    return {
        "left": one["row"],
        "right": other["row"],
        "parameters": [{**line, "differs": line["left"] != line["right"]} for line in parameters],
        "curves": {"left": one["history"], "right": other["history"]},
        "same_titles": bool(one["ingest"]) and one["ingest"] == other["ingest"],
        "categories": category_rows(one["categories"], other["categories"]),
    }


def category_rows(left: Mapping[str, Any], right: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Each category's recall on both sides and the difference, the largest gain of the right side first.

    A category that only one side was measured on has no difference, and stands last.
    """
    rows = []
    for name in sorted({*left, *right}):
        one, other = left.get(name), right.get(name)
        rows.append(
            {
                "category": name,
                "left": one["recall"] if one else None,
                "right": other["recall"] if other else None,
                "left_titles": one["titles"] if one else 0,
                "right_titles": other["titles"] if other else 0,
                "difference": other["recall"] - one["recall"] if one and other else None,
            }
        )
    return sorted(rows, key=lambda row: (row["difference"] is None, -(row["difference"] or 0.0)))


def history_of(
    shelf: Shelf, train: str, seconds: float = MANIFEST_SECONDS
) -> tuple[dict[str, Any] | None, list[dict[str, Any]]]:
    """A model's manifest, read at most `seconds` ago, and its epochs, of which an ensemble has none.

    None and nothing if it was not computed.
    """
    manifest = model_manifest(shelf, train, seconds)
    if manifest is None or manifest["stage"] == ENSEMBLE:
        return manifest, []
    # An attempt's files are written once, so this one never changes.
    return manifest, shelf.read(paths.artifact_file("train", train, manifest["attempt"], "history.json")) or []


def _side(shelf: Shelf, runs: Runs, decisions: list[Decision], model: str, champion: str) -> dict[str, Any]:
    name, label = paths.plan_and_label(model)
    # Looked up among what is there: a name from an address is not handed to the store.
    run = runs.run(name) if name in shelf.names(paths.PLANS) else None
    if run is None:
        raise NotFound(f"There is no run {model!r} in {shelf.store.url}: choose two models of the leaderboard.")
    report = shelf.read(paths.evaluated(name), EVALUATED_SECONDS)
    rows = rows_of(run, measured_in(report) if report else None, champion)
    row = next((row for row in rows if row["set"] == label), None)
    if row is None:
        raise NotFound(f"The run {run.run_id} has no model {label!r}; it has {', '.join(r['set'] for r in rows)}.")
    scores = report["scores"].get(label, {}) if report else {}
    evaluation = shelf.read(paths.manifest("evaluate", report["key"]), MANIFEST_SECONDS) if report else None
    return {
        "row": row,
        "parameters": _parameters(shelf, decisions, Plan.load(shelf.store, name), row),
        "history": history_of(shelf, row["train"])[1],
        "categories": scores.get("categories", {}),
        "ingest": evaluation["inputs"].get("ingest", "") if evaluation else "",
    }


def _parameters(shelf: Shelf, decisions: list[Decision], plan: Plan, row: Mapping[str, Any]) -> dict[str, Any]:
    """Every parameter by its dotted name. A guest's stand in the plan of the run that promoted it."""
    label = row["set"]
    manifest, _ = history_of(shelf, row["train"])
    of_ensemble = {ENSEMBLE: _of_ensemble(manifest)} if manifest and manifest["stage"] == ENSEMBLE else {}
    if row["guest"]:
        promotion = next(
            (
                d
                for d in reversed(decisions)
                if d.action == "promote" and d.champion and d.champion.train == row["train"]
            ),
            None,
        )
        origin = str(promotion.evidence.get("plan", "")) if promotion else ""
        if promotion is None or promotion.champion is None or not (origin and shelf.read(origin)):
            return flat(of_ensemble or {"train": manifest["params"]}) if manifest else {}
        plan, label = Plan.load(shelf.store, origin), promotion.champion.set_name
    request = {name: value for name, value in plan.request.items() if name in OF_THE_DATA}
    sections = {name: value for name, value in plan.resolved.get(label, {}).items() if name not in WORDS_ONLY}
    return flat({**sections, **of_ensemble, "data": request})


def _of_ensemble(manifest: Mapping[str, Any]) -> dict[str, Any]:
    return {name: manifest["summary"][name] for name in ("weights", "sharpness")}


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested values by their dotted names; a list is one value."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = value
    return found
