"""The page of one model: its figures, what it confuses, what it was made from, which decisions it took part in."""

from __future__ import annotations

from collections.abc import Sequence

from meli_tasks.artifacts import paths
from meli_tasks.artifacts.manifest import MODEL_STAGES, Manifest, ModelRef
from meli_tasks.core.errors import NotFound
from meli_tasks.decision import Decision
from meli_tasks.pages.champion import card_of, decision_row, has_report
from meli_tasks.pages.comparison import model_parameters
from meli_tasks.pages.located import Located
from meli_tasks.pages.manifests import model_manifest, read_manifest
from meli_tasks.pages.one_model import (
    CategoryFigures,
    ConfusedTitles,
    ConfusionsPage,
    LineageRow,
    Loading,
    ModelFigures,
    ModelPage,
    SliceRow,
)
from meli_tasks.pages.predicted import PREDICTIONS, PredictedTitles
from meli_tasks.pages.read_cache import FOREVER, ReadCache
from meli_tasks.planning.plan import Plan
from meli_tasks.stages.evaluation import Evaluation, Scores
from meli_tasks.stages.figures import ReferenceModel
from meli_tasks.store import Store
from meli_tasks.tracking.alias import ALIAS

SCORES, SUSPECTS = "scores.json", "suspect_labels.csv"
MAX_SUSPECTS_BYTES = 50_000_000
_SHA256_DIGITS = 12


def model_page(cache: ReadCache, found: Located, decisions: Sequence[Decision], registered: str) -> ModelPage:
    """The content of the page of one model; `registered` is the champion's name in MLflow."""
    manifest = model_manifest(cache, found.ref)
    parameters = model_parameters(cache, list(decisions), Plan.load(cache.store, found.plan), found.row, manifest)
    evaluation, evaluate = found.evaluation, found.evaluate
    outputs = evaluate.outputs if evaluate else {}
    return ModelPage(
        row=found.row,
        test_set=found.test_set if evaluation else None,
        figures=_figures(evaluation) if evaluation else None,
        slices=_slices(evaluation) if evaluation else [],
        categories=_categories(evaluation) if evaluation else [],
        reliability=evaluation.reliability if evaluation else (),
        abstention=evaluation.abstention if evaluation else (),
        reference=cache.read(evaluate.file_name(SCORES), _reference, FOREVER) if evaluate else None,
        parameters=parameters,
        lineage=_lineage(cache, found.ref, manifest),
        decisions=[decision_row(one) for one in reversed(decisions) if _took_part(one, found.ref)],
        load=_load(found, manifest, decisions, registered) if manifest else [],
        has_predictions=PREDICTIONS in outputs,
        has_suspects=SUSPECTS in outputs,
        has_report=has_report(cache, found.plan),
        card=card_of(cache, manifest.ref if manifest else found.ref),
    )


def confusions_page(predicted: PredictedTitles, found: Located, model: str) -> ConfusionsPage:
    """The most confused pairs of a model: as stored, or counted in its predictions.

    Raises:
        NotFound: the model was not evaluated, or neither of the two is in the store.
    """
    evaluation = _need_evaluation(found)
    has_titles = bool(found.evaluate and PREDICTIONS in found.evaluate.outputs)
    pairs = list(evaluation.confusions)
    if not pairs:
        pairs = predicted.pairs(_need_evaluate(found), found.label)
    titles = found.test_set.titles if found.test_set else 0
    return ConfusionsPage(id=model, test_titles=titles, pairs=pairs, has_titles=has_titles)


def confused_titles(
    cache: ReadCache, predicted: PredictedTitles, found: Located, pair: tuple[str, str], limit: int
) -> ConfusedTitles:
    """The titles of the first category of a pair that the model put into the second one.

    Raises:
        NotFound: the model was not evaluated, or the predictions or the listings are no longer in the store.
    """
    _need_evaluation(found)
    evaluate = _need_evaluate(found)
    key = evaluate.inputs.get("ingest", "")
    ingest = read_manifest(cache, "ingest", key) if key else None
    if ingest is None:
        raise NotFound(f"The listings of the run {found.row.run_id} ({key}) are no longer in {cache.store.url}.")
    return predicted.titles(evaluate, ingest, found.label, pair, limit)


