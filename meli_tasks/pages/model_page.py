"""The page of one model: its figures, what it confuses, what it was made from, which decisions it took part in."""

from __future__ import annotations

from meli_tasks.artifacts import paths
from meli_tasks.artifacts.manifest import Manifest, ModelRef
from meli_tasks.artifacts.outputs import read_file
from meli_tasks.core.calibration import ACCURACIES
from meli_tasks.core.errors import NotFound
from meli_tasks.decision import Champion, Decision
from meli_tasks.pages.champion import card_of, decision_row, has_report
from meli_tasks.pages.comparison import model_parameters
from meli_tasks.pages.decided import Decided
from meli_tasks.pages.evaluation_files import PREDICTIONS
from meli_tasks.pages.head_figure import head_figure
from meli_tasks.pages.located import Located
from meli_tasks.pages.made_from import lineage, loading, members, trained_on
from meli_tasks.pages.manifests import model_manifest, read_manifest, scores_of
from meli_tasks.pages.model_notes import missing, notes
from meli_tasks.pages.models import CurrentFigure
from meli_tasks.pages.one_model import (
    FEW_OF_CATEGORY,
    FEW_TITLES,
    Answering,
    CategoryFigures,
    ConfusedTitles,
    ConfusionsPage,
    ModelFigures,
    ModelPage,
    SliceRow,
)
from meli_tasks.pages.predicted import PredictedTitles
from meli_tasks.pages.read_cache import ReadCache
from meli_tasks.planning.plan import Plan
from meli_tasks.stages.evaluation import Evaluation
from meli_tasks.store import Store

SUSPECTS = "suspect_labels.csv"
MAX_SUSPECTS_BYTES = 50_000_000


def model_page(
    cache: ReadCache, found: Located, decided: Decided, current: CurrentFigure | None, registered: str
) -> ModelPage:
    """The content of the page of one model.

    Args:
        cache: Reads the artifacts.
        found: The model.
        decided: The ledger.
        current: The current champion's newest evaluation.
        registered: The champion's name in MLflow.
    """
    decisions, champion, url = decided.decisions, decided.champion, cache.store.url
    manifest = model_manifest(cache, found.ref)
    evaluation, evaluate = found.evaluation, found.evaluate
    outputs = evaluate.outputs if evaluate and not evaluate.pruned else {}
    scores = scores_of(cache, evaluate) if evaluate else None
    return ModelPage(
        row=found.row,
        test_set=found.test_set if evaluation else None,
        figure=head_figure(cache, found, decisions),
        figures=_figures(evaluation) if evaluation else None,
        missing=missing(url, found, scores, manifest),
        notes=notes(found.label, scores),
        champion=champion is not None and champion.ref.is_same(found.ref),
        compare_with=_compare_with(found, champion, current),
        members=members(found, manifest),
        trained_on=trained_on(cache, manifest),
        slices=_slices(evaluation) if evaluation else [],
        categories=_categories(evaluation) if evaluation else [],
        reliability=evaluation.reliability if evaluation else (),
        abstention=evaluation.abstention if evaluation else (),
        answering=_answering(evaluation) if evaluation else [],
        reference=scores.reference if scores else None,
        parameters=model_parameters(cache, decisions, Plan.load(cache.store, found.plan), found.row, manifest),
        lineage=lineage(cache, found.ref, manifest),
        decisions=[decision_row(one) for one in decisions.mentioning(found.ref.key) if _took_part(one, found.ref)],
        load=loading(url, manifest, champion, registered),
        has_predictions=PREDICTIONS in outputs,
        has_suspects=SUSPECTS in outputs,
        has_report=has_report(cache, found.plan),
        card=card_of(cache, manifest.ref if manifest else found.ref),
    )


def _compare_with(found: Located, champion: Champion | None, current: CurrentFigure | None) -> str:
    """The row of the champion to compare a model with: that of the same run, on the same titles, if there is one."""
    if champion is None or champion.ref.is_same(found.ref):
        return ""
    report = found.report
    for label in report.models if report else ():
        if report and report.ref(label).is_same(champion.ref):
            return paths.model_id(found.plan, label)
    return current.id if current else ""


def confusions_page(predicted: PredictedTitles, found: Located, model: str, of: str = "") -> ConfusionsPage:
    """The most confused pairs of a model, as stored or counted in its predictions; or all pairs with a category.

    Args:
        predicted: Reads predictions.
        found: The model.
        model: Its id.
        of: A category; empty for the most confused pairs of all.

    Raises:
        NotFound: the model was not evaluated, or neither of the two is in the store.
    """
    evaluation = _need_evaluation(found)
    has_titles = bool(found.evaluate and PREDICTIONS in found.evaluate.outputs)
    pairs = [] if of else list(evaluation.confusions)
    if not pairs:
        pairs = predicted.pairs(_need_evaluate(found), found.label, of)
    titles = found.test_set.titles if found.test_set else 0
    return ConfusionsPage(id=model, test_titles=titles, of=of, pairs=pairs, has_titles=has_titles)


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
    return read_file(store, evaluate, SUSPECTS)


def _need_evaluation(found: Located) -> Evaluation:
    if found.evaluation is None:
        raise NotFound(f"The run {found.row.run_id} has not evaluated {found.label}: {found.row.state}.")
    return found.evaluation


def _need_evaluate(found: Located) -> Manifest:
    if found.evaluate is None:
        why = "is no longer in the store" if found.report else "has not been computed yet"
        raise NotFound(f"The evaluation of the run {found.row.run_id} {why}.")
    return found.evaluate


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
        SliceRow(kind=kind, name=name, few=one.titles < FEW_TITLES, **one.model_dump())
        for kind, slices in (evaluation.slices or former).items()
        for name, one in slices.items()
    ]


def _answering(evaluation: Evaluation) -> list[Answering]:
    if not evaluation.abstention:
        return []
    reached = evaluation.accuracy or 0.0
    wanted = [accuracy for accuracy in ACCURACIES if accuracy > reached]
    return [Answering(accuracy=accuracy, point=evaluation.answering(accuracy)) for accuracy in wanted]


def _categories(evaluation: Evaluation) -> list[CategoryFigures]:
    rows = [
        CategoryFigures(category=name, few=one.titles < FEW_OF_CATEGORY, **one.model_dump())
        for name, one in evaluation.categories.items()
    ]
    return sorted(rows, key=lambda row: (row.few, row.recall, -row.titles, row.category))


def _took_part(decision: Decision, model: ModelRef) -> bool:
    champion = decision.champion
    restored = decision.action != "keep" and champion is not None and champion.ref.is_same(model)
    return restored or any(ref.is_same(model) for ref in decision.evidence.refs)
