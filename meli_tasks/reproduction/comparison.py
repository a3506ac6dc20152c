"""Whether a model that was computed again is the same: its files, and every figure to the last digit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from meli_tasks.artifacts.manifest import Manifest, find
from meli_tasks.artifacts.timed import read_scores
from meli_tasks.planning.evaluation import EvaluationReport
from meli_tasks.reproduction.again import Again
from meli_tasks.reproduction.origin import Origin
from meli_tasks.stages.summaries import ENSEMBLE, EnsembleSummary, IngestSummary, TrainSummary
from meli_tasks.store import Store

_TRAINED = (
    "kept_epoch", "epochs_run", "validation_balanced_accuracy", "validation_loss", "train_loss", "batch_size_used",
)  # fmt: skip
_COMBINED = ("weights", "inverse_temperatures", "validation_balanced_accuracy", "gain")
_TESTED = ("balanced_accuracy", "accuracy", "top5", "macro_f1")


@dataclass(frozen=True)
class Compared:
    """One figure then and now."""

    what: str
    then: str
    now: str

    @property
    def equal(self) -> bool:
        """Whether it is the same to the last digit."""
        return self.then == self.now


@dataclass(frozen=True)
class Comparison:
    """All figures, and why some were not compared."""

    figures: tuple[Compared, ...]
    not_compared: str = ""

    @property
    def equal(self) -> bool:
        """Whether everything that was compared is the same."""
        return all(figure.equal for figure in self.figures)


def compare(origin: Origin, again: Again, store: Store) -> Comparison:
    """Compare the listings, every trained model, and the figures on the test titles."""
    figures: list[Compared] = []
    for made in origin.made.all():
        then, now = made.manifest, again.manifests[made.manifest.key]
        figures += _of_artifact(f"{then.stage} {origin.name(then)}", then, now)
    tested, missing = _tested(origin, again, store)
    return Comparison((*figures, *tested), missing)


def _of_artifact(name: str, then: Manifest, now: Manifest) -> list[Compared]:
    if then.stage == "ingest":
        before, after = then.read_summary(IngestSummary), now.read_summary(IngestSummary)
        return [Compared(f"{name}: fingerprint of the listings", before.fingerprint, after.fingerprint)]
    if then.stage not in ("train", ENSEMBLE):
        return []
    kind, fields = (EnsembleSummary, _COMBINED) if then.stage == ENSEMBLE else (TrainSummary, _TRAINED)
    summaries = then.read_summary(kind), now.read_summary(kind)
    recorded = [field for field in fields if field in summaries[0].model_fields_set]
    return [
        Compared(f"{name}: sha256 of the model", then.model_sha256, now.model_sha256),
        *(
            Compared(f"{name}: {_plain(field)}", *(_text(getattr(each, field)) for each in summaries))
            for field in recorded
        ),
    ]


def _tested(origin: Origin, again: Again, store: Store) -> tuple[list[Compared], str]:
    """The figures on the test titles; and why they cannot be compared, if they cannot."""
    if not again.model.model_sha256:
        return [], "There are no figures on the test titles: the ensemble was not offered as a candidate."
    if again.scores is None:
        return [], "The figures on the test titles were not compared: they come from the models of the folds."
    report = EvaluationReport.load(store, origin.plan.name)
    manifest = find(store, "evaluate", report.key) if report else None
    if report is None or manifest is None:
        return [], "The figures on the test titles were not compared: that run's evaluation is not in the store."
    scores = read_scores(store, manifest)
    then = scores.models.get(origin.label)
    if then is None or not report.ref(origin.label).is_same(origin.model.ref):
        return [], "The figures on the test titles were not compared: that run evaluated another attempt of the model."
    if scores.test and scores.test.left_out:
        return [], (
            f"The figures on the test titles were not compared: that run left out {scores.test.left_out:,} of them, "
            "because another model was fitted on them."
        )
    now = again.scores.models[origin.label]
    pairs = [(field, getattr(then, field), getattr(now, field)) for field in _TESTED]
    return [
        Compared(f"test titles: {_plain(field)}", _text(before), _text(after))
        for field, before, after in pairs
        if before is not None and after is not None
    ], ""


def _plain(field: str) -> str:
    return field.replace("_", " ")


def _text(value: object) -> str:
    """A figure with all of its digits."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_text(each)}" for name, each in sorted(value.items()))
    return repr(value)
