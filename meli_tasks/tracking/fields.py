"""What stands in MLflow's fields: params, metrics, tags, tables and notes, as plain values from plans and scores."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from meli_tasks.artifacts.manifest import Manifest
from meli_tasks.planning.plan import Plan

EPOCH_METRICS = ("train_loss", "validation_loss", "validation_balanced_accuracy", "learning_rate")
TEST_METRICS = ("balanced_accuracy", "accuracy", "top5", "macro_f1", "milliseconds_p95", "megabytes")
DIGEST_CHARACTERS = 36  # MLflow's limit


def finished_at(manifest: Manifest) -> int:
    """When an artifact was finished, in ms since 1970."""
    at = manifest.about.get("at")
    return round(datetime.fromisoformat(at).timestamp() * 1e3) if at else 0


def run_links(plan: Plan) -> dict[str, str]:
    """Tags that lead from an MLflow run to where it came from."""
    given = {"airflow.dag_run_url": plan.dag_run_url, "meli.as_of": plan.as_of, "meli.source": plan.ingest.name}
    return {key: value for key, value in given.items() if value}


def training_params(plan: Plan, set_name: str) -> dict[str, str]:
    """Every hyperparameter as `stage.name`; only what the key depends on, since MLflow's params can never change."""
    resolved = plan.resolved[set_name]
    stages = {"ingest": plan.ingest.params, **{stage: resolved[stage] for stage in ("preprocess", "embed", "train")}}
    return {
        f"{stage}.{name}": value if isinstance(value, str) else json.dumps(value)
        for stage, params in stages.items()
        for name, value in params.items()
    }


def ensemble_params(plan: Plan, manifest: Manifest) -> dict[str, str]:
    """The members of an ensemble with their weights, and what of the listings was used."""
    params: dict[str, Any] = {f"ingest.{name}": value for name, value in plan.ingest.params.items()}
    for name in ("weights", "sharpness"):
        params |= {f"ensemble.{name}.{member}": value for member, value in manifest.summary[name].items()}
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in params.items()}


def ensemble_metrics(manifest: Manifest) -> list[dict[str, Any]]:
    """What an ensemble reached on the validation titles."""
    figures = {name: manifest.summary[name] for name in ("validation_balanced_accuracy", "gain")}
    at = finished_at(manifest)
    return [{"key": name, "value": value, "timestamp": at, "step": 0} for name, value in figures.items()]


def members_text(weights: Mapping[str, float]) -> str:
    """The members of an ensemble, the heaviest first: "0.652 mlp, 0.348 cnn"; empty for a single model."""
    return ", ".join(
        f"{weight:.3f} {name}" for name, weight in sorted(weights.items(), key=lambda pair: (-pair[1], pair[0]))
    )


def epoch_metrics(history: list[dict[str, Any]], manifest: Manifest) -> list[dict[str, Any]]:
    """Each epoch's figures at the time it ended, counted back from the end of the training."""
    metrics, end = [], finished_at(manifest)
    for epoch in reversed(history):
        for name in EPOCH_METRICS:
            if epoch.get(name) is not None:
                metrics.append({"key": name, "value": epoch[name], "timestamp": end, "step": epoch["epoch"]})
        end -= round(1e3 * epoch.get("seconds", 0))
    return metrics[::-1]


def test_metrics(scores: Mapping[str, Any], manifest: Manifest) -> list[dict[str, Any]]:
    """A model's figures on the test titles, at the time they were measured."""
    values = {name: scores[name] for name in TEST_METRICS}
    values["balanced_accuracy_low"], values["balanced_accuracy_high"] = scores["interval"]
    timestamp = finished_at(manifest)
    return [{"key": f"test_{name}", "value": v, "timestamp": timestamp, "step": 0} for name, v in values.items()]


def dataset_input(plan: Plan, fingerprint: str) -> dict[str, Any]:
    """The listings, by their fingerprint, as MLflow's dataset of a run."""
    return {
        "tags": [{"key": "mlflow.data.context", "value": "training"}],
        "dataset": {
            "name": plan.ingest.name[:500] or "listings",
            "digest": fingerprint[:DIGEST_CHARACTERS],
            "source_type": "listings",
            "source": json.dumps({"source": plan.ingest.name, "ingest": plan.ingest.key}),
        },
    }


def model_tags(plan: Plan, label: str, manifest: Manifest, fingerprint: str) -> dict[str, str]:
    """Tags that the whole run of a training or an ensemble carries, its note with the links among them."""
    commit = str(manifest.about.get("git", ""))
    dag_run = f"[DAG run {plan.run_id}]({plan.dag_run_url})" if plan.dag_run_url else f"Run {plan.run_id}"
    members = members_text(manifest.summary.get("weights", {}))
    what = f"Hyperparameter set **{label}**: {plan.resolved.get(label, {}).get('title', '')}"
    note = (
        f"{f'**Ensemble** of {members}' if members else what}\n\n{dag_run} · "
        f"source `{plan.ingest.name}` · listings `{fingerprint[:12]}` · artifact `{manifest.stage}/{manifest.key}`"
    )
    given = {
        "meli.set": label,
        "meli.members": members,
        "meli.fingerprint": fingerprint,
        "meli.host": str(manifest.about.get("host", "")),
        "mlflow.source.name": "meli_training",
        "mlflow.source.type": "JOB",
        "mlflow.source.git.commit": commit,
        "mlflow.note.content": note,
        **run_links(plan),
    }
    return {key: value for key, value in given.items() if value}


def leaderboard_table(
    ranked: list[str], scores: Mapping[str, Any], urls: Mapping[str, str], measured: Mapping[str, Any]
) -> dict[str, Any]:
    """A row a model, the most accurate first."""
    rows = [
        [
            label, *(scores[label][name] for name in TEST_METRICS), *scores[label]["interval"],
            label == measured["champion"], measured["models"][label], urls.get(label, ""),
        ]
        for label in ranked
    ]  # fmt: skip
    return {"columns": ["model", *TEST_METRICS, "low", "high", "was_champion", "artifact_key", "run"], "data": rows}


def categories_table(ranked: list[str], scores: Mapping[str, Any]) -> dict[str, Any]:
    """A row a category, the hardest for the best model first; a recall a model."""
    categories = {label: scores[label]["categories"] for label in ranked}
    best = categories[ranked[0]]
    names = sorted(best, key=lambda name: (best[name]["recall"], name))
    rows = [[name, best[name]["titles"], *(categories[label][name]["recall"] for label in ranked)] for name in names]
    return {"columns": ["category", "test_titles", *ranked], "data": rows}


def run_note(
    plan: Plan, ranked: list[str], scores: Mapping[str, Any], urls: Mapping[str, str], measured: Mapping[str, Any]
) -> str:
    """The DAG run and the leaderboard in markdown, with links to every training."""
    lines = [f"[DAG run {plan.run_id}]({plan.dag_run_url})" if plan.dag_run_url else f"Run {plan.run_id}", ""]
    lines += ["| model | balanced accuracy | 95 % interval | top 5 |", "|---|---|---|---|"]
    for label in ranked:
        low, high = scores[label]["interval"]
        name = f"[{label}]({urls[label]})" if label in urls else label
        champion = " (was champion)" if label == measured["champion"] else ""
        accuracy, top5 = scores[label]["balanced_accuracy"], scores[label]["top5"]
        lines.append(f"| {name}{champion} | {accuracy:.4f} | {low:.4f} to {high:.4f} | {top5:.4f} |")
    lines += [f"\nFailed: {', '.join(measured['failed'])}"] if measured.get("failed") else []
    return "\n".join(lines)
