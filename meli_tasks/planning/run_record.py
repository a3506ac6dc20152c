"""A run in one row of the index: what lists, estimates and pages need of its plan and of what lies beside it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from pydantic import Field, model_validator

from meli_tasks.artifacts import paths, reading
from meli_tasks.artifacts.manifest import Manifest, ModelRef, canonical_json, find, find_record
from meli_tasks.execution.runner import LISTINGS
from meli_tasks.index.attempts import Attempts
from meli_tasks.index.changes import digest
from meli_tasks.planning.evaluation import EvaluationReport
from meli_tasks.planning.past_figures import PastFigures
from meli_tasks.planning.plan import Plan, SearchedSet
from meli_tasks.planning.timing import RunTiming
from meli_tasks.stages.evaluation import Evaluation
from meli_tasks.stages.stored import Stored
from meli_tasks.stages.summaries import EvaluateSummary, IngestSummary, PreprocessSummary
from meli_tasks.store import Store

T = TypeVar("T")
ID_CHARACTERS = 16
ESTIMATED = 16
"""From how many of the newest runs estimates are made: enough to cover every set in use."""
NIGHTS = 60
"""Of how many of the newest runs a new index has what is said of their titles: twice as many as pages display."""
WITHOUT: dict[str, object] = {
    "categories": {}, "by_language": {}, "by_label_quality": {}, "slices": {}, "reliability": (), "abstention": (),
    "confusions": (),
}  # fmt: skip
"""What a row leaves out of the figures of a model."""


class SavedSteps(Stored):
    """The part of preview.json that says whether a run ended early."""

    nothing_new: str = ""
    saved_seconds: float = 0.0


class AskingVerdict(Stored):
    """The part of verdict.json that says whether a person has to approve."""

    verdict: str = ""


class Seen(Stored):
    """The object that a row was made from: its version in the listing, if it was listed, and the digest of its bytes.

    An object that is not there has an empty digest.
    """

    version: str = ""
    digest: str = ""


class EvaluatedRow(Stored):
    """What the evaluation of a run found, without the figures of each category, of which only the names are kept.

    `test_set` identifies the titles that all its models were tested on; `left_out` are the others of the test split.
    `folds` is 0 unless they were cross-validated on all titles.
    """

    key: str = Field("", description="content key of the evaluate artifact")
    test_set: str
    test_titles: int
    left_out: int = 0
    folds: int = 0
    models: dict[str, str] = Field(default_factory=dict, description="content key of each evaluated model, by label")
    attempts: dict[str, str] = Field(default_factory=dict, description="digest of each evaluated model, by label")
    champion: str | None = None
    failed: tuple[str, ...] = ()
    figures: dict[str, Evaluation] = Field(default_factory=dict)
    members: dict[str, float] = Field(default_factory=dict, description="weights of the ensemble")
    categories: tuple[str, ...] = ()

    @classmethod
    def of(cls, plan: str, report: EvaluationReport, manifest: Manifest | None) -> EvaluatedRow:
        """Summarize the report of a plan's run; `manifest` is that of its evaluation, None if it is missing."""
        titles = _titles_by_category(report)
        left_out = manifest.read_summary(EvaluateSummary).left_out if manifest else 0
        return cls(
            key=report.key,
            test_set=_test_set(plan, manifest.inputs if manifest else {}, titles, left_out, report.folds),
            test_titles=sum(titles.values()),
            left_out=left_out,
            folds=report.folds,
            models=report.models,
            attempts=report.attempts,
            champion=report.champion,
            failed=report.failed,
            figures={label: found.model_copy(update=WITHOUT) for label, found in report.scores.items()},
            members=report.ensemble.weights if report.ensemble else {},
            categories=tuple(titles),
        )

    def ref(self, label: str) -> ModelRef:
        """The attempt that was evaluated under a label."""
        return ModelRef(self.models[label], self.attempts.get(label, ""))


class NightTitles(Stored):
    """What the manifests of a run's first stages say of its titles; None if a stage has left none."""

    rows: int | None = None
    bad_rows: int | None = None
    categories: int | None = None
    unknown_words: float | None = Field(None, description="fraction of the words of its validation titles")

    @property
    def is_whole(self) -> bool:
        """Whether both stages have left theirs."""
        return self.rows is not None and self.unknown_words is not None


