"""Where a model came from: its manifests back to the source, and the plan that requested it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from meli_tasks.artifacts import paths, reading
from meli_tasks.artifacts.manifest import MODEL_STAGES, Manifest, ModelRef, find, need_model
from meli_tasks.champion import need_champion_model
from meli_tasks.core.errors import NotFound
from meli_tasks.execution.runner import LISTINGS, MODEL
from meli_tasks.ledger import Ledger
from meli_tasks.planning.history import plans_of_run
from meli_tasks.planning.plan import Plan
from meli_tasks.stages.summaries import ENSEMBLE
from meli_tasks.store import Store

CHAMPION = "champion"


@dataclass(frozen=True)
class Made:
    """An artifact, and those that it was made from, by the name of the input.

    `external` are the inputs that are no artifacts, with their identity: the source, a file of word vectors.
    """

    manifest: Manifest
    inputs: Mapping[str, Made] = field(default_factory=dict)
    external: Mapping[str, str] = field(default_factory=dict)

    def all(self) -> Iterator[Made]:
        """This artifact after everything that it was made from, each a single time."""
        seen: set[tuple[str, str]] = set()

        def walk(made: Made) -> Iterator[Made]:
            for before in made.inputs.values():
                yield from walk(before)
            if (found := (made.manifest.key, made.manifest.attempt)) not in seen:
                seen.add(found)
                yield made

        return walk(self)


@dataclass(frozen=True)
class Origin:
    """A model: its label in its run, what it was made from, and the plan of a run that has it."""

    label: str
    made: Made
    plan: Plan
    decision: int | None = None

    @property
    def model(self) -> Manifest:
        """The model's manifest."""
        return self.made.manifest

    def name(self, manifest: Manifest) -> str:
        """What messages call an artifact: a model by its label, another by the beginning of its key."""
        members = {
            made.manifest.key: name.removeprefix(MODEL)
            for name, made in self.made.inputs.items()
            if name.startswith(MODEL)
        }
        names = {self.model.key: self.label, **members}
        return names.get(manifest.key, manifest.key[:8])


def origin_of_decision(store: Store, number: int) -> Origin:
    """The champion after a decision.

    Raises:
        NotFound: there was none, or the store lacks something of it.
    """
    ledger = Ledger(store)
    decision = ledger.decision(number)
    champion, model = need_champion_model(ledger, decision)
    promotion = ledger.decision(decision.promotion or number)
    name = promotion.evidence.plan
    plan = reading.read(store, name, lambda _: Plan.load(store, name)) if name else None
    return _origin(store, model, plan, champion.set_name, promotion.number)


def origin_of_model(store: Store, model: Manifest) -> Origin:
    """A model by its manifest; the decision that promoted it last is found, too.

    Raises:
        NotFound: the store lacks something of it.
    """
    ref = model.ref
    for row in Ledger(store).rows_backwards():
        champion = row.decision.champion if row.action == "promote" else None
        if champion and champion.ref.is_same(ref):
            return origin_of_decision(store, row.number)
    return _origin(store, model, None, "", None)


def _origin(store: Store, model: Manifest, plan: Plan | None, label: str, decision: int | None) -> Origin:
    plan = plan or _plan_of(store, model)
    if plan is None:
        raise NotFound(
            f"The plan of {model.run_id or 'the run'} that trained the model {model.key} is no longer in {store.url}, "
            "and it alone says where the titles came from. Restore the store's plans/ from a backup."
        )
    return Origin(label or _label(model, plan), _made(store, model), plan, decision)


def _plan_of(store: Store, model: Manifest) -> Plan | None:
    """The newest plan of the run that computed the model."""
    return next((plan for plan in plans_of_run(store, model.run_id) if _label(model, plan)), None)


def _label(model: Manifest, plan: Plan) -> str:
    """The model's label in a plan; empty if it is not the plan's.

    By what it was made from: the keys of an old plan's steps change with the stages' versions.
    """
    if model.stage == ENSEMBLE:
        return ENSEMBLE if plan.request.ensemble else ""
    steps = [(name, step) for name in plan.sets for step in plan.training_runs(name)]
    return next((name for name, step in steps if step.inputs == model.inputs and step.params == model.params), "") or (
        next((name for name, step in steps if step.key == model.key), "")
    )


def _made(store: Store, manifest: Manifest) -> Made:
    inputs, external = {}, {}
    for name, key in manifest.inputs.items():
        stage = "ingest" if name.startswith(LISTINGS) else name
        if name.startswith(MODEL) or stage in ("ingest", "preprocess", "embed", *MODEL_STAGES):
            inputs[name] = _made(store, _input(store, name, stage, key, manifest))
        else:
            external[name] = key
    return Made(manifest, inputs, external)


def _input(store: Store, name: str, stage: str, key: str, of: Manifest) -> Manifest:
    """The attempt of an input that an artifact was made from, also if another has replaced it at its key."""
    ref = ModelRef.parse(key)
    found = need_model(store, ref.key, ref.sha256) if name.startswith(MODEL) else find(store, stage, key)
    if found is None:
        raise NotFound(
            f"The {stage} artifact {key}, from which the {of.stage} artifact {of.key} was made, is no longer in "
            f"{store.url}: how it was computed is not known. Restore it from a backup."
        )
    attempt = of.input_attempts.get(name, found.attempt)
    if attempt == found.attempt:
        return found
    replaced = paths.replaced_manifest(found.stage, found.key, attempt)
    return reading.read(store, replaced, Manifest.from_bytes) or found
