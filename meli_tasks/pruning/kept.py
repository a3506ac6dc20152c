"""The mark phase: what must stay, and why.

What cannot be read may need anything, so one unreadable plan, decision, pin or set stops the prune.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from meli_tasks.artifacts import paths, reading
from meli_tasks.artifacts.manifest import Manifest, ModelRef, find_model, find_record, possible_keys
from meli_tasks.artifacts.reading import LenientReader
from meli_tasks.champion import champion_model
from meli_tasks.core.errors import BadData
from meli_tasks.decision import Decision
from meli_tasks.execution.runner import FOLD_MODEL, MODEL, VECTORS, Step
from meli_tasks.ledger import Ledger
from meli_tasks.planning.compared import reference_steps
from meli_tasks.planning.evaluation import Evaluated, EvaluationReport
from meli_tasks.planning.history import plans
from meli_tasks.planning.plan import Plan
from meli_tasks.planning.verdict import Verdict
from meli_tasks.pruning.pins import pins
from meli_tasks.pruning.rules import GRACE, RESULTS, UNFINISHED, Rules
from meli_tasks.scoring.records import BatchPlan
from meli_tasks.sets import catalog as named_sets
from meli_tasks.sets import stored as stored_sets
from meli_tasks.stages.listings.golden import GOLDEN
from meli_tasks.stages.summaries import ENSEMBLE
from meli_tasks.store import Listed, Store

NOT_ARTIFACTS = ("source", VECTORS, GOLDEN)
"""Inputs that are not artifacts."""


@dataclass
class Kept:
    """What must stay: content keys, attempts of models (an empty digest is any), and runs, each with the reason.

    `open` are the ids of runs that have not ended, `unkept` the plans of runs that need not stay.
    """

    keys: dict[str, str] = field(default_factory=dict)
    models: dict[str, dict[str, str]] = field(default_factory=dict)
    runs: dict[str, str] = field(default_factory=dict)
    open: set[str] = field(default_factory=set)
    unkept: list[Plan] = field(default_factory=list)
    champion: ModelRef | None = None

    def has(self, key: str) -> bool:
        """Whether anything of a key must stay."""
        return key in self.keys or key in self.models

    def keeps(self, manifest: Manifest, *, newest: bool) -> bool:
        """Whether this attempt must stay; `newest` if its manifest is at the key."""
        wanted = self.models.get(manifest.key, {})
        return (newest and manifest.key in self.keys) or "" in wanted or manifest.model_sha256 in wanted

    @property
    def reasons(self) -> Counter[str]:
        """How many runs are kept, by reason."""
        return Counter(self.runs.values())

    def add(self, reason: str, *keys: str) -> None:
        """Keep the newest attempt of keys."""
        for key in filter(None, keys):
            self.keys.setdefault(key, reason)

    def add_model(self, reason: str, ref: ModelRef) -> None:
        """Keep an attempt of a model."""
        if ref.key:
            self.models.setdefault(ref.key, {}).setdefault(ref.sha256, reason)


def mark(
    store: Store, rules: Rules, now: datetime, listing: Sequence[Listed], registered: Iterable[ModelRef] = ()
) -> Kept:
    """Find out what must stay.

    Args:
        store: The store.
        rules: What is kept.
        now: The store's time.
        listing: All its objects.
        registered: The models of MLflow's registered versions.

    Raises:
        BadData: something cannot be read, so what it needs is unknown.
    """
    marking = _Marking(store, rules, now, listing)
    marking.ledger()
    for ref in registered:
        marking.kept.add_model("registered version", ref)
    marking.plans()
    marking.sets()
    marking.batches()
    marking.members()
    marking.need_everything_read()
    return marking.kept


class _Marking:
    def __init__(self, store: Store, rules: Rules, now: datetime, listing: Sequence[Listed]) -> None:
        self.kept = Kept()
        self._store, self._rules, self._now = store, rules, now
        self._modified = {each.name: each.modified for each in listing}
        self._reader = LenientReader(store)
        self._decisions: list[Decision] = []
        self._plans: list[Plan] = []
        self._reports: dict[str, EvaluationReport | None] = {}

    def need_everything_read(self) -> None:
        if skipped := self._reader.skipped:
            raise BadData(
                f"{reading.warning(self._store, skipped)}. What it needs is unknown, so nothing is deleted. "
                f"{reading.MEND}"
            )

    def _need_read(self, listed: Iterable[str], read: Iterable[str]) -> None:
        """Nothing may be overlooked because a listing was altered on its way, which S3 does not notice."""
        for name in set(listed).difference(read, (each.name for each in self._reader.skipped)):
            self._reader.skip(name, "it was listed, but is not there")

    def ledger(self) -> None:
        """Every champion there was, with what its promotion rests on, and all that made the current one."""
        ledger = Ledger(self._store)
        self._decisions = ledger.decisions()
        for decision in self._decisions:
            reason = f"champion after decision {decision.number}"
            if decision.champion:
                self.kept.add_model(reason, decision.champion.ref)
                for ref in map(ModelRef.parse, decision.champion.fold_models):
                    self.kept.add_model(reason, ref)
            if decision.action != "keep":
                self.kept.add(reason, decision.evidence.evaluate, decision.evidence.promote)
        found = champion_model(ledger, self._decisions[-1] if self._decisions else None)
        if found:
            self.kept.champion = found.ref
        if found and found.model:
            self._need_inputs(found.model, "lineage of the champion")

    def _need_inputs(self, manifest: Manifest, reason: str) -> None:
        """Everything that an artifact was made from, so that it can be computed again if it is damaged."""
        for name, value in manifest.inputs.items():
            if name.partition(":")[0] in NOT_ARTIFACTS:
                continue
            if name.startswith((MODEL, FOLD_MODEL)):
                ref = ModelRef.parse(value)
                self.kept.add_model(reason, ref)
                found = find_model(self._store, ref.key, ref.sha256)
            else:
                self.kept.add(reason, value)
                found = find_record(self._store, name.partition(":")[0], value)
            if found:
                self._need_inputs(found, reason)

    def plans(self) -> None:
        self._plans = plans(self._store, self._reader)
        self._need_read(filter(paths.is_plan, self._modified), (plan.name for plan in self._plans))
        found = pins(self._store, self._reader)
        self._need_read(
            (name for name in self._modified if name.startswith(paths.PINS)), (paths.pin(each.run_id) for each in found)
        )
        pinned = {each.run_id for each in found}
        newest = set(list(dict.fromkeys(plan.run_id for plan in self._plans))[: self._rules.keep_runs])
        decided = {each.evidence.plan for each in self._decisions if not each.evidence.by_hand}
        for plan in self._plans:
            age = (self._now - self._last_written(plan)).days
            ended = paths.timing(plan.name) in self._modified or plan.name in decided
            if not ended and age < UNFINISHED.days:
                self.kept.open.add(plan.run_id)
            if plan.run_id in pinned:
                self._need_run(plan, "pinned")
            elif plan.run_id in newest:
                self._need_run(plan, f"among the newest {self._rules.keep_runs}")
            elif age < self._rules.keep_days:
                self._need_run(plan, f"of the last {self._rules.keep_days} days")
            elif plan.run_id in self.kept.open:
                self._need_run(plan, "unfinished")
            else:
                self.kept.unkept.append(plan)

    def _last_written(self, plan: Plan) -> datetime:
        """When a run last wrote something beside its plan, by the store's clock, or was planned, by its own."""
        beside = (paths.evaluated, paths.verdict, paths.timing, paths.searched, paths.preview)
        names = [plan.name, *(name(plan.name) for name in beside)]
        written = max(self._modified.get(name, 0.0) for name in names)
        planned = datetime.fromisoformat(plan.at)
        planned = planned if planned.tzinfo else planned.replace(tzinfo=UTC)
        return max(planned, datetime.fromtimestamp(written, UTC))

    def _need_run(self, plan: Plan, reason: str) -> None:
        self.kept.runs[plan.run_id] = reason
        self.kept.add(f"run {plan.run_id}", *keys_of(plan))
        if report := self._report(plan, listed=False):
            self._need_evaluation(report, plan)
        verdict = self._reader.read(paths.verdict(plan.name), Verdict.model_validate_json)
        if verdict:
            self.kept.add(f"run {plan.run_id}", verdict.promote)
            self._need_evaluation(verdict.evaluated, plan)

    def _need_evaluation(self, found: Evaluated, plan: Plan) -> None:
        reason = f"run {plan.run_id}"
        self.kept.add(reason, found.key, found.ensemble.key if found.ensemble else "")
        for label in found.models:
            self.kept.add_model(reason, found.ref(label))
        for refs in found.fold_models.values():
            for ref in refs:
                self.kept.add_model(reason, ModelRef.parse(ref))

    def _report(self, plan: Plan, *, listed: bool = True) -> EvaluationReport | None:
        """The evaluation of a run; with `listed` it is only looked for if the listing has it."""
        name = paths.evaluated(plan.name)
        if listed and name not in self._modified:
            return None
        if name not in self._reports:
            self._reports[name] = self._reader.attempt(name, lambda: EvaluationReport.load(self._store, plan.name))
        return self._reports[name]

    def sets(self) -> None:
        """The newest models of each set that exists, and of the ensembles."""
        names = {*named_sets.names(), *stored_sets.names(self._store), ENSEMBLE}
        for name in sorted(names):
            refs: dict[str, ModelRef] = {}
            for plan in self._plans:
                if len(refs) == max(1, self._rules.keep_versions):
                    break
                if ref := self._model_of(plan, name):
                    refs.setdefault(ref.key, ref)
            for ref in refs.values():
                self.kept.add_model(f"set {name}", ref)

    def _model_of(self, plan: Plan, name: str) -> ModelRef | None:
        """The model of a set in a run, as long as the store has its files."""
        stage = ENSEMBLE if name == ENSEMBLE else "train"
        if name != ENSEMBLE and name not in plan.sets:
            return None
        report = self._report(plan)
        if report and name in report.models:
            ref = report.ref(name)
        elif name == ENSEMBLE:
            return None
        else:
            ref = ModelRef(plan.sets[name].key)
        return ref if paths.manifest(stage, ref.key) in self._modified else None

    def members(self) -> None:
        """The models of which ensembles consist that are kept, or too new to be deleted: they are not stored twice."""
        for name, written in self._modified.items():
            key = paths.key_of_manifest(name)
            is_old = written < self._now.timestamp() - GRACE.total_seconds()
            if key is None or not name.startswith(f"{ENSEMBLE}/") or (is_old and not self.kept.has(key)):
                continue
            found = self._reader.read(name, Manifest.from_bytes)
            if found and found.assembled and not found.pruned:
                for member, value in found.inputs.items():
                    if member.startswith(MODEL):
                        # With any digest: another attempt with the same bytes serves as well.
                        self.kept.add_model(f"member of ensemble {key}", ModelRef(ModelRef.parse(value).key))

    def batches(self) -> None:
        """The results of batches that are new, or that were copied nowhere else."""
        for name in self._modified:
            if not paths.is_batch_plan(name):
                continue
            plan = self._reader.read(name, BatchPlan.model_validate_json)
            if plan is None:
                self._need_read([name], [])
                continue
            written = max(self._modified[name], self._modified.get(paths.batch_record(plan.id), 0.0))
            is_new = self._now.timestamp() - written < RESULTS.total_seconds()
            if is_new or not plan.output:
                self.kept.add(f"batch {plan.id}", *(part.key for part in plan.parts))
            if is_new:
                self.kept.add_model(f"batch {plan.id}", plan.model_ref)


def keys_of(plan: Plan) -> set[str]:
    """Every key that a plan's run may have computed, also with earlier versions of the stages."""
    steps: list[Step] = [*plan.steps(), *reference_steps(plan).values()]
    own = {key for step in steps for key in possible_keys(step.stage, step.params, step.inputs)}
    return own | {key for step in steps for key in step.inputs.values()}
