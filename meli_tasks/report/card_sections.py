"""The tables and the front matter of a model card."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from meli_tasks.core.stage_parameters import TEST_SPLIT
from meli_tasks.planning.parameters import flat
from meli_tasks.planning.plan import Plan
from meli_tasks.report.blocks import Cell, Column, Row, Table, figure, interval, whole
from meli_tasks.stages.evaluation import Evaluation
from meli_tasks.wording import duration, printable

if TYPE_CHECKING:
    from meli_tasks.report.card import CardSource

CODES = {"spanish": "es", "portuguese": "pt"}
WEAKEST, MIN_TITLES = 10, 3
_METRICS = {
    "balanced_accuracy": "balanced accuracy",
    "accuracy": "accuracy",
    "top3": "top 3",
    "top5": "top 5",
    "macro_f1": "macro F1",
    "calibration_error": "calibration error",
    "milliseconds_p95": "CPU ms per title, 95th percentile",
    "megabytes": "MB on disk",
}


def front_matter(found: CardSource) -> str:
    """The YAML between two lines of dashes, as Hugging Face's tools read it. What is unknown is left out."""
    import yaml

    listings, evaluation = found.listings, found.evaluation
    languages = [CODES.get(name, name) for name in sorted(listings.languages)] if listings else []
    fields: dict[str, object] = {
        **({"language": [printable(name) for name in languages]} if languages else {}),
        "library_name": "meli-tasks",
        "pipeline_tag": "text-classification",
        "tags": ["text-classification", "pytorch", "marketplace-listings"],
        "metrics": ["balanced_accuracy", "accuracy", "f1"],
    }
    if evaluation:
        measured = {"balanced_accuracy": evaluation.balanced_accuracy, "accuracy": evaluation.accuracy}
        measured["f1"] = evaluation.macro_f1
        champion = found.promotion.champion if found.promotion else None
        if champion and champion.selection_bias:  # who reads only these lines does not see the note in the card
            measured["balanced_accuracy"] = champion.figure
        results = [{"type": name, "value": value} for name, value in measured.items() if value is not None]
        evaluated = found.run.evaluated
        dataset = {
            "name": printable(found.run.plan.ingest.name),
            "type": "marketplace-listings",
            "split": "all, cross-validated" if evaluated and evaluated.folds > TEST_SPLIT else "test",
            **({"revision": listings.fingerprint} if listings and listings.fingerprint else {}),
        }
        task = {"type": "text-classification", "name": "Category of a listing's title"}
        fields["model-index"] = [
            {
                "name": printable(found.label),
                "results": [{"task": task, "dataset": dataset, "metrics": results}],
            }
        ]
    return "---\n" + yaml.safe_dump(fields, sort_keys=False, allow_unicode=True) + "---"


def facts(found: CardSource) -> list[tuple[str, str]]:
    """What identifies the model and how it was made, a line each."""
    model, plan = found.model, found.run.plan
    megabytes = sum(output.bytes for name, output in model.outputs.items() if name.startswith("model.")) / 1e6
    rows = [
        ("Set", found.label),
        ("Members", ", ".join(f"{name} (weight {weight:.3f})" for name, weight in found.members.items())),
        ("Content key", model.key),
        ("SHA-256 of its files", model.model_sha256),
        ("Data fingerprint", found.listings.fingerprint if found.listings else ""),
        ("Titles as of", plan.as_of),
        ("Run", plan.run_id),
        ("Trained at", f"{model.at[:16].replace('T', ' ')} UTC in {duration(model.seconds)}" if model.at else ""),
        ("Device", model.conditions.device),
        ("Git commit", str(model.about.get("git") or "")),
        ("Lock of the packages", str(model.about.get("lock") or "")),
        ("Size", f"{megabytes:.1f} MB"),
    ]
    return [(name, value) for name, value in rows if value]


def metrics(source: CardSource) -> Table | None:
    """The figures on the titles of the evaluation."""
    found = source.evaluation
    if found is None:
        return None
    rows: list[Row] = []
    for name, title in _METRICS.items():
        digits = 1 if name in ("milliseconds_p95", "megabytes") else 4
        shown = interval(found.interval) if name == "balanced_accuracy" else Cell("")
        rows.append(
            [Cell(title), figure(getattr(found, name), source.run.stored_at(source.label, name), digits), shown]
        )
    return Table("Metrics", (Column("metric"), Column("value", True), Column("95 % interval")), rows)


def slices(label: str, found: Evaluation | None) -> Table | None:
    """Balanced accuracy on parts of the titles."""
    if found is None:
        return None
    kinds = found.slices or {"language": found.by_language, "label_quality": found.by_label_quality}
    rows: list[Row] = [
        [
            Cell(kind.replace("_", " ")),
            Cell(name),
            whole(part.titles),
            figure(part.balanced_accuracy),
            interval(part.interval),
        ]
        for kind, values in kinds.items()
        for name, part in values.items()
    ]
    columns = (Column("slice"), Column("value"), Column("titles", True), Column("balanced accuracy", True))
    return Table("Slices", (*columns, Column("95 % interval")), rows) if rows else None


def weakest(label: str, found: Evaluation | None) -> Table | None:
    """The categories with the lowest recall, of those with a few titles."""
    if found is None:
        return None
    ranked = sorted(
        (item for item in found.categories.items() if item[1].titles >= MIN_TITLES),
        key=lambda item: (item[1].recall, -item[1].titles, item[0]),
    )
    rows: list[Row] = [
        [Cell(name), whole(each.titles), figure(each.recall, digits=3)] for name, each in ranked[:WEAKEST]
    ]
    columns = (Column("category"), Column("titles", True), Column("recall", True))
    return Table("Weakest categories", columns, rows) if rows else None


def parameters(plan: Plan, label: str) -> Table | None:
    """Every hyperparameter of the set."""
    if label not in plan.resolved:
        return None
    rows: list[Row] = [
        [Cell(name), Cell(json.dumps(value, ensure_ascii=False))]
        for name, value in flat(plan.displayed_set(label)).items()
    ]
    return Table("Hyperparameters", (Column("hyperparameter"), Column("value")), rows)
