"""What differs in the parameters of champion and challenger, and how to compute the run again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from meli_tasks.artifacts.manifest import Manifest
from meli_tasks.ledger import Ledger
from meli_tasks.planning.command import lacks_secrets, run_command
from meli_tasks.planning.parameters import data_parameters, ensemble_parameters, flat
from meli_tasks.planning.plan import Plan
from meli_tasks.report.blocks import Block, Cell, Code, Column, Facts, Row, Table, Text
from meli_tasks.report.comparison import pair_of
from meli_tasks.report.material import Material
from meli_tasks.stages.summaries import ENSEMBLE, EnsembleSummary
from meli_tasks.wording import count

MANY_STEPS = 40


def parameters(run: Material) -> Sequence[Block]:
    """The parameters that differ between the champion before the run and the challenger."""
    pair = pair_of(run)
    if pair is None or pair.before is None:
        return [Text("There is no champion to compare parameters with.")]
    before, after = (_parameters(run, label) for label in (pair.before, pair.after))
    if before is None or after is None:
        lacking = pair.before if before is None else pair.after
        return [Text(f"Not available: the parameters of {lacking}; its plan or its artifact was deleted.", "warning")]
    blocks: list[Block] = []
    members = [(label, _members(run.model(label))) for label in (pair.before, pair.after)]
    for label, found in members:
        if found:
            blocks.append(Text(f"{label} is an ensemble of {found}."))
    names = dict.fromkeys([*before, *after])
    if bool(members[0][1]) != bool(members[1][1]):  # what only a single model has would have no counterpart
        names = {name: None for name in names if name in before and name in after}
    differing = [name for name in names if before.get(name) != after.get(name)]
    if not differing:
        return [*blocks, Text(f"None of the {len(names):,} parameters that both have differs.")]
    table: list[Row] = [
        [Cell(name, code=True), _value(before.get(name)), _value(after.get(name))] for name in differing
    ]
    columns = (Column("parameter"), Column(pair.before), Column(pair.after))
    return [*blocks, Table(f"{len(differing):,} of {len(names):,} parameters differ", columns, table)]


def _value(value: object) -> Cell:
    return Cell("–" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _members(model: Manifest | None) -> str:
    if model is None or model.stage != ENSEMBLE:
        return ""
    weights = model.read_summary(EnsembleSummary).weights
    ranked = sorted(weights.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{name} (weight {weight:.3f})" for name, weight in ranked)


def _parameters(run: Material, label: str) -> Mapping[str, object] | None:
    """Every parameter by its dotted name. Those of a champion of another run are in the plan that promoted it."""
    model = run.model(label)
    ensemble = ensemble_parameters(model) if model and model.stage == ENSEMBLE else {}
    if label in run.plan.resolved or label == ENSEMBLE:
        return _of_plan(run.plan, label) | ensemble
    promotion = _promotion_of(run, label)
    if promotion is None:
        return flat({"train": model.params}) if model and not ensemble else ensemble or None
    origin, name = promotion
    return _of_plan(origin, name) | ensemble


def _of_plan(plan: Plan, label: str) -> dict[str, object]:
    sections = flat(plan.displayed_set(label)) if label in plan.resolved else {}
    return sections | data_parameters(plan)


def _promotion_of(run: Material, label: str) -> tuple[Plan, str] | None:
    """The plan that promoted a model of another run, and the model's label there."""
    ref = run.ref(label)
    for decision in Ledger(run.store).readable(run.reader).promotions():
        found = decision.champion
        if found and ref and found.train == ref.key and decision.evidence.plan:
            name = decision.evidence.plan
            plan = run.reader.attempt(name, lambda name=name: Plan.load(run.store, name))  # type: ignore[misc]
            return (plan, found.set_name) if plan else None
    return None


def reproduction(run: Material) -> Sequence[Block]:
    """The command, and all that its result depends on."""
    blocks: list[Block] = [
        Text("The same command on the same titles finds the same content keys, and computes only what is missing:"),
        Code(run_command(run.plan)),
    ]
    if lacks_secrets(run.plan):
        blocks.append(Text("Add the user, password or signature of the source's address.", "note"))
    return [*blocks, Facts(_conditions(run)), _keys(run)]


def _conditions(run: Material) -> list[tuple[str, Cell]]:
    """Commit, versions, seeds and device, as recorded when the run's models were trained."""
    labels = list(run.evaluated.models) if run.evaluated else list(run.plan.sets)
    trained = {label: model for label in labels if (model := run.model(label))}
    own = {label: model for label, model in trained.items() if label in run.plan.sets}
    rows: list[tuple[str, Cell]] = [("Run", Cell(run.plan.run_id)), ("Planned at", Cell(run.plan.at))]
    for name, values in {
        "Git commit": {label: str(model.about.get("git") or "") for label, model in own.items()},
        "Lock of the packages": {label: str(model.about.get("lock") or "") for label, model in own.items()},
        "Python": {label: str(model.about.get("python") or "") for label, model in own.items()},
        "Versions": {label: _versions(model) for label, model in own.items()},
        "Device": {label: _device(model) for label, model in own.items()},
        "Seeds": {
            label: ", ".join(f"{stage}={seed}" for stage, seed in _seeds(run.plan, label).items()) for label in own
        },
    }.items():
        rows.append((name, Cell(_merged(values) or "not recorded")))
    return rows


def _merged(values: Mapping[str, str]) -> str:
    """One value if all are the same, else each with its label."""
    distinct = set(values.values())
    if len(distinct) <= 1:
        return next(iter(distinct), "")
    return "; ".join(f"{label}: {value or 'not recorded'}" for label, value in values.items())


def _versions(model: Manifest) -> str:
    versions = model.about.get("versions")
    if not isinstance(versions, Mapping):
        return ""
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def _device(model: Manifest) -> str:
    found = model.conditions
    parts = [found.device, found.precision, count(found.threads, "thread") if found.threads else ""]
    return ", ".join(part for part in parts if part)


def _seeds(plan: Plan, label: str) -> dict[str, object]:
    sections = plan.displayed_set(label) if label in plan.resolved else {}
    return {stage: values["seed"] for stage, values in sections.items() if "seed" in values}


def _keys(run: Material) -> Table:
    """The content key of every step: a step with the same key has the same inputs and parameters."""
    steps = {step.key: (step.stage, step.name) for step in run.plan.steps() if step.stage != ENSEMBLE}
    if run.evaluated and run.evaluated.ensemble:
        steps[run.evaluated.ensemble.key] = (ENSEMBLE, ", ".join(run.evaluated.ensemble.weights))
    if run.evaluated:
        steps[run.evaluated.key] = ("evaluate", ", ".join(run.evaluated.models))
    table: list[Row] = []
    for key, (stage, name) in steps.items():
        manifest = run.manifest(stage, key)
        state = "stored" if manifest else "deleted or not computed, or computed by another version"
        digest = manifest.model_sha256 if manifest else ""
        table.append([Cell(stage, strong=True), Cell(name), Cell(key, code=True), Cell(digest, code=True), Cell(state)])
    columns = (Column("stage"), Column("step"), Column("content key"), Column("sha256 of the model"), Column("state"))
    folded = f"{len(table):,} steps with their content keys" if len(table) > MANY_STEPS else ""
    return Table("Content keys of the run's steps", columns, table, folded)
