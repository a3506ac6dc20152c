"""Mends what is damaged: restores it from a copy, computes it again, or quarantines it."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from meli_tasks.artifacts import paths
from meli_tasks.artifacts.manifest import ModelRef
from meli_tasks.artifacts.quarantine import quarantine
from meli_tasks.artifacts.reading import LenientReader
from meli_tasks.core.errors import MeliError
from meli_tasks.decision_index import DecisionIndex
from meli_tasks.execution.runner import Runner, Step, step_of
from meli_tasks.integrity.verify import Finding
from meli_tasks.ledger import Ledger
from meli_tasks.planning.compared import reference_steps
from meli_tasks.planning.history import plans
from meli_tasks.planning.run_index import RunIndex
from meli_tasks.stages import STAGES
from meli_tasks.stored_decisions import StoredDecisions

logger = logging.getLogger("meli_tasks")


@dataclass(frozen=True)
class Mended:
    """What was done about a finding. `advice` is what a person still has to do; empty if nothing."""

    finding: Finding
    done: str = ""
    advice: str = ""


class Repair:
    """Repairs the store and the cache of a runner."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._store = runner.store
        self._rebuilt: set[bool] = set()

    def run(self, findings: Sequence[Finding]) -> Iterator[Mended]:
        """Mend each finding, inputs before the artifacts made from them; a failure does not stop the next one."""
        for finding in sorted(findings, key=_order):
            try:
                yield self._mend(finding)
            except MeliError as error:
                yield Mended(finding, advice=str(error))
        # A large store is not listed, so nothing else shows its index that a plan was removed.
        removed = any(finding.kind == "object" and finding.name.startswith(paths.PLANS) for finding in findings)
        if removed and True not in self._rebuilt and self._store.read(paths.index_root("runs")) is not None:
            RunIndex(self._store).rebuild(LenientReader(self._store))

    def _mend(self, finding: Finding) -> Mended:
        if finding.kind == "cache":
            self._runner.cache.remove(Path(finding.name))
            return Mended(finding, "removed from the cache; it is fetched again when needed")
        if finding.kind == "index":
            return self._mend_index(finding)
        if finding.kind == "decision":
            return self._mend_decision(finding)
        return self._mend_artifact(finding) if finding.kind == "artifact" else self._quarantine(finding)

    def _mend_index(self, finding: Finding) -> Mended:
        """Build the index that has the finding again, a single time."""
        of_runs = finding.name.startswith((paths.PLANS, paths.index_folder("runs")))
        if of_runs not in self._rebuilt:
            if of_runs:
                RunIndex(self._store).rebuild(LenientReader(self._store))
            else:
                DecisionIndex(StoredDecisions(self._store)).rebuild()
            self._rebuilt.add(of_runs)
        return Mended(finding, f"the index of {'runs' if of_runs else 'decisions'} was built again")

    def _mend_decision(self, finding: Finding) -> Mended:
        number = paths.decision_number(finding.name) or paths.number_of_copy(finding.name)
        if number is None:
            return Mended(finding, advice=f"{finding.name} is not a decision: remove it from the ledger.")
        decisions = StoredDecisions(self._store)
        decisions.read(number)  # restores a decision from its copy, or raises
        if paths.number_of_copy(finding.name):
            decisions.copy_again(number)
        if any(name == finding.name for name, _ in StoredDecisions(self._store).damage()):
            return Mended(finding, advice="It has no undamaged copy: restore the ledger from a backup.")
        return Mended(finding, "restored from its other copy")

    def _mend_artifact(self, finding: Finding) -> Mended:
        stage, key = finding.name.split("/")[:2]
        if paths.is_replaced_manifest(finding.name):
            return self._quarantine(finding, f"another attempt is at {paths.manifest(stage, key)}")
        step = self._steps.get((stage, key)) or (step_of(finding.manifest) if finding.manifest else None)
        if step is None:
            return self._quarantine(finding, "no run in the store records how it was computed")
        before = finding.manifest.model_sha256 if finding.manifest else ""
        made = self._runner.run(step, force=finding.manifest is None).manifest
        if before and made.model_sha256 != before:
            return Mended(
                finding, "computed again, with a different result", self._about_another(ModelRef(key, before))
            )
        return Mended(finding, "computed again" + (", with the same bytes" if before else ""))

    def _about_another(self, lost: ModelRef) -> str:
        last = Ledger(self._store).last()
        if last and last.champion and last.champion.ref.is_same(lost):
            return (
                f"The champion is the lost attempt {str(lost)[:45]}: restore its files from a backup, or choose "
                "another one with `meli rollback`."
            )
        return ""

    def _quarantine(self, finding: Finding, why: str = "it cannot be computed again") -> Mended:
        """Move an object that cannot be read into the quarantine, so that it no longer blocks anything."""
        if finding.name == paths.IDENTITY:
            return Mended(finding, advice="It is the identity of the store: restore it from a backup.")
        blob = self._store.read(finding.name)
        if blob is None:
            return Mended(finding, "it has been removed in the meantime")
        kept = quarantine(self._store, finding.name, blob.data, finding.reason)
        self._store.delete(finding.name)
        name = paths.set_name(finding.name)
        advice = f"Make the set {name} again, for example with the search that found it." if name else ""
        return Mended(finding, f"quarantined as {kept}, because {why}", advice)

    @cached_property
    def _steps(self) -> dict[tuple[str, str], Step]:
        """The steps of all runs in the store, which know the sources that no manifest names."""
        found: dict[tuple[str, str], Step] = {}
        reader = LenientReader(self._store)
        for plan in plans(self._store, reader):
            for step in (*plan.steps(), *reference_steps(plan).values()):
                found.setdefault((step.stage, step.key), step)
        return found


def _order(finding: Finding) -> tuple[int, str]:
    stages = list(STAGES)
    stage = finding.name.split("/")[0]
    first = ("cache", "decision", "object", "artifact", "index").index(finding.kind) * 100
    return first + (stages.index(stage) if stage in stages else 0), finding.name