class RunRow(Stored):
    """A run. `sets` maps a set's name to its training run's key.

    `source` is where the titles of this run are from. `origin` is a digest of the same before the date was filled in,
    which may hold a password: runs with the same one have titles of the same source. `ingest` and `preprocess` are keys
    of the run's listings and of its first recipe.
    """

    plan: str
    run_id: str
    at: str
    as_of: str
    source: str
    dag_run_url: str = ""
    sets: dict[str, str] = Field(default_factory=dict)
    architectures: dict[str, str] = Field(default_factory=dict)
    origin: str = ""
    ingest: str = ""
    preprocess: str = ""
    promotion: str = ""
    evaluated: EvaluatedRow | None = None
    nothing_new: str = ""
    saved_seconds: float = 0.0
    titles: NightTitles | None = Field(None, description="None until it is in the index")
    asks: bool = Field(False, description="whether its verdict is to ask a person")
    seconds: float | None = Field(None, description="from its start to its end; None if it has not ended")
    past: PastFigures | None = Field(None, description="what estimates need of it; None until it is in the index")
    seen: dict[str, Seen] = Field(default_factory=dict, description="what it was made from, by `paths.RUN_PARTS`")

    @classmethod
    def of(cls, plan: Plan) -> RunRow:
        """What the plan alone says of its run."""
        return cls(
            plan=plan.name,
            run_id=plan.run_id,
            at=plan.at,
            as_of=plan.as_of,
            source=plan.ingest.name,
            dag_run_url=plan.dag_run_url,
            sets={label: step.key for label, step in plan.sets.items()},
            architectures={label: step.outline.architecture for label, step in plan.sets.items()},
            origin=origin_of(plan),
            ingest=plan.ingest.key,
            preprocess=plan.recipes[0].preprocess.key if plan.recipes else "",
            promotion=plan.request.promotion,
        )

    @property
    def name(self) -> str:
        """The name of the plan."""
        return self.plan

    @property
    def content(self) -> RunRow:
        """What depends on the run's objects only: neither on how they were listed nor on artifacts, which may go."""
        seen = {part: each.model_copy(update={"version": ""}) for part, each in self.seen.items()}
        without = {"test_set": "", "left_out": 0}
        evaluated = self.evaluated.model_copy(update=without) if self.evaluated else None
        return self.model_copy(update={"seen": seen, "past": None, "titles": None, "evaluated": evaluated})


class RunHead(NamedTuple):
    """What finds and counts runs; `block` is the object of the index that has the row."""

    plan: str
    run_id: str
    at: str
    as_of: str
    source: str
    origin: str
    sets: tuple[str, ...]
    block: str

    @property
    def name(self) -> str:
        """The name of the plan."""
        return self.plan

    @property
    def day(self) -> str:
        """The date of its titles, or its own if they have none."""
        return self.as_of or self.at[:10]

    def matches(self, text: str) -> bool:
        """Whether every word of `text` occurs in the run's id, source, date or sets."""
        if not text:
            return True
        known = " ".join((self.run_id, self.source, self.as_of, *self.sets)).lower()
        return all(word in known for word in text.lower().split())

    @classmethod
    def of(cls, row: RunRow, block: str) -> RunHead:
        """The head of a row."""
        return cls(row.plan, row.run_id, row.at, row.as_of, row.source, row.origin, tuple(row.sets), block)


class _Block(Stored):
    """A block as it is stored: thousands of runs have the same categories, so each list of names is stored once."""

    version: int = 1
    rows: tuple[RunRow, ...]

    @model_validator(mode="before")
    @classmethod
    def _with_categories(cls, stored: Any) -> Any:
        lists = stored["categories"]
        for row in stored["rows"]:
            if evaluated := row.get("evaluated"):
                evaluated["categories"] = lists[evaluated["categories"]]
        return stored


class RunCodec:
    """How runs are stored in the index."""

    def encode(self, rows: Sequence[RunRow]) -> bytes:
        """A block of rows, oldest first."""
        lists: dict[tuple[str, ...], int] = {}
        stored = []
        for place, row in enumerate(rows):
            # Estimates are made from the newest runs only.
            without = {"past"} if len(rows) - place > 2 * ESTIMATED else None
            fields = row.model_dump(mode="json", exclude_defaults=True, exclude=without)
            if row.evaluated:
                fields["evaluated"]["categories"] = lists.setdefault(row.evaluated.categories, len(lists))
            stored.append(fields)
        return json.dumps({"version": 1, "categories": list(lists), "rows": stored}, ensure_ascii=False).encode()

    def decode(self, data: bytes) -> list[RunRow]:
        """The rows of a block."""
        return list(_Block.model_validate(json.loads(data)).rows)

    def head(self, row: RunRow, block: str) -> RunHead:
        """The head of a row."""
        return RunHead.of(row, block)

    def encode_heads(self, heads: Sequence[RunHead]) -> bytes:
        """Heads; texts that many have are stored once."""
        texts: dict[Any, int] = {}

        def place(text: Any) -> int:
            return texts.setdefault(text, len(texts))

        rows = [[*head[:4], *(place(each) for each in head[4:])] for head in heads]
        return json.dumps({"version": 1, "rows": rows, "texts": list(texts)}, ensure_ascii=False).encode()

    def decode_heads(self, data: bytes) -> list[RunHead]:
        """The heads of an object."""
        stored = json.loads(data)
        texts = [tuple(each) if isinstance(each, list) else each for each in stored["texts"]]
        return [RunHead(*row[:4], *(texts[place] for place in row[4:])) for row in stored["rows"]]


