"""The content of MLflow's fields (params, metrics, tags, tables and notes), made from plans and evaluations."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from pydantic import JsonValue

from meli_tasks.artifacts.manifest import Manifest
from meli_tasks.planning.evaluation import Evaluated
from meli_tasks.planning.plan import Plan
from meli_tasks.stages.evaluation import Epoch, Evaluation
from meli_tasks.stages.summaries import EnsembleSummary

TEST_METRICS = ("balanced_accuracy", "accuracy", "top5", "macro_f1", "milliseconds_p95", "megabytes")
DIGEST_CHARACTERS = 36  # MLflow's limit


class Metric(NamedTuple):
    """One value of a metric; `timestamp` in ms since 1970."""

    key: str
    value: float
    timestamp: int
    step: int = 0


class Table(NamedTuple):
    """A table as MLflow displays it."""

    columns: list[str]
    data: list[list[JsonValue]]


def finished_at(manifest: Manifest) -> int:
    """When an artifact was finished, in ms since 1970."""
    return round(datetime.fromisoformat(manifest.at).timestamp() * 1e3) if manifest.at else 0


def run_links(plan: Plan) -> dict[str, str]:
    """Tags that lead from an MLflow run to where it came from."""
    links = {"airflow.dag_run_url": plan.dag_run_url, "meli.as_of": plan.as_of, "meli.source": plan.ingest.name}
    return {key: value for key, value in links.items() if value}


def training_params(plan: Plan, set_name: str) -> dict[str, str]:
    """Every hyperparameter as `stage.name`; only what the key depends on, since MLflow's params can never change."""
    stages = {"ingest": plan.ingest.params, **plan.displayed_set(set_name)}
    return {f"{stage}.{name}": _text(value) for stage, params in stages.items() for name, value in params.items()}


def ensemble_params(plan: Plan, summary: EnsembleSummary) -> dict[str, str]:
    """The members of an ensemble with their weights, and which listings were used."""
    params = {f"ingest.{name}": _text(value) for name, value in plan.ingest.params.items()}
    params |= {f"ensemble.weights.{member}": _text(weight) for member, weight in summary.weights.items()}
    # Under the name that earlier runs have, so that they can be compared.
    return params | {
        f"ensemble.sharpness.{member}": _text(value) for member, value in summary.inverse_temperatures.items()
    }


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def ensemble_metrics(summary: EnsembleSummary, at: int) -> list[Metric]:
    """The figures of an ensemble on the validation titles."""
    return [
        Metric("validation_balanced_accuracy", summary.validation_balanced_accuracy, at),
        Metric("gain", summary.gain, at),
    ]


def members_text(weights: Mapping[str, float]) -> str:
    """The members of an ensemble, the heaviest first: "0.652 mlp, 0.348 cnn"; empty for a single model."""
    return ", ".join(
        f"{weight:.3f} {name}" for name, weight in sorted(weights.items(), key=lambda pair: (-pair[1], pair[0]))
    )


def epoch_metrics(history: Sequence[Epoch], manifest: Manifest) -> list[Metric]:
    """Each epoch's figures at the time it ended, counted back from the end of the training run.

    The two cross-entropies are the same quantity; the objective is what was minimized, with margin, weights and
    smoothing. Runs of 0.1.0 have `train_loss` and `validation_loss`.
    """
    metrics: list[Metric] = []
    end = finished_at(manifest)
    for epoch in reversed(history):
        values = {
            "train_objective": epoch.train_loss,
            "train_cross_entropy": epoch.train_cross_entropy,
            "validation_cross_entropy": epoch.validation_loss,
            "validation_balanced_accuracy": epoch.validation_balanced_accuracy,
            "learning_rate": epoch.learning_rate,
        }
        metrics += [Metric(name, value, end, epoch.epoch) for name, value in values.items() if value is not None]
        end -= round(1e3 * (epoch.seconds or 0))
    return metrics[::-1]


def figures(evaluation: Evaluation) -> dict[str, float | None]:
    """The figures of `TEST_METRICS`, by name."""
    return {name: getattr(evaluation, name) for name in TEST_METRICS}


def test_metrics(evaluation: Evaluation, manifest: Manifest) -> list[Metric]:
    """A model's figures on the test titles, at the time of their evaluation."""
    low, high = evaluation.interval
    values = {**figures(evaluation), "balanced_accuracy_low": low, "balanced_accuracy_high": high}
    at = finished_at(manifest)
    return [Metric(f"test_{name}", value, at) for name, value in values.items() if value is not None]


