"""Scores the parts of a batch, and puts together what was found.

The result of a part is an artifact: its files, then its manifest, which is written last and only if there is none. So a
part that was interrupted left nothing that counts, and one that two workers score at once exists once.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from meli_tasks.artifacts import paths, reading
from meli_tasks.artifacts.cache import Cache, download
from meli_tasks.artifacts.manifest import Manifest, find, need_model
from meli_tasks.artifacts.outputs import describe_file, parse_file
from meli_tasks.core.errors import BadData
from meli_tasks.core.title_profile import TitleProfile, merged
from meli_tasks.core.title_profiler import KnownWords
from meli_tasks.execution.about import about_this_process
from meli_tasks.execution.attempts import publish
from meli_tasks.execution.reuse import mark_used
from meli_tasks.execution.uploading import noted
from meli_tasks.prediction.files import Progress, predict_file
from meli_tasks.prediction.models import Model, load
from meli_tasks.rowfiles.kinds import kind_of
from meli_tasks.rowfiles.reading import RowFile
from meli_tasks.scoring.counted import CountedRanker
from meli_tasks.scoring.outputs import RECORD, complete_record, output_of
from meli_tasks.scoring.planning import SCORE
from meli_tasks.scoring.records import BatchPlan, BatchRecord, PartResult, PlannedPart, ScoredPart
from meli_tasks.settings import Settings
from meli_tasks.sources import fetch
from meli_tasks.store import Store

if TYPE_CHECKING:
    from meli_tasks.core.models.ensemble import Classifier

logger = logging.getLogger("meli_tasks")

PROFILE = "profile.json"
_SUFFIXES = {"csv": ".csv", "jsonl": ".jsonl", "parquet": ".parquet"}


class Scorer:
    """Scores parts of one batch with a model that is loaded once. Not thread-safe."""

    def __init__(self, settings: Settings, store: Store, plan: BatchPlan) -> None:
        self._settings = settings
        self._store = store
        self._plan = plan
        self._cache = Cache(settings.cache.absolute(), settings.cache_gigabytes)

    def score(self, index: int) -> str:
        """Score a part unless its result exists, and copy the result to the output if there is one.

        Returns:
            Why the part cannot be scored, whoever tries; empty if it was scored.

        Raises:
            MeliError: the store, the model or this machine failed, not the file.
        """
        part = self._plan.parts[index]
        found = find(self._store, SCORE, part.key)
        manifest = mark_used(self._store, found) if found else None
        if manifest is None:
            classifier = self._classifier  # a damaged model is no fault of the file
            try:
                manifest = self._computed(part, classifier)
            except BadData as error:
                logger.error("%s could not be scored: %s", part.label, error)
                return str(error)
        if self._plan.output:
            self._copy(part, manifest)
        return ""

    @cached_property
    def _classifier(self) -> Classifier:
        ref = self._plan.model_ref
        manifest = need_model(self._store, ref.key, ref.sha256)
        return load(self._settings, self._store, Model(self._plan.model_name, manifest))

    @cached_property
    def _known(self) -> KnownWords:
        return KnownWords.of_model(self._classifier)

    def _computed(self, part: PlannedPart, classifier: Classifier) -> Manifest:
        with self._cache.work_folder() as work:
            source, before = self._share(part, work)
            result, profile = self._predicted(part, classifier, source, before, work)
            (work / PROFILE).write_text(profile.model_dump_json(), encoding="utf-8")
            return self._store_result(part, result, work)

    def _share(self, part: PlannedPart, work: Path) -> tuple[Path | None, int]:
        """The file with the part's rows, None if there are none, and how many rows come before them."""
        folder = work / "source"
        folder.mkdir()
        fetch(part.spec, folder, self._settings, part.identity)
        file = next(path for path in sorted(folder.rglob("*")) if path.is_file())
        if part.slices == 1:
            return file, 0
        from meli_tasks.scoring.row_groups import cut

        return cut(file, work / "share.parquet", part.file, part.slice, part.slices, self._settings.reading_limits)

    def _predicted(
        self, part: PlannedPart, classifier: Classifier, source: Path | None, before: int, work: Path
    ) -> tuple[PartResult, TitleProfile]:
        if source is None:
            return PartResult(file=""), TitleProfile()
        target = work / result_name(part, source)
        ranker = CountedRanker(classifier, self._known, self._plan.abstain_below)
        done = predict_file(ranker, source, target, top=self._plan.top, limits=self._settings.reading_limits)
        profile = ranker.profile().model_copy(update={"bad": dict(done.bad)})
        return _summary(done, target.name, before), profile

    def _store_result(self, part: PlannedPart, result: PartResult, work: Path) -> Manifest:
        files = [name for name in (result.file, PROFILE) if name]
        manifest = Manifest(
            stage=SCORE,
            key=part.key,
            params={"slice": part.slice, "slices": part.slices, "top": self._plan.top},
            inputs={"file": part.identity, "model": self._plan.model},
            outputs={name: describe_file(work / name) for name in files},
            summary=result.model_dump(mode="json"),
            attempt=uuid.uuid4().hex[:12],
            about={**about_this_process(), "seconds": round(result.seconds, 2)},
        )
        with noted(self._store, manifest):
            for name in files:
                self._store.upload(work / name, manifest.file_name(name))
            return publish(self._store, manifest)

    def _copy(self, part: PlannedPart, manifest: Manifest) -> None:
        result = PartResult.model_validate(manifest.summary)
        if not result.file:
            return
        target = output_of(self._plan, self._settings)
        with self._cache.work_folder() as work:
            download(self._store, manifest, result.file, work / "result")
            target.upload(work / "result", _name_in_output(part, result))


