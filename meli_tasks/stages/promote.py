"""promote: the decision whether a challenger replaces the champion. Pure: it only reads evaluate's figures.

In: `evaluate` (scores.json, predictions.parquet). Out: decision.json, with the evidence for every gate. Writing the
decision into the ledger is the registry's work.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from meli_tasks.core import metrics as comparison
from meli_tasks.core.errors import BadData
from meli_tasks.core.hyperparameters import Promote, Promotion
from meli_tasks.stages.hooks import Hooks, Inputs
from meli_tasks.stages.summaries import Gate, PromoteSummary

BOOTSTRAP_SAMPLES = 4_000
BOOTSTRAP_SEED = 1


@dataclass(frozen=True)
class Case:
    """A challenger with what was found on it; `comparison` is None where there is no champion to compare with."""

    label: str
    comparison: comparison.Comparison | None
    gates: tuple[Gate, ...]

    @property
    def passed(self) -> bool:
        """Whether every gate holds."""
        return all(gate.passed for gate in self.gates)


@dataclass(frozen=True)
class Evidence:
    """Evaluate's figures by label: `labels` (n,) the true categories by number, `correct[label]` (n,) who was right."""

    scores: dict[str, Any]
    labels: NDArray[np.int64]
    categories: list[str]
    correct: dict[str, NDArray[np.bool_]]


def run(inputs: Inputs, out: Path, params: Promotion, hooks: Hooks) -> PromoteSummary:
    """Decide whether a challenger replaces `params.champion`.

    Raises:
        BadData: the champion was not measured.
    """
    limits = Promote.model_validate(params.model_dump(include=set(Promote.model_fields)))
    champion = params.champion
    evidence = _read(inputs["evaluate"])
    if champion is not None and champion not in evidence.scores:
        raise BadData(f"The champion {champion!r} was not measured; evaluate saw {', '.join(sorted(evidence.scores))}.")
    cases = [_examine(label, champion, evidence, limits) for label in _challengers(champion, evidence.scores)]
    case = next((case for case in cases if case.passed), cases[0] if cases else None)
    promoted = case.label if case and case.passed and limits.mode != "never" else None
    found = case.comparison if case else None
    summary = PromoteSummary(
        promoted=promoted,
        champion=champion,
        challenger=case.label if case else None,
        reason=_reason(case, champion, evidence.scores, limits),
        gain=found.gain if found else None,
        gain_interval=found.interval if found else None,
        probability=found.probability if found else None,
        gates=case.gates if case else (),
    )
    decision = {
        **summary.model_dump(mode="json"),
        "test_titles": len(evidence.labels),
        "limits": limits.model_dump(mode="json"),
        "scores": {label: _figures(scores) for label, scores in evidence.scores.items()},
        "examined": [_examined(case) for case in cases],
    }
    (out / "decision.json").write_text(json.dumps(decision, ensure_ascii=False, indent=1), encoding="utf-8")
    hooks.log.info(summary.reason)
    return summary


def _examined(case: Case) -> dict[str, Any]:
    return {
        "label": case.label,
        "comparison": asdict(case.comparison) if case.comparison else None,
        "gates": [gate.model_dump(mode="json") for gate in case.gates],
    }


def _read(folder: Path) -> Evidence:
    scores = json.loads((folder / "scores.json").read_text(encoding="utf-8"))
    table = pq.read_table(folder / "predictions.parquet", columns=["category", *scores])
    true = table["category"].cast(pa.string())
    names = pc.unique(true)
    labels = pc.index_in(true, value_set=names).to_numpy().astype(np.int64)
    correct = {label: pc.equal(table[label].cast(pa.string()), true).to_numpy() for label in scores}
    return Evidence(scores, labels, names.to_pylist(), correct)


def _challengers(champion: str | None, scores: Mapping[str, Any]) -> list[str]:
    """From the most accurate down, equal ones by name; below the champion nobody is a challenger."""
    floor = scores[champion]["balanced_accuracy"] if champion is not None else -1.0
    better = [label for label, s in scores.items() if label != champion and s["balanced_accuracy"] > floor]
    return sorted(better, key=lambda label: (-scores[label]["balanced_accuracy"], label))


