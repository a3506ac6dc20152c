"""ensemble: combine the run's best models into their weighted mean, with weights chosen on the validation titles.

In: `ingest` (listings.parquet, of which only the validation split is read) and one `model:LABEL` folder per trained
model. Out: choice.json (every model's figures and weight) and, unless the best member is better on the validation
titles, model.safetensors and model.json as train writes them, and pieces.json: which parts of these the members have.
Otherwise there is no candidate: `offered` is false and `reason` says why.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray

from meli_tasks.core.errors import BadData
from meli_tasks.core.metrics import probability_better, recalls
from meli_tasks.core.models.classifier import TitleClassifier
from meli_tasks.core.models.ensemble import (
    Ensemble,
    Member,
    apply_inverse_temperature,
    balanced_title_weights,
    fit_inverse_temperature,
    fit_mixture_weights,
    shrink_towards_even,
)
from meli_tasks.core.stage_parameters import Ensemble as Params
from meli_tasks.stages.evaluation import Choice
from meli_tasks.stages.files.model_files import MemberFiles, load_model, write_ensemble
from meli_tasks.stages.files.pieces import write_pieces
from meli_tasks.stages.hooks import Hooks, Inputs
from meli_tasks.stages.summaries import EnsembleSummary
from meli_tasks.wording import count

# All probabilities of one model are held at once, three times while its temperature is fitted: 600 MB of float32.
PROBABILITIES_AT_ONCE = 50_000_000
# Those of the mean are not: 4,096 titles x 1,588 categories x 4 bytes = 26 MB.
CHUNK_TITLES = 4_096
DIGITS = 6


@dataclass(frozen=True)
class Validation:
    """The n validation titles: `labels` (n,) are positions in `categories`, `weights` (n,) add up to 1."""

    titles: list[str]
    labels: NDArray[np.int64]
    categories: list[str]
    weights: NDArray[np.float64]
    unknown: int


@dataclass(frozen=True)
class ValidatedModel:
    """One model on the n validation titles: where it is right, its balanced accuracy, its inverse temperature, and
    the calibrated probability of each true category.
    """

    name: str
    right: NDArray[np.bool_]
    balanced_accuracy: float
    inverse_temperature: float
    likelihoods: NDArray[np.float64]


def run(inputs: Inputs, out: Path, params: Params, hooks: Hooks) -> EnsembleSummary:
    """Choose members and weights, and write the ensemble unless the titles show that its best member is better.

    Raises:
        BadData: there are fewer than two models, or no validation title has a category that one of them knows.
    """
    folders = {name.removeprefix("model:"): path for name, path in sorted(inputs.items()) if name.startswith("model:")}
    if len(folders) < 2:
        raise BadData(f"An ensemble needs at least two models; found: {', '.join(folders) or 'none'}.")
    known = sorted({name for folder in folders.values() for name in _categories(folder)})
    validation = _read_validation(inputs["ingest"] / "listings.parquet", known, params.max_titles)
    if validation.unknown:
        hooks.log.info(f"{count(validation.unknown, 'validation title')} excluded: no model knows the category")
    validated = []
    for name, folder in folders.items():
        validated.append(_validate(name, _loaded(folder), validation))
        hooks.log.progress(model=name, models=len(validated), of_models=len(folders))
        hooks.log.info(
            f"{name}: balanced accuracy {validated[-1].balanced_accuracy:.4f}, "
            f"inverse temperature {validated[-1].inverse_temperature:.3f}"
        )
    likelihoods = np.stack([one.likelihoods for one in validated], axis=1)
    likeliest = fit_mixture_weights(likelihoods, validation.weights, params.max_members)
    weights = shrink_towards_even(likeliest, likelihoods, validation.weights)
    # Rounded before they are used, so that the validated ensemble is the stored one.
    members = [
        MemberFiles(one.name, folders[one.name], round(float(weight), DIGITS), round(one.inverse_temperature, DIGITS))
        for one, weight in sorted(zip(validated, weights, strict=True), key=lambda pair: (-pair[1], pair[0].name))
        if weight > 0
    ]
    summary = _decide(validated, members, validation, params)
    (out / "choice.json").write_text(
        Choice.model_validate(summary.model_dump()).model_dump_json(indent=1), encoding="utf-8"
    )
    if summary.offered:
        write_ensemble(out, members)
        write_pieces(out, {f"model:{member.name}": member.folder for member in members})
    hooks.log.info(summary.reason)
    return summary


def _decide(
    validated: list[ValidatedModel], members: list[MemberFiles], validation: Validation, settings: Params
) -> EnsembleSummary:
    best = max(validated, key=lambda one: (one.balanced_accuracy, one.name))
    found, worse, differs = best.balanced_accuracy, 1.0, False
    if len(members) > 1:
        ensemble = Ensemble([Member(m.name, _loaded(m.folder), m.weight, m.inverse_temperature) for m in members])
        right, samples = _right(ensemble, validation), settings.bootstrap_samples
        compared = probability_better(validation.labels, right, best.right, samples=samples, seed=settings.seed)
        found, worse = best.balanced_accuracy - compared.gain, compared.probability
        differs = bool((right != best.right).any())
    # The weights were chosen by likelihood, a less noisy measure: a few titles must not overrule it by chance. Whether
    # the ensemble is the run's best model is decided on the test titles.
    offered = differs and worse <= settings.max_probability_worse
    mean = ", ".join(f"{member.weight:.3f} {member.name}" for member in members)
    result = f"balanced accuracy {found:.4f} on validation, {found - best.balanced_accuracy:+.4f} against {best.name}"
    if len(members) == 1:
        reason = f"no ensemble: {members[0].name} alone is the best mean of {count(len(validated), 'model')}"
    elif not differs:
        reason = f"no ensemble: the mean of {mean} is right on the same titles as {best.name}"
    elif offered:
        reason = f"ensemble of {mean}: {result}, which is better with probability {worse:.2f}"
    else:
        reason = (
            f"no ensemble: the mean of {mean} has {result}, which is better with probability {worse:.2f} "
            f"(the limit is {settings.max_probability_worse:g})"
        )
    return EnsembleSummary(
        offered=offered,
        reason=reason,
        weights={member.name: member.weight for member in members},
        inverse_temperatures={member.name: member.inverse_temperature for member in members},
        validation_balanced_accuracy=found,
        gain=found - best.balanced_accuracy,
        probability_worse=worse,
        best_member=best.name,
        models={one.name: one.balanced_accuracy for one in validated},
        validation_titles=len(validation.titles),
        unknown_titles=validation.unknown,
    )


def _categories(folder: Path) -> list[str]:
    stored: list[str] = json.loads((folder / "model.json").read_text(encoding="utf-8"))["categories"]
    return stored


def _loaded(folder: Path) -> TitleClassifier:
    model = load_model(folder)
    if not isinstance(model, TitleClassifier):
        raise BadData(f"{folder} holds an ensemble; members must be single models")
    return model


def _read_validation(path: Path, known: list[str], most: int) -> Validation:
    table = pq.read_table(path, columns=["title", "category"], filters=[("split", "==", "validation")])
    positions = pc.index_in(table["category"], value_set=pa.array(known, pa.string()))
    rows = np.flatnonzero(positions.is_valid().to_numpy())
    if not len(rows):
        raise BadData(
            f"{path}: none of {table.num_rows:,} validation titles has a category that a model of this run knows, so "
            "the weights cannot be chosen."
        )
    unknown = table.num_rows - len(rows)
    most = max(1, min(most, PROBABILITIES_AT_ONCE // len(known)))
    if len(rows) > most:
        rows = rows[np.linspace(0, len(rows) - 1, most).astype(np.int64)]
    labels = positions.to_numpy()[rows].astype(np.int64)
    return Validation(table["title"].take(rows).to_pylist(), labels, known, balanced_title_weights(labels), unknown)


def _validate(name: str, model: TitleClassifier, validation: Validation) -> ValidatedModel:
    position = {category: place for place, category in enumerate(model.categories)}
    own = np.array([position.get(category, -1) for category in validation.categories], dtype=np.int64)
    labels = own[validation.labels]
    probabilities = model.probabilities(validation.titles)
    power = fit_inverse_temperature(probabilities, labels, validation.weights)
    likelihoods = np.zeros(len(labels))
    for low in range(0, len(labels), CHUNK_TITLES):
        part = slice(low, low + CHUNK_TITLES)
        calibrated = apply_inverse_temperature(torch.from_numpy(probabilities[part]), power).numpy()
        rows = np.flatnonzero(labels[part] >= 0)
        likelihoods[low + rows] = calibrated[rows, labels[part][rows]]
    right: NDArray[np.bool_] = probabilities.argmax(axis=1) == labels
    accuracy = float(recalls(validation.labels, right).values.mean())
    return ValidatedModel(name, right, accuracy, power, likelihoods)


def _right(ensemble: Ensemble, validation: Validation) -> NDArray[np.bool_]:
    """Where the ensemble is right: (n,)."""
    position = {category: place for place, category in enumerate(validation.categories)}
    own = np.array([position[category] for category in ensemble.categories], dtype=np.int64)
    ranked, _ = ensemble.rank(validation.titles, top=1)
    right: NDArray[np.bool_] = own[ranked[:, 0]] == validation.labels
    return right