def result_name(part: PlannedPart, source: Path) -> str:
    """The name of a part's result, in the format of the part: its own, unless that is of another format or of none."""
    name = PurePosixPath(part.name).name
    with RowFile(source) as file:
        kind = "parquet" if file.typed else "jsonl" if file.keyed else "csv"
    with source.open("rb") as opened:
        gzipped = kind != "parquet" and opened.read(2) == b"\x1f\x8b"
    try:
        fits = kind_of(Path(name)) == (kind, gzipped)
    except BadData:
        fits = False
    return name if fits else f"{name}.scored{_SUFFIXES[kind]}{'.gz' if gzipped else ''}"


def merge(plan: BatchPlan, settings: Settings, store: Store, problems: Mapping[int, str]) -> BatchRecord:
    """Put together what was found in all parts, and store it as the record of the batch.

    Args:
        plan: The batch.
        settings: For the output.
        store: Where the parts are.
        problems: Why parts could not be scored, by index.
    """
    if (earlier := complete_record(plan, settings, store)) is not None:
        return earlier
    parts, results, profiles = [], [], []
    for index, part in enumerate(plan.parts):
        manifest = find(store, SCORE, part.key)
        if manifest is None:
            problem = problems.get(index) or "It was not scored: its task failed or was stopped. Start the batch again."
            parts.append(ScoredPart(key=part.key, file=part.file, problem=problem))
            continue
        result = PartResult.model_validate(manifest.summary)
        results.append(result)
        profiles.append(parse_file(store, manifest, PROFILE, TitleProfile.model_validate_json))
        address = _address(plan, part, result, store, manifest) if result.file else ""
        parts.append(
            ScoredPart(key=part.key, file=part.file, rows=result.rows, bad_rows=result.bad_rows, address=address)
        )
    record = _record(plan, parts, results, merged(profiles))
    data = record.model_dump_json(indent=1).encode()
    if plan.output:
        output_of(plan, settings).write(RECORD, data)
    reading.write(store, paths.batch_record(plan.id), data)
    return record


def _record(plan: BatchPlan, parts: list[ScoredPart], results: list[PartResult], profile: TitleProfile) -> BatchRecord:
    return BatchRecord(
        id=plan.id,
        day=plan.day,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        source=plan.source,
        model=plan.model,
        model_name=plan.model_name,
        rows=sum(result.rows for result in results),
        bad_rows=sum(result.bad_rows for result in results),
        bad_by_reason=profile.bad,
        unknown_rows=sum(result.unknown_rows for result in results),
        abstain_below=plan.abstain_below,
        abstained=profile.abstained,
        categories=profile.categories,
        confidences=profile.confidences,
        output=plan.output,
        parts=tuple(parts),
        profile=profile,
    )


def _summary(done: Progress, file: str, before: int) -> PartResult:
    return PartResult(
        file=file,
        rows=done.rows,
        bad_rows=done.bad_rows,
        unknown_rows=done.unknown_rows,
        bad_lines={reason: tuple(line + before for line in lines) for reason, lines in done.bad_lines.items()},
        advice=done.encoding_advice,
        seconds=done.seconds,
    )


def _name_in_output(part: PlannedPart, result: PartResult) -> str:
    return str(PurePosixPath(part.name).with_name(result.file))


def _address(plan: BatchPlan, part: PlannedPart, result: PartResult, store: Store, manifest: Manifest) -> str:
    if plan.output:
        return f"{plan.output}/{_name_in_output(part, result)}"
    return f"{store.url}/{manifest.file_name(result.file)}"