def champion_metrics(evaluation: Evaluation, manifest: Manifest) -> list[Metric]:
    """The champion's accuracy on a run's test titles; its own MLflow run keeps the one on its own titles."""
    return [Metric("champion_test_balanced_accuracy", evaluation.balanced_accuracy, finished_at(manifest))]


def dataset_input(plan: Plan, fingerprint: str, context: str) -> JsonValue:
    """The listings, by their fingerprint, as MLflow's dataset of a run, used for `context`: training or testing."""
    return {
        "tags": [{"key": "mlflow.data.context", "value": context}],
        "dataset": {
            "name": plan.ingest.name[:500] or "listings",
            "digest": fingerprint[:DIGEST_CHARACTERS],
            "source_type": "listings",
            "source": json.dumps({"source": plan.ingest.name, "ingest": plan.ingest.key}),
        },
    }


def model_tags(plan: Plan, label: str, manifest: Manifest, fingerprint: str) -> dict[str, str]:
    """The tags of a model's complete MLflow run, among them its note with links."""
    commit = str(manifest.about.get("git", ""))
    members = members_text(weights_of(manifest))
    title = plan.resolved[label].title if label in plan.resolved else ""
    note = (
        f"{f'**Ensemble** of {members}' if members else f'Hyperparameter set **{label}**: {title}'}\n\n"
        f"{_dag_run(plan)} · source `{plan.ingest.name}` · listings `{fingerprint[:12]}` · "
        f"artifact `{manifest.stage}/{manifest.key}`"
    )
    tags = {
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
    return {key: value for key, value in tags.items() if value}


def weights_of(manifest: Manifest) -> dict[str, float]:
    """The weights of an ensemble's members; empty for a single model."""
    return manifest.read_summary(EnsembleSummary).weights


def _dag_run(plan: Plan) -> str:
    """The run that a plan is of, and the date that it trained for, which is not always the logical date's in UTC."""
    run = f"[DAG run {plan.run_id}]({plan.dag_run_url})" if plan.dag_run_url else f"Run {plan.run_id}"
    return f"{run} · date {plan.as_of}" if plan.as_of else run


def leaderboard_table(
    ranked: list[str], scores: Mapping[str, Evaluation], urls: Mapping[str, str], evaluated: Evaluated
) -> Table:
    """One row per model, the most accurate first."""
    rows: list[list[JsonValue]] = [
        [
            label, *figures(scores[label]).values(), *scores[label].interval,
            label == evaluated.champion, evaluated.models[label], urls.get(label, ""),
        ]
        for label in ranked
    ]  # fmt: skip
    return Table(["model", *TEST_METRICS, "low", "high", "was_champion", "artifact_key", "run"], rows)


def categories_table(ranked: list[str], scores: Mapping[str, Evaluation]) -> Table:
    """One row per category, the hardest for the best model first, with every model's recall."""
    categories = {label: scores[label].categories for label in ranked}
    best = categories[ranked[0]]
    names = sorted(best, key=lambda name: (best[name].recall, name))
    rows: list[list[JsonValue]] = [
        [name, best[name].titles, *(categories[label][name].recall for label in ranked)] for name in names
    ]
    return Table(["category", "test_titles", *ranked], rows)


def run_note(
    plan: Plan, ranked: list[str], scores: Mapping[str, Evaluation], urls: Mapping[str, str], evaluated: Evaluated
) -> str:
    """The DAG run and the leaderboard in Markdown, with links to every model's MLflow run."""
    lines = [_dag_run(plan), "", "| model | balanced accuracy | 95 % interval | top 5 |", "|---|---|---|---|"]
    for label in ranked:
        evaluation = scores[label]
        low, high = evaluation.interval
        name = f"[{label}]({urls[label]})" if label in urls else label
        champion = " (was champion)" if label == evaluated.champion else ""
        top5 = "" if evaluation.top5 is None else f"{evaluation.top5:.4f}"
        lines.append(f"| {name}{champion} | {evaluation.balanced_accuracy:.4f} | {low:.4f} to {high:.4f} | {top5} |")
    lines += [f"\nFailed: {', '.join(evaluated.failed)}"] if evaluated.failed else []
    return "\n".join(lines)