def suspect_labels(store: Store, found: Located) -> bytes:
    """The table of suspect labels, as CSV.

    Raises:
        NotFound: there is none.
    """
    evaluate = _need_evaluate(found)
    output = evaluate.outputs.get(SUSPECTS)
    if output is None:
        raise NotFound(
            f"The evaluation of the run {found.row.run_id} has no table of suspect labels: an earlier version made it. "
            "A new run evaluates its models again."
        )
    if output.bytes > MAX_SUSPECTS_BYTES:
        raise NotFound(f"The table is too large for a browser: read {store.url}/{evaluate.file_name(SUSPECTS)}.")
    blob = store.read(evaluate.file_name(SUSPECTS))
    if blob is None:
        raise NotFound(f"{evaluate.file_name(SUSPECTS)} is no longer in {store.url}.")
    return blob.data


def _need_evaluation(found: Located) -> Evaluation:
    if found.evaluation is None:
        raise NotFound(f"The run {found.row.run_id} has not evaluated {found.label}: {found.row.state}.")
    return found.evaluation


def _need_evaluate(found: Located) -> Manifest:
    if found.evaluate is None:
        why = "is no longer in the store" if found.report else "has not been computed yet"
        raise NotFound(f"The evaluation of the run {found.row.run_id} {why}.")
    return found.evaluate


def _reference(scores: bytes) -> ReferenceModel | None:
    """The reference model of an evaluation. Nothing else of its scores is kept: the report beside the plan has them."""
    return Scores.model_validate_json(scores).reference


def _figures(evaluation: Evaluation) -> ModelFigures:
    return ModelFigures(
        top3=evaluation.top3,
        calibration_error=evaluation.calibration_error,
        suspect_labels=evaluation.suspect_labels,
        golden=evaluation.golden,
    )


def _slices(evaluation: Evaluation) -> list[SliceRow]:
    """By kind and name, as stored; an earlier version had only two kinds, in fields of their own."""
    former = {"language": evaluation.by_language, "label_quality": evaluation.by_label_quality}
    return [
        SliceRow(kind=kind, name=name, **one.model_dump())
        for kind, slices in (evaluation.slices or former).items()
        for name, one in slices.items()
    ]


def _categories(evaluation: Evaluation) -> list[CategoryFigures]:
    ranked = sorted(evaluation.categories.items(), key=lambda item: (item[1].recall, -item[1].titles, item[0]))
    return [CategoryFigures(category=name, **one.model_dump()) for name, one in ranked]


def _lineage(cache: ReadCache, model: ModelRef, manifest: Manifest | None) -> list[LineageRow]:
    """The model and the artifacts behind it, each a single time, the nearest first."""
    if manifest is None:
        return []
    rows = [_lineage_row(manifest.stage, "", model.key, manifest)]
    seen, left = {model.key}, list(manifest.inputs.items())
    while left:
        name, value = left.pop(0)
        ref, (kind, _, member) = ModelRef.parse(value), name.partition(":")
        if ref.key in seen:
            continue
        seen.add(ref.key)
        found = model_manifest(cache, ref) if kind == "model" else read_manifest(cache, kind, ref.key)
        stage = found.stage if found else MODEL_STAGES[0] if kind == "model" else kind
        rows.append(_lineage_row(stage, member, ref.key, found))
        left += found.inputs.items() if found and found.stage != "ingest" else []
    return rows


def _lineage_row(stage: str, name: str, key: str, manifest: Manifest | None) -> LineageRow:
    return LineageRow(
        stage=stage,
        name=name,
        key=key,
        at=manifest.at if manifest else "",
        run_id=manifest.run_id if manifest else "",
        seconds=manifest.seconds if manifest else 0.0,
    )


def _took_part(decision: Decision, model: ModelRef) -> bool:
    champion = decision.champion
    restored = decision.action != "keep" and champion is not None and champion.ref.is_same(model)
    return restored or any(ref.is_same(model) for ref in decision.evidence.refs)


def _load(found: Located, manifest: Manifest, decisions: Sequence[Decision], registered: str) -> list[Loading]:
    """How to use the model: as the champion if it is, and in any case by its key and digest."""
    ref = f"{manifest.key}@{manifest.model_sha256[:_SHA256_DIGITS]}"
    ways = [Loading(where="command line", code=f'meli predict --model {ref} "a title"')]
    champion = decisions[-1].champion if decisions else None
    if champion and champion.ref.is_same(manifest.ref):
        code = f'mlflow.pyfunc.load_model("models:/{registered}@{ALIAS}").predict(["a title"])'
        ways.append(Loading(where="Python, through MLflow", code=code))
    files = paths.artifact_file(manifest.stage, manifest.key, manifest.attempt, "")
    return [*ways, Loading(where="files in the store", code=files)]