def _examine(label: str, champion: str | None, evidence: Evidence, limits: Promote) -> Case:
    scores = evidence.scores[label]
    gates = [
        _at_most("milliseconds", scores["milliseconds_p95"], limits.max_milliseconds),
        _at_most("megabytes", scores["megabytes"], limits.max_megabytes),
    ]
    if champion is None:
        return Case(label, None, tuple(gates))
    before, after = evidence.correct[champion], evidence.correct[label]
    found = comparison.probability_better(
        evidence.labels, before, after, samples=BOOTSTRAP_SAMPLES, seed=BOOTSTRAP_SEED
    )
    drop = comparison.largest_drop(evidence.labels, before, after, min_titles=limits.min_category_titles)
    gates = [
        Gate(name="gain", passed=found.gain >= limits.min_gain, seen=found.gain, limit=limits.min_gain),
        Gate(
            name="probability",
            passed=found.probability >= limits.min_probability,
            seen=found.probability,
            limit=limits.min_probability,
        ),
        _category_gate(drop, evidence.categories, limits),
        *gates,
    ]
    return Case(label, found, tuple(gates))


def _at_most(name: str, seen: float, limit: float) -> Gate:
    return Gate(name=name, passed=seen <= limit, seen=seen, limit=limit)


def _category_gate(drop: comparison.Drop | None, categories: list[str], limits: Promote) -> Gate:
    if drop is None:
        detail = f"no category has {limits.min_category_titles} test titles"
        return Gate(name="category_drop", passed=True, limit=limits.max_category_drop, detail=detail)
    detail = f"{categories[drop.category]}: recall {drop.before:.3f} to {drop.after:.3f} over {drop.titles} test titles"
    return Gate(
        name="category_drop",
        passed=drop.size <= limits.max_category_drop,
        seen=drop.size,
        limit=limits.max_category_drop,
        detail=detail,
    )


def _figures(scores: Mapping[str, Any]) -> dict[str, Any]:
    return {name: scores[name] for name in ("balanced_accuracy", "interval", "top5", "milliseconds_p95", "megabytes")}


def _reason(case: Case | None, champion: str | None, scores: Mapping[str, Any], limits: Promote) -> str:
    """One sentence for the ledger, the approval and the log."""
    if case is None:
        assert champion is not None  # without one every model is a challenger
        rest = (
            "no other model was measured"
            if len(scores) == 1
            else "no other model measured better on the same test titles"
        )
        return f"{champion} stays champion: {rest} (balanced accuracy {scores[champion]['balanced_accuracy']:.4f})."
    accuracy = scores[case.label]["balanced_accuracy"]
    if not case.passed:
        failed = "; ".join(_failure(gate) for gate in case.gates if not gate.passed)
        stays = f"{champion} stays champion" if champion else "Nobody becomes champion"
        return f"{stays}: {case.label} (balanced accuracy {accuracy:.4f}) does not pass every gate: {failed}."
    found = case.comparison
    if found is None:
        why = f"with balanced accuracy {accuracy:.4f}, since there is no champion yet"
    else:
        why = (
            f"with balanced accuracy {accuracy:.4f}, {found.gain:+.4f} against {champion} "
            f"(better with probability {found.probability:.3f})"
        )
    if limits.mode == "never":
        return f"{case.label} would become champion {why}, but this run does not promote (mode 'never')."
    return f"{case.label} becomes champion {why}."


def _failure(gate: Gate) -> str:
    if gate.name == "gain":
        return f"a gain of {gate.seen:.4f} is below {gate.limit:g}"
    if gate.name == "probability":
        return f"a probability of {gate.seen:.3f} that it is better is below {gate.limit:g}"
    if gate.name == "category_drop":
        return f"a category loses more than {gate.limit:g} ({gate.detail})"
    return f"{gate.seen:g} {gate.name} are above {gate.limit:g}"
