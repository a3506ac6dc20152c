"""The runner: computes the artifact of a step, unless it exists.

It fetches the inputs, runs the stage in a scratch folder, uploads the files under an attempt's name, and writes the
manifest last and only if absent. So a retry is safe, a second run is free, a partial result is never visible, and two
racing workers produce one artifact.
"""

from __future__ import annotations

import dataclasses
import logging
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, JsonValue

from meli_tasks import sources
from meli_tasks.artifacts import paths
from meli_tasks.artifacts.cache import Cache
from meli_tasks.artifacts.manifest import MODEL_STAGES, Manifest, ModelRef, content_key, need, need_model
from meli_tasks.artifacts.outputs import describe_file
from meli_tasks.concealed import conceal
from meli_tasks.core.errors import BadData, MeliError, NotFound
from meli_tasks.core.section import Section
from meli_tasks.execution.about import about_this_process, installed_version
from meli_tasks.execution.attempts import Written, conditions
from meli_tasks.execution.checkpoints import StoredCheckpoints
from meli_tasks.execution.existing import Existing, look_up
from meli_tasks.execution.golden_titles import fetch_golden
from meli_tasks.execution.machines import machines_of
from meli_tasks.execution.progress_log import ProgressLog
from meli_tasks.execution.reuse import mark_used
from meli_tasks.execution.stop_requests import StoredStopRequests
from meli_tasks.execution.threads import limit_threads, with_threads
from meli_tasks.execution.uploading import clear_states, noted
from meli_tasks.execution.vector_cache import VectorCache
from meli_tasks.settings import Settings
from meli_tasks.stages import STAGES
from meli_tasks.stages.files.pieces import read_pieces
from meli_tasks.stages.hooks import Hooks
from meli_tasks.stages.listings.golden import GOLDEN
from meli_tasks.stages.summaries import ENSEMBLE, TrainSummary
from meli_tasks.stages.timings import Timings
from meli_tasks.store import Store
from meli_tasks.wording import duration

P = TypeVar("P", bound=Section)

logger = logging.getLogger("meli_tasks")

TRAIN = "train"
MODEL = "model:"  # prefix of the name of an input that is a model, whichever stage made it
LISTINGS = "listings:"  # prefix of the name of an input that is the listings that a model was fitted on
FOLD = "fold:"  # prefix of the name of an input that is the listings of a fold, before its number
FOLD_MODEL = "fold_model:"  # prefix of the name of an input that is the model for a fold's titles: fold_model:2:LABEL
VECTORS = "vectors"  # the input that is a file of pretrained word vectors
QUARANTINE = "quarantine.jsonl.gz"


class TrainOutline(BaseModel):
    """The few parameters of a train step that lists display. Empty for another stage's step."""

    architecture: str = ""
    epochs: int | None = None
    keep: str = ""


@dataclass(frozen=True)
class Step:
    """A stage with its parameters and inputs: all that its content key depends on, known before anything runs.

    `inputs` maps an input's name to an artifact's key, or, for an input in `fetch`, to the identity of the source
    that it is fetched from; `golden` to the digest of golden titles. The artifact of an input named after a stage was
    made by that stage; `model:LABEL` and `fold_model:2:LABEL` were made by train or ensemble, and for evaluate they
    name the attempt too (`ModelRef`).
    """

    stage: str
    name: str
    params: dict[str, JsonValue]
    inputs: dict[str, str] = field(default_factory=dict)
    fetch: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Conceal the addresses: a plan that an earlier version wrote has them with their secrets."""
        object.__setattr__(self, "fetch", {name: conceal(spec) for name, spec in self.fetch.items()})

    @property
    def outline(self) -> TrainOutline:
        """What pages and lists show of a train step's parameters, also of those that an older version wrote."""
        return TrainOutline.model_validate(self.params)

    def read_params(self, section: type[P]) -> P:
        """The parameters as the stage receives them; `section` is the stage's section of the hyperparameters."""
        return section.model_validate(self.params)

    @property
    def key(self) -> str:
        """The content key of what this step makes."""
        stage = STAGES[self.stage]
        # Renaming a parameter or adding one must not compute anything again.
        return content_key(self.stage, stage.version, stage.params.key_values(self.params), self.inputs)


