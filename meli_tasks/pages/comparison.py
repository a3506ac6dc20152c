"""Two to eight models compared: scores with what the paired test says of them, learning curves, members, parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from meli_tasks.artifacts.manifest import Manifest, ModelRef
from meli_tasks.artifacts.timed import HISTORY, timed_history
from meli_tasks.decision import Decision
from meli_tasks.decision_rows import Decisions
from meli_tasks.pages.answers import Tested
from meli_tasks.pages.compared import (
    ComparedModel,
    ComparisonPage,
    Curve,
    MemberRow,
    Parameter,
    ParameterTable,
)
from meli_tasks.pages.decided import Decided
from meli_tasks.pages.kept_epoch import kept_line
from meli_tasks.pages.located import Located
from meli_tasks.pages.manifests import model_manifest, read_manifest
from meli_tasks.pages.models import CurrentFigure, ModelRow
from meli_tasks.pages.paired import PairedTests
from meli_tasks.pages.read_cache import FOREVER, LISTED_SECONDS, ReadCache
from meli_tasks.pages.scores import Compared, compared
from meli_tasks.planning.parameters import data_parameters, ensemble_parameters, flat
from meli_tasks.planning.plan import Plan
from meli_tasks.stages.evaluation import EPOCHS, Epoch
from meli_tasks.stages.summaries import ENSEMBLE, EnsembleSummary, TrainSummary

DROPOUT = ("dropout", "ngram_dropout", "word_dropout")


class Member(NamedTuple):
    """A member of an ensemble."""

    set: str
    weight: float


@dataclass(frozen=True)
class Side:
    """One of the models.

    `parameters` are values by dotted name. `members` are the set and the weight of an ensemble's members by the key of
    their model; they are empty for another model. `listings` is the key of the listings that it was trained on, empty
    if that is not known.
    """

    found: Located
    parameters: dict[str, object]
    members: dict[str, Member]
    curve: Curve
    listings: str

    @property
    def row(self) -> ModelRow:
        """Its row in the leaderboard."""
        return self.found.row


@dataclass(frozen=True)
class Reader:
    """What a comparison is read with. `current` is None if there is no champion, or no figure of it."""

    cache: ReadCache
    decided: Decided
    tests: PairedTests
    current: CurrentFigure | None

    def compare(self, models: Sequence[Located], baseline: str = "") -> ComparisonPage:
        """Compare models with one of them.

        Args:
            models: Two to eight.
            baseline: The id of the row that the others are compared with; by default the champion's, or the first.
        """
        sides = [self._side(found) for found in models]
        base = self._baseline(models, baseline)
        found = compared(self.tests, models, [self._tested(model) for model in models], base)
        return ComparisonPage(
            models=[
                ComparedModel(
                    row=side.row,
                    baseline=position == base,
                    champion=self._is_champion(side.found),
                    ensemble=bool(side.members),
                    scores=found.scores(position),
                    curve=side.curve,
                )
                for position, side in enumerate(sides)
            ],
            titles=found.titles,
            notes=self._notes(found),
            curves_note=_curves_note(sides),
            members=_member_rows(sides),
            parameters=_parameter_tables(sides),
            categories=found.categories(),
        )

    def _baseline(self, models: Sequence[Located], baseline: str) -> int:
        """The position of the chosen one, of the champion, of the first that has a score, or 0."""
        tests = (
            lambda found: found.row.id == baseline,
            lambda found: found.row.champion,
            self._is_champion,
            lambda found: found.row.balanced_accuracy is not None,
        )
        positions = (next((n for n, found in enumerate(models) if test(found)), None) for test in tests)
        return next((position for position in positions if position is not None), 0)

    def _is_champion(self, found: Located) -> bool:
        champion, ref = self.decided.champion.ref if self.decided.champion else None, found.ref
        if champion is None or champion.key != ref.key:
            return False
        return champion.sha256 == ref.sha256 or not (champion.sha256 and ref.sha256)  # 0.1.0 wrote no digest

    def _tested(self, found: Located) -> Tested | None:
        if found.evaluate is None or found.row.balanced_accuracy is None:
            return None
        key = found.evaluate.inputs.get("ingest", "")
        return Tested(found.evaluate, found.label, read_manifest(self.cache, "ingest", key) if key else None)

    def _notes(self, found: Compared) -> list[str]:
        """What else a reader of the figures must know."""
        notes = list(found.notes)
        current = self.current
        lucky = next((one.label for one in found.models if current and one.row.id == current.id), "")
        if current and lucky and current.selection_bias and found.titles.kind == "same":
            notes.append(
                f"{lucky} is the champion and was selected on these titles, so its figure is about "
                f"{current.selection_bias:.4f} too high. A run corrects for that when it decides; this page does not."
            )
        if len(found.models) > 2 and found.titles.kind != "none":
            notes.append(
                "Each model is compared with the baseline alone: of 20 equally good models, about one would be marked "
                "as better or worse by chance."
            )
        return notes

    def _side(self, found: Located) -> Side:
        manifest, history = model_history(self.cache, found.ref)
        plan = Plan.load(self.cache.store, found.plan)
        return Side(
            found=found,
            parameters=model_parameters(self.cache, self.decided.decisions, plan, found.row, manifest),
            members=_members(manifest) if manifest and manifest.stage == ENSEMBLE else {},
            curve=_curve(manifest, history),
            listings=self._listings(manifest) if found.row.external else plan.ingest.key,
        )

    def _listings(self, manifest: Manifest | None) -> str:
        """The key of the listings that the model of another run was trained on; empty if it is not known."""
        key = manifest.inputs.get("preprocess", "") if manifest else ""
        preprocessed = read_manifest(self.cache, "preprocess", key, FOREVER) if key else None
        return preprocessed.inputs.get("ingest", "") if preprocessed else ""


def _curve(manifest: Manifest | None, history: tuple[Epoch, ...]) -> Curve:
    if manifest is None or manifest.stage == ENSEMBLE:
        return Curve()
    summary = manifest.read_summary(TrainSummary)
    kept = summary.kept_epoch or None
    return Curve(
        epochs=history,
        kept_epoch=kept,
        kept=kept_line(history, kept, str(manifest.params.get("keep", "")), summary.stopped_by),
        dropout=with_dropout(manifest),
    )


def with_dropout(manifest: Manifest) -> bool | None:
    """Whether a model was trained with dropout; None if its parameters do not say."""
    found = [manifest.params[name] for name in DROPOUT if name in manifest.params]
    return any(found) if found else None


def _curves_note(sides: Sequence[Side]) -> str:
    drawn = [side.listings for side in sides if side.curve.epochs]
    if len(drawn) < 2 or (len(set(drawn)) == 1 and drawn[0]):
        return ""
    return (
        "These models were trained and validated on different titles, so the curves show how each training went and "
        "not which model is better."
        if all(drawn)
        else "It is not known whether these models were validated on the same titles, so the curves may not compare."
    )


def _parameter_tables(sides: Sequence[Side]) -> list[ParameterTable]:
    """A table for the models of each kind: a single model has hyperparameters, an ensemble has not; both have data."""
    everything = range(len(sides))
    single = [n for n in everything if not sides[n].members]
    ensembles = [n for n in everything if sides[n].members]
    if not single or not ensembles:
        return [_parameter_table("Parameters", sides, list(everything), (True, False))]
    tables = []
    for title, models in (("Parameters of the single models", single), ("Parameters of the ensembles", ensembles)):
        if len(models) > 1:
            tables.append(_parameter_table(title, sides, models, (False,)))
    return [*tables, _parameter_table("Parameters of the data", sides, list(everything), (True,))]


def _parameter_table(title: str, sides: Sequence[Side], models: list[int], of_data: tuple[bool, ...]) -> ParameterTable:
    names = dict.fromkeys(name for n in models for name in sides[n].parameters if name.startswith("data.") in of_data)
    rows = []
    for name in names:
        values = [sides[n].parameters.get(name) for n in models]
        rows.append(Parameter(name=name, values=values, differs=any(value != values[0] for value in values)))
    return ParameterTable(title=title, models=models, rows=rows)


def _member_rows(sides: Sequence[Side]) -> list[MemberRow]:
    if not any(side.members for side in sides):
        return []
    weights = [side.members or {side.row.train: Member(side.row.set, 1.0)} for side in sides]
    names: dict[str, str] = {}
    for members in [side.members for side in sides] + weights:  # a champion's label is not the name of its set
        for key, member in members.items():
            names.setdefault(key, member.set)
    rows = [
        MemberRow(set=name, train=key, weights=[of[key].weight if key in of else None for of in weights])
        for key, name in names.items()
    ]
    return sorted(rows, key=lambda row: (-max(weight or 0.0 for weight in row.weights), row.set))


def model_history(
    cache: ReadCache, ref: ModelRef, seconds: float = LISTED_SECONDS
) -> tuple[Manifest | None, tuple[Epoch, ...]]:
    """A model's manifest, read at most `seconds` ago (None if it was not computed), and its epochs.

    An ensemble has no epochs.
    """
    manifest = model_manifest(cache, ref, seconds)
    if manifest is None or manifest.stage == ENSEMBLE:
        return manifest, ()
    # An attempt's files are written a single time, so this one never changes.
    return manifest, timed_history(manifest, cache.read_file(manifest, HISTORY, EPOCHS.validate_json) or ())


def _members(manifest: Manifest) -> dict[str, Member]:
    """The members of an ensemble, by the key of their model."""
    weights = manifest.read_summary(EnsembleSummary).weights
    return {manifest.inputs.get(f"model:{name}", name): Member(name, weight) for name, weight in weights.items()}


def model_parameters(
    cache: ReadCache, decisions: Decisions, plan: Plan, row: ModelRow, manifest: Manifest | None
) -> dict[str, object]:
    """Every parameter by its dotted name. Those of an external model are in the plan of the run that promoted it."""
    label = row.set
    ensemble = ensemble_parameters(manifest) if manifest and manifest.stage == ENSEMBLE else {}
    if row.external:
        promotion = _promotion_of(decisions, row.train)
        origin = promotion.evidence.plan if promotion else ""
        found = cache.read(origin, Plan.model_validate_json) if origin else None
        if promotion is None or promotion.champion is None or found is None:
            return ensemble or (flat({"train": manifest.params}) if manifest else {})
        plan, label = Plan.load(cache.store, origin), promotion.champion.set_name
    sections = flat(plan.displayed_set(label)) if label in plan.resolved else {}
    return {**sections, **ensemble, **data_parameters(plan)}


def _promotion_of(decisions: Decisions, train: str) -> Decision | None:
    promotions = (decision for decision in decisions.mentioning(train) if decision.action == "promote")
    return next((found for found in promotions if found.champion and found.champion.train == train), None)
