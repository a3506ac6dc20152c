"""Two models side by side: parameters, learning curves, and the gain or loss of each category."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from meli_tasks.artifacts.manifest import Manifest, ModelRef
from meli_tasks.decision import Decision
from meli_tasks.pages.located import locate
from meli_tasks.pages.manifests import model_manifest
from meli_tasks.pages.models import CategoryRow, ComparisonPage, Curves, MemberRow, ModelRow, Parameter
from meli_tasks.pages.paired import PairedGains, Tested
from meli_tasks.pages.read_cache import FOREVER, LISTED_SECONDS, ReadCache
from meli_tasks.pages.runs import Runs
from meli_tasks.planning.parameters import data_parameters, ensemble_parameters, flat
from meli_tasks.planning.plan import Plan
from meli_tasks.stages.evaluation import EPOCHS, Epoch
from meli_tasks.stages.figures import CategoryRecall
from meli_tasks.stages.summaries import ENSEMBLE, EnsembleSummary


class Member(NamedTuple):
    """A member of an ensemble."""

    set: str
    weight: float


@dataclass(frozen=True)
class Side:
    """One of the two models.

    `parameters` are values by dotted name. `members` are the set and the weight of an ensemble's members by the key of
    their model; they are empty for another model. `tested` is None if the evaluation is no longer in the store.
    """

    row: ModelRow
    parameters: dict[str, object]
    members: dict[str, Member]
    history: tuple[Epoch, ...]
    categories: dict[str, CategoryRecall]
    tested: Tested | None


def compare(
    cache: ReadCache, runs: Runs, decisions: list[Decision], gains: PairedGains, models: tuple[str, str]
) -> ComparisonPage:
    """Compare the left and the right model, by the ids of their rows.

    Raises:
        NotFound: there is no such run, or no such model in it.
    """
    one, other = (_side(cache, runs, decisions, model) for model in models)
    same_titles = bool(one.row.test_set) and one.row.test_set == other.row.test_set
    return ComparisonPage(
        left=one.row,
        right=other.row,
        parameters=_parameter_rows(one, other),
        members=_member_rows(one, other),
        curves=Curves(left=one.history, right=other.history),
        same_titles=same_titles,
        gain=gains.gain(one.tested, other.tested) if same_titles and one.tested and other.tested else None,
        categories=category_rows(one.categories, other.categories),
    )


def _parameter_rows(one: Side, other: Side) -> list[Parameter]:
    names = dict.fromkeys([*one.parameters, *other.parameters])
    if bool(one.members) != bool(other.members):  # what only a single model has would have no counterpart
        names = {name: None for name in names if name in one.parameters and name in other.parameters}
    values = {name: (one.parameters.get(name), other.parameters.get(name)) for name in names}
    return [Parameter(name=name, left=a, right=b, differs=a != b) for name, (a, b) in values.items()]


def _member_rows(one: Side, other: Side) -> list[MemberRow]:
    if not one.members and not other.members:
        return []
    left, right = (side.members or {side.row.train: Member(side.row.set, 1.0)} for side in (one, other))
    ensembles = {**one.members, **other.members}  # a champion's label is not the name of its set
    rows = [
        MemberRow(
            set=ensembles.get(key, left.get(key) or right[key]).set,
            train=key,
            left=left[key].weight if key in left else None,
            right=right[key].weight if key in right else None,
        )
        for key in {**left, **right}
    ]
    return sorted(rows, key=lambda row: (-max(row.left or 0.0, row.right or 0.0), row.set))


def category_rows(left: Mapping[str, CategoryRecall], right: Mapping[str, CategoryRecall]) -> list[CategoryRow]:
    """Each category's recall on both sides and the difference, the largest gain of the right side first.

    A category that only one side was evaluated on has no difference, and comes last.
    """
    rows = []
    for name in sorted({*left, *right}):
        one, other = left.get(name), right.get(name)
        rows.append(
            CategoryRow(
                category=name,
                left=one.recall if one else None,
                right=other.recall if other else None,
                left_titles=one.titles if one else 0,
                right_titles=other.titles if other else 0,
                difference=other.recall - one.recall if one and other else None,
            )
        )
    return sorted(rows, key=lambda row: (row.difference is None, -(row.difference or 0.0)))


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
    return manifest, cache.read(manifest.file_name("history.json"), EPOCHS.validate_json, FOREVER) or ()


def _side(cache: ReadCache, runs: Runs, decisions: list[Decision], model: str) -> Side:
    found = locate(cache, runs, model)
    manifest, history = model_history(cache, found.ref)
    return Side(
        row=found.row,
        parameters=model_parameters(cache, decisions, Plan.load(cache.store, found.plan), found.row, manifest),
        members=_members(manifest) if manifest and manifest.stage == ENSEMBLE else {},
        history=history,
        categories=found.evaluation.categories if found.evaluation else {},
        tested=Tested(found.evaluate, found.label) if found.evaluate and found.evaluation else None,
    )


def _members(manifest: Manifest) -> dict[str, Member]:
    """The members of an ensemble, by the key of their model."""
    weights = manifest.read_summary(EnsembleSummary).weights
    return {manifest.inputs.get(f"model:{name}", name): Member(name, weight) for name, weight in weights.items()}


def model_parameters(
    cache: ReadCache, decisions: list[Decision], plan: Plan, row: ModelRow, manifest: Manifest | None
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


def _promotion_of(decisions: list[Decision], train: str) -> Decision | None:
    promotions = (decision for decision in reversed(decisions) if decision.action == "promote")
    return next((found for found in promotions if found.champion and found.champion.train == train), None)
