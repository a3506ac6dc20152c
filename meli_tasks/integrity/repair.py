"""Mends what was found damaged: from copies, by computing it again, or by setting it aside."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from meli_tasks.artifacts import paths
from meli_tasks.artifacts.manifest import ModelRef
from meli_tasks.artifacts.reading import LenientReader
from meli_tasks.artifacts.set_aside import set_aside
from meli_tasks.core.errors import MeliError
from meli_tasks.execution.runner import Runner, Step, step_of
from meli_tasks.integrity.verify import Finding
from meli_tasks.ledger import Ledger
from meli_tasks.planning.compared import reference_steps
from meli_tasks.planning.history import plans
from meli_tasks.stages import STAGES
from meli_tasks.stored_decisions import StoredDecisions

logger = logging.getLogger("meli_tasks")


@dataclass(frozen=True)
class Mended:
    """What was done about a finding; `advice` says what a person has to do, and is empty if nothing."""

    finding: Finding
    done: str = ""
    advice: str = ""


class Repair:
    """Repairs with one runner, whose store and cache were checked."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._store = runner.store

    def run(self, findings: Sequence[Finding]) -> Iterator[Mended]:
        """Mend each finding, inputs before what was made from them; a failure does not stop the next."""
        for finding in sorted(findings, key=_order):
            try:
                yield self._mend(finding)
            except MeliError as error:
                yield Mended(finding, advice=str(error))

    def _mend(self, finding: Finding) -> Mended:
        if finding.kind == "cache":
            self._runner.cache.remove(Path(finding.name))
            return Mended(finding, "removed from the cache; it is fetched again when it is needed")
        if finding.kind == "decision":
            return self._mend_decision(finding)
        return self._mend_artifact(finding) if finding.kind == "artifact" else self._put_aside(finding)

    def _mend_decision(self, finding: Finding) -> Mended:
        number = paths.decision_number(finding.name) or paths.number_of_copy(finding.name) or 0
        decisions = StoredDecisions(self._store)
        decisions.read(number)  # puts a decision back from its copy, or raises
        if paths.number_of_copy(finding.name):
            decisions.copy_again(number)
        if any(name == finding.name for name, _ in StoredDecisions(self._store).damage()):
            return Mended(finding, advice="No whole copy of it is left: restore the ledger from a backup.")
        return Mended(finding, "put back from the other copy of it")

    def _mend_artifact(self, finding: Finding) -> Mended:
        stage, key = finding.name.split("/")[:2]
        if paths.is_replaced_manifest(finding.name):
            return self._put_aside(finding, f"another attempt is at {paths.manifest(stage, key)}")
        step = self._steps.get((stage, key)) or (step_of(finding.manifest) if finding.manifest else None)
        if step is None:
            return self._put_aside(finding, "no run in the store says how it was made")
        before = finding.manifest.model_sha256 if finding.manifest else ""
        made = self._runner.run(step, force=finding.manifest is None).manifest
        if before and made.model_sha256 != before:
            return Mended(finding, "computed again, with another result", self._about_another(ModelRef(key, before)))
        return Mended(finding, "computed again" + (", with the same bytes" if before else ""))

    def _about_another(self, lost: ModelRef) -> str:
        last = Ledger(self._store).last()
        if last and last.champion and last.champion.ref.is_same(lost):
            return (
                f"The champion is the lost attempt {str(lost)[:45]}: restore its files from a backup, or choose "
                "another one with `meli rollback`."
            )
        return ""

    def _put_aside(self, finding: Finding, why: str = "it cannot be made again") -> Mended:
        """Remove an object that nobody can read, after keeping what it held, so that it stops nothing."""
        if finding.name == paths.IDENTITY:
            return Mended(finding, advice="It is the identity of the store: restore it from a backup.")
        blob = self._store.read(finding.name)
        kept = set_aside(self._store, finding.name, blob.data, finding.reason) if blob else "nothing"
        self._store.delete(finding.name)
        name = paths.set_name(finding.name)
        advice = f"Make the set {name} again, as by the search that found it." if name else ""
        return Mended(finding, f"set aside as {kept}, since {why}", advice)

    @cached_property
    def _steps(self) -> dict[tuple[str, str], Step]:
        """The steps of all runs in the store, with the sources that no manifest names."""
        found: dict[tuple[str, str], Step] = {}
        reader = LenientReader(self._store)
        for plan in plans(self._store, reader):
            for step in (*plan.steps(), *reference_steps(plan).values()):
                found.setdefault((step.stage, step.key), step)
        return found


def _order(finding: Finding) -> tuple[int, str]:
    stages = list(STAGES)
    stage = finding.name.split("/")[0]
    first = ("cache", "decision", "object", "artifact").index(finding.kind) * 100
    return first + (stages.index(stage) if stage in stages else 0), finding.name