def step_of(manifest: Manifest) -> Step | None:
    """The step that computes an artifact again; None if an input is fetched from a source, which no manifest names."""
    spec = STAGES.get(manifest.stage)
    if spec is None or {"source", VECTORS} & manifest.inputs.keys():
        return None
    step = Step(manifest.stage, "again", manifest.params, manifest.inputs)
    return step if step.key == manifest.key else None


@dataclass(frozen=True)
class Result:
    """The manifest of a step, whether it existed already, and the seconds that the call took."""

    manifest: Manifest
    hit: bool
    seconds: float


class Runner:
    """Runs steps against one store, with one local cache."""

    def __init__(self, settings: Settings, store: Store | None = None, run_id: str = "") -> None:
        self.settings = settings
        self.store = store or settings.open_store()
        self.cache = Cache(settings.cache.absolute(), settings.cache_gigabytes)
        self.run_id = run_id

    def run(self, step: Step, *, force: bool = False) -> Result:
        """Return the step's artifact, computing it unless it exists or `force` is set.

        Raises:
            NotFound: an input has not been computed.
            MeliError: any error of the stage; the store then has no visible trace of the attempt.
        """
        started = time.monotonic()
        found = look_up(self.store, step.stage, step.key, check_files=not force)
        found.log_problem(f"{step.stage} {step.name}")
        if found.usable and not force:
            existing = mark_used(self.store, found.usable)
            if existing is None:
                return self.run(step)  # it was pruned a moment ago
            logger.info(
                "%s %s: already computed on %s, %s saved (%s)",
                step.stage,
                step.name,
                str(existing.about.get("at", ""))[:16],
                duration(existing.seconds),
                existing.key,
            )
            stopped_by = existing.read_summary(TrainSummary).stopped_by if step.stage == TRAIN else ""
            if stopped_by:
                logger.warning("train %s was stopped early by %s; `force` trains it to the end", step.name, stopped_by)
            return Result(existing, True, time.monotonic() - started)
        logger.info("%s %s: computing %s", step.stage, step.name, step.key)
        if force and step.stage == TRAIN:  # an old stop request was meant for an earlier training run
            self._stop_requests(step).clear()
        progress = ProgressLog(self.store, step.stage, step.name, step.key, self.run_id)
        try:
            with with_threads(found.threads):
                manifest = self._compute(step, progress, found, started)
        except BaseException as error:  # including Ctrl-C: a note left at "running" would accept stop requests
            progress.failed(str(error) if isinstance(error, MeliError) else f"{type(error).__name__}: {error}")
            raise
        progress.finished()
        logger.info("%s %s: done in %s", step.stage, step.name, duration(manifest.seconds))
        return Result(manifest, False, time.monotonic() - started)

    def folder(self, manifest: Manifest) -> Path:
        """The local folder with an artifact's files."""
        return self.cache.fetch(self.store, manifest)

    def _compute(self, step: Step, progress: ProgressLog, existing: Existing, started: float) -> Manifest:
        self.limit_threads()
        spec = STAGES[step.stage]
        stage, params = spec.load(), spec.params.model_validate(step.params)
        timings: list[Timings] = []
        with self.cache.work_folder() as work:
            inputs, attempts = self._inputs(step, work, progress)
            out = work / "out"
            out.mkdir()
            hooks = dataclasses.replace(self._hooks(step, work, progress), record_timings=timings.append)
            try:
                summary = stage.run(inputs, out, params, hooks)
            except BadData as error:
                raise self._with_quarantine_address(error, step, out) from None
            for name, source in step.fetch.items():
                if name != VECTORS:  # the vector cache has confirmed its source
                    sources.confirm(source, self.settings, step.inputs[name])
            seconds = time.monotonic() - started
            written = Written(out, summary, seconds, next(iter(timings), Timings()), attempts)
            return self._store_artifact(step, written, existing)

    def publish(self, step: Step, written: Written) -> Manifest:
        """Publish what a stage has already written into a folder, which moves into the cache.

        A search runs the stage itself, to stop a poor trial early, and publishes only the best. If the artifact already
        exists, it is kept.
        """
        existing = look_up(self.store, step.stage, step.key)
        if existing.usable and (used := mark_used(self.store, existing.usable)):
            return used
        return self._store_artifact(step, written, existing)

    def _store_artifact(self, step: Step, written: Written, existing: Existing) -> Manifest:
        """Upload what a stage wrote, publish its manifest, and keep its folder in the cache."""
        out, summary = written.out, written.summary
        files = sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())
        made = Manifest(
            stage=step.stage,
            key=step.key,
            params=step.params,
            inputs=step.inputs,
            outputs={file: describe_file(out / file) for file in files},
            summary=summary.model_dump(mode="json"),
            attempt=uuid.uuid4().hex[:8],
            about={**about_this_process(), "run_id": self.run_id, "seconds": round(written.seconds, 3)},
            conditions=conditions(step.stage, summary, installed_version("torch") or ""),
            input_attempts=dict(written.attempts),
            timings=written.timings,
            assembled=sorted(read_pieces(out).files) if step.stage == ENSEMBLE else [],
        )
        with noted(self.store, made):
            manifest = existing.publish(self.store, made, out)
            if step.stage == TRAIN:
                clear_states(self.store, step.stage, step.key)
        if manifest.outputs == made.outputs:
            self.cache.adopt(manifest, out)
        else:
            self.cache.fetch(self.store, manifest)
        return manifest

    def _hooks(self, step: Step, work: Path, progress: ProgressLog) -> Hooks:
        """What the stage receives. Only train takes long enough for checkpoints and stop requests."""
        settings = self.settings
        machines = machines_of(settings, step.params, step.inputs)
        limits = settings.reading_limits
        hooks = Hooks(progress, device=settings.device, devices=settings.devices, machines=machines, limits=limits)
        if step.stage != TRAIN:
            return hooks
        return dataclasses.replace(
            hooks, checkpoints=self._checkpoints(step, work), stop_requests=self._stop_requests(step)
        )

    def _checkpoints(self, step: Step, work: Path) -> StoredCheckpoints:
        return StoredCheckpoints(self.store, step.stage, step.key, work)

    def _stop_requests(self, step: Step) -> StoredStopRequests:
        return StoredStopRequests(self.store, step.stage, step.key, self.run_id)

    def _with_quarantine_address(self, error: BadData, step: Step, out: Path) -> BadData:
        """Upload the quarantine file, if there is one, and add its address to the error."""
        listed = out / QUARANTINE
        if not listed.exists():
            return error
        name = paths.failed_file(step.stage, step.key, QUARANTINE)
        self.store.upload(listed, name)
        return BadData(f"{error}\nAll bad and excluded rows are listed in {self.store.url}/{name}")

    def _inputs(self, step: Step, work: Path, progress: ProgressLog) -> tuple[dict[str, Path], dict[str, str]]:
        """The folders of a step's inputs, and the attempts of those that are artifacts."""
        folders, attempts = {}, {}
        for name, key in step.inputs.items():
            if name == VECTORS:
                folders[name] = VectorCache(self.cache, self.settings).entry(step.fetch[name], key, progress)
            elif name == GOLDEN:
                folders[name] = fetch_golden(self.store, key, work / "fetched" / name)
            elif name in step.fetch:
                folder = work / "fetched" / name
                folder.mkdir(parents=True)
                folders[name] = sources.fetch(step.fetch[name], folder, self.settings, identity=key)
            else:
                folders[name], attempts[name] = self._fetched(self._input(name, key))
        return folders, attempts

    def _fetched(self, found: Manifest) -> tuple[Path, str]:
        """The folder of an input and its attempt; damaged files are computed again unless that means training."""
        try:
            used = mark_used(self.store, found) or found
            return self.cache.fetch(self.store, used), used.attempt
        except (BadData, NotFound) as error:
            step = step_of(found)
            if found.stage in MODEL_STAGES or step is None:
                raise
            logger.warning("%s", error)
            again = self.run(step).manifest
            return self.cache.fetch(self.store, again), again.attempt

    def _input(self, name: str, key: str) -> Manifest:
        if not name.startswith((MODEL, FOLD_MODEL)):
            # An input named after a stage may have a part: `reference:2` is that of fold 2.
            stage = "ingest" if name.startswith((LISTINGS, FOLD)) else name.partition(":")[0]
            return need(self.store, stage, key)
        ref = ModelRef.parse(key)
        return need_model(self.store, ref.key, ref.sha256)

    def limit_threads(self) -> None:
        """Limit the threads of numeric libraries, for parallel runs."""
        limit_threads(self.settings)