def read_run(
    store: Store,
    name: str,
    attempts: Attempts,
    listing: Mapping[str, str] | None = None,
) -> RunRow | None:
    """Read what a row is made of; None if the plan is missing or cannot be read.

    Args:
        store: Where it is.
        name: The name of the plan.
        attempts: Reports what cannot be read.
        listing: The versions of all objects of runs by name, if they were listed: what is not there is not read.
    """
    seen: dict[str, Seen] = {}

    def read(part: str, parse: reading.Parse[T]) -> T | None:
        object_name = paths.run_part(name, part)
        version = listing.get(object_name, "") if listing is not None else ""
        seen[part] = Seen(version=version)
        if listing is not None and not version:
            return None
        blob = store.read(object_name)
        if blob is None:
            return None
        seen[part] = Seen(version=version, digest=digest(blob.data))
        return attempts.attempt(object_name, lambda: reading.parsed(store, object_name, blob.data, parse))

    plan = read("plan", Plan.model_validate_json)
    if plan is None:
        return None
    plan = plan.model_copy(update={"name": name})
    if plan.request.search_minutes and (added := read("searched", SearchedSet.model_validate_json)):
        _add_searched(plan, added)
    report = read("evaluated", EvaluationReport.model_validate_json)
    manifest = (
        attempts.attempt(paths.manifest("evaluate", report.key), lambda: find(store, "evaluate", report.key))
        if report and report.key
        else None
    )
    preview = None if report else read("preview", SavedSteps.model_validate_json)
    verdict = read("verdict", AskingVerdict.model_validate_json) if report else None
    timing = read("timing", RunTiming.model_validate_json) if report else None
    return RunRow.of(plan).model_copy(
        update={
            "evaluated": EvaluatedRow.of(name, report, manifest) if report else None,
            "nothing_new": preview.nothing_new if preview else "",
            "saved_seconds": preview.saved_seconds if preview else 0.0,
            "asks": verdict is not None and verdict.verdict == "ask",
            "seconds": timing.seconds if timing else None,
            "seen": seen,
        }
    )


def read_titles(store: Store, row: RunRow, attempts: Attempts) -> NightTitles:
    """What the manifests of the run's first stages say."""

    def read(stage: str, key: str) -> Manifest | None:
        name = paths.manifest(stage, key)
        return attempts.attempt(name, lambda: find_record(store, stage, key)) if key else None

    ingested, prepared = read("ingest", row.ingest), read("preprocess", row.preprocess)
    listings = ingested.read_summary(IngestSummary) if ingested else None
    arrays = prepared.read_summary(PreprocessSummary) if prepared else None
    return NightTitles(
        rows=listings.rows if listings else None,
        bad_rows=listings.bad_rows if listings else None,
        categories=listings.categories if listings else None,
        unknown_words=arrays.unknown_fraction.get("validation") if arrays else None,
    )


def origin_of(plan: Plan) -> str:
    """What runs with titles of the same source have in common, whatever their dates."""
    return hashlib.sha256(plan.request.source.encode()).hexdigest()[:ID_CHARACTERS]


def _add_searched(plan: Plan, added: SearchedSet) -> None:
    plan.sets[added.name] = added.step
    plan.resolved[added.name] = added.values


def _titles_by_category(report: EvaluationReport) -> dict[str, int]:
    """The number of test titles of each category: all models of a run are tested on the same titles."""
    first = next(iter(report.scores.values()), None)
    return {name: found.titles for name, found in first.categories.items()} if first else {}


def _test_set(plan: str, inputs: Mapping[str, str], titles: dict[str, int], left_out: int, folds: int) -> str:
    """An id of the test titles: of the listings that they are from, and of what was left out of them.

    Args:
        plan: The name of the run's plan, which stands for the listings if the artifact is missing: then nothing shows
            that another run used the same titles.
        inputs: Of the evaluation, by name.
        titles: The number of titles that were used, by category.
        left_out: The number of titles that a compared model was fitted on. Which ones follows from its listings.
        folds: The number of folds: with fewer, models are trained on fewer titles, so their scores do not compare.
    """
    fitted = sorted({key for name, key in inputs.items() if name.startswith(LISTINGS)}) if left_out else []
    made_from = [inputs.get("ingest", plan), titles, left_out, fitted, *([folds] if folds else [])]
    return hashlib.sha256(canonical_json(made_from).encode()).hexdigest()[:ID_CHARACTERS]
