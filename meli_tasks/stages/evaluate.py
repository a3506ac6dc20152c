"""evaluate: evaluate every model of the run, and the champion, on the same test titles.

In: `ingest` (listings.parquet), one `model:LABEL` folder per model, a `listings:LABEL` folder for each model whose
listings may hold test titles in another split, and `golden` if there are golden titles. With folds also `fold:2` with
the listings of each, and `fold_model:2:LABEL` with the model for its titles. `reference` has the predictions of the
reference model, or `reference:2` for each fold. Out: scores.json, predictions.parquet, suspect_labels.csv,
leaderboard.png.

A title that any compared model was fitted on counts for none of them. A title whose category a model does not know
counts as an error of that model.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from meli_tasks.core.confident_learning import Suspects
from meli_tasks.core.errors import BadData
from meli_tasks.core.stage_parameters import ModelEvaluation
from meli_tasks.stages.evaluating.clock import Clock
from meli_tasks.stages.evaluating.figures import evaluation_of
from meli_tasks.stages.evaluating.parts import MODEL, Compared, named, read_parts
from meli_tasks.stages.evaluating.predictions import Predictions, Predictor, write_predictions
from meli_tasks.stages.evaluating.reference import reference_model
from meli_tasks.stages.evaluating.slicing import slicings_of
from meli_tasks.stages.evaluating.suspects import FILE as SUSPECTS
from meli_tasks.stages.evaluating.suspects import judge, suspects_of, write_suspects
from meli_tasks.stages.evaluation import Evaluation, Scores
from meli_tasks.stages.figures import ReferenceModel
from meli_tasks.stages.files.model_files import load_model
from meli_tasks.stages.files.plots import Bar, draw_leaderboard
from meli_tasks.stages.hooks import Hooks, Inputs
from meli_tasks.stages.listings.golden import GoldenCheck, golden_check
from meli_tasks.stages.summaries import EvaluateSummary
from meli_tasks.stages.timings import Timings


@dataclass(frozen=True)
class _Found:
    """The figures of every model by label and of the reference model, the golden titles, and who judged the labels."""

    evaluations: dict[str, Evaluation]
    reference: ReferenceModel | None
    golden: GoldenCheck | None
    suspects_by: str


def run(inputs: Inputs, out: Path, params: ModelEvaluation, hooks: Hooks) -> EvaluateSummary:
    """Evaluate every model; the summary holds each one's balanced accuracy.

    Raises:
        BadData: there are no test titles, no models, or no titles that a model was not fitted on.
    """
    if not named(inputs, MODEL):
        raise BadData(
            "No model to evaluate: every training run of this DAG run failed. Their task logs have the reasons."
        )
    compared = read_parts(inputs, params)
    for note in compared.chosen.notes():
        hooks.log.info(note)
    found = _evaluate(compared, inputs, out, params, hooks)
    evaluations, reference, golden = found.evaluations, found.reference, found.golden
    scores = Scores(
        version=2,
        models=evaluations,
        test=compared.chosen,
        validation=params.validation,
        golden=golden.about if golden else None,
        reference=reference,
        suspects_by=found.suspects_by,
    )
    (out / "scores.json").write_text(scores.model_dump_json(indent=1), encoding="utf-8")
    titles, categories = len(compared.titles.titles), len(compared.titles.categories)
    bars = [Bar(label, found.balanced_accuracy, *found.interval) for label, found in evaluations.items()]
    draw_leaderboard(bars, out / "leaderboard.png", f"{compared.chosen.described}, {categories} categories")
    return EvaluateSummary(
        test_titles=titles,
        left_out=compared.chosen.left_out,
        not_scored=compared.chosen.not_scored,
        test_categories=categories,
        balanced_accuracy={label: found.balanced_accuracy for label, found in evaluations.items()},
        reference=reference.balanced_accuracy if reference else None,
        reference_notes=tuple(reference.notes()) if reference else (),
        suspects_by=found.suspects_by,
        golden_titles=golden.about.titles if golden else None,
        golden_lost={label: found.golden.lost_titles for label, found in evaluations.items() if found.golden},
        golden_notes=tuple(golden.about.notes()) if golden else (),
    )


def _evaluate(compared: Compared, inputs: Inputs, out: Path, params: ModelEvaluation, hooks: Hooks) -> _Found:
    """Compute the figures of every model; also write the predictions and the suspect labels."""
    golden = golden_check(inputs)
    for note in golden.about.notes() if golden else ():
        hooks.log.info(note)
    titles, folders = compared.titles, compared.models
    clock = Clock(titles.titles, load_model(folders[compared.labels[0]]))
    predictor, slicings = Predictor(compared, load_model, hooks.log), slicings_of(compared)
    evaluations: dict[str, Evaluation] = {}
    predicted: dict[str, Predictions] = {}
    suspects: dict[str, Suspects] = {}
    milliseconds: dict[str, float] = {}
    for label in compared.labels:
        model = load_model(folders[label]) if label != compared.labels[0] else clock.reference
        predicted[label] = predictor.predict(label, model)
        suspects[label] = suspects_of(titles, predicted[label])
        found = evaluation_of(titles, predictor.categories, slicings, predicted[label], params)
        milliseconds[label] = clock.milliseconds(model)
        others = {
            "megabytes": round(sum(file.stat().st_size for file in folders[label].glob("model.*")) / 1e6, 3),
            "suspect_labels": len(suspects[label].titles),
            "golden": golden.result(model) if golden else None,
        }
        evaluations[label] = found.model_copy(update=others)
        accuracy = found.balanced_accuracy
        hooks.log.info(f"{label}: balanced accuracy {accuracy:.4f} on {compared.chosen.described}")
    hooks.record_timings(Timings(milliseconds_p95=milliseconds))
    write_predictions(out / "predictions.parquet", titles, predictor.categories, predicted)
    best = judge(evaluations, params.validation)
    write_suspects(out / SUSPECTS, titles, predictor.categories, predicted[best], suspects[best])
    reference = reference_model(inputs, titles, predicted, params)
    for note in reference.notes() if reference else ():
        hooks.log.info(f"Note: {note}")
    return _Found(evaluations, reference, golden, best)
