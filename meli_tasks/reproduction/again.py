"""Computing a model again in a store of its own."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from meli_tasks.artifacts.manifest import Manifest, ModelRef
from meli_tasks.artifacts.timed import read_scores
from meli_tasks.core.errors import BadData
from meli_tasks.execution.runner import MODEL, Runner, Step
from meli_tasks.execution.threads import with_threads
from meli_tasks.reproduction.differences import fetched
from meli_tasks.reproduction.origin import Made, Origin
from meli_tasks.settings import Settings
from meli_tasks.stages.evaluation import Scores
from meli_tasks.store import open_store

Report = Callable[[str, str], None]
"""Called with the stage and the name of each step before it runs."""


@dataclass(frozen=True)
class Again:
    """A model as it was computed again; `manifests` has every artifact, by the key of the original one."""

    model: Manifest
    manifests: Mapping[str, Manifest]
    scores: Scores | None
    """Its figures on the test titles of its run."""


def compute_again(origin: Origin, settings: Settings, report: Report) -> Again:
    """Compute a model and all that it was made from, from the source on; nothing is written to the real store.

    Raises:
        BadData: the source is no longer the same.
        MeliError: any error of a stage.
    """
    conditions = [made.manifest.conditions for made in origin.made.all() if made.manifest.stage == "train"]
    threads = max((found.threads for found in conditions), default=0)
    on_cpu = all(found.device in ("", "cpu") for found in conditions)
    with tempfile.TemporaryDirectory(prefix="meli-reproduce-") as folder, with_threads(threads):
        scratch = settings.model_copy(
            update={
                "store": Path(folder, "store").as_uri(),
                "cache": Path(folder, "cache"),
                "threads": threads or settings.threads,
                "device": "cpu" if on_cpu else settings.device,
                "devices": max([1, *(found.world_size for found in conditions)]),
                "mlflow_uri": "",
            }
        )
        runner = Runner(scratch, open_store(scratch.store), run_id="reproduce")
        replay = _Replay(runner, origin, report)
        model = replay.artifact(origin.made)
        listings = next((found for found in replay.manifests.values() if found.stage == "ingest"), None)
        return Again(model, replay.manifests, _scores(runner, origin, listings, model.ref, report))


class _Replay:
    """Runs the steps of manifests again, each a single time."""

    def __init__(self, runner: Runner, origin: Origin, report: Report) -> None:
        self.runner, self._origin, self._report = runner, origin, report
        self._specs = fetched(origin)
        self.manifests: dict[str, Manifest] = {}

    def artifact(self, made: Made) -> Manifest:
        """The artifact as it is computed now."""
        then = made.manifest
        if then.key in self.manifests:
            return self.manifests[then.key]
        inputs = {name: self.artifact(before).key for name, before in made.inputs.items()} | dict(made.external)
        fetch = {name: self._spec(name, identity) for name, identity in made.external.items()}
        name = self._origin.name(then)
        self._report(then.stage, name)
        step = Step(then.stage, name, then.params, inputs, fetch)
        self.manifests[then.key] = self.runner.run(step).manifest
        return self.manifests[then.key]

    def _spec(self, name: str, identity: str) -> str:
        if identity not in self._specs:
            raise BadData(f"The plan does not say where the input {name} ({identity[:8]}) came from.")
        return self._specs[identity]


def _scores(
    runner: Runner, origin: Origin, listings: Manifest | None, model: ModelRef, report: Report
) -> Scores | None:
    """Evaluate the model on its run's test titles.

    Returns:
        None if the run evaluated it in folds, or if it is an ensemble that was not offered as a candidate.
    """
    if origin.plan.request.folds or listings is None or not model.sha256:
        return None
    label = origin.label
    report("evaluate", label)
    inputs = {"ingest": listings.key, f"{MODEL}{label}": str(model)}
    step = Step("evaluate", label, origin.plan.request.evaluate().model_dump(mode="json"), inputs)
    manifest = runner.run(step).manifest
    return read_scores(runner.store, manifest)
