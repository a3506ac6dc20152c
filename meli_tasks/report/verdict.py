"""The verdict: what the run decided and why, in plain words, with the figures and gates behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from meli_tasks.decision import Decision
from meli_tasks.report.blocks import (
    DECISION,
    NOT_MEASURED,
    SCORES,
    Block,
    Cell,
    Column,
    Facts,
    Range,
    Row,
    Table,
    Text,
    Tone,
    figure,
    interval,
    pointer,
    signed,
    whole,
)
from meli_tasks.report.material import Decided, Material
from meli_tasks.stages.evaluation import Evaluation, PromotionDecision
from meli_tasks.stages.figures import ReferenceModel
from meli_tasks.stages.summaries import Gate
from meli_tasks.wording import count

_TONES: Mapping[str, Tone] = {"passed": "good", "failed": "bad", "not checked": "warning"}
LEAST_BIAS = 0.00005
"""A smaller bias would be displayed as 0.0000."""
_ACTIONS = {"promote": "Promoted", "keep": "Champion kept", "rollback": "Rolled back"}


def headline(run: Material) -> str:
    """The verdict in one line."""
    decided = run.decided
    if decided is None:
        if run.scores is None:
            return "Nothing was evaluated."
        return "The models were evaluated. No decision was made, or its files were deleted."
    return decided.entry.reason if decided.entry else decided.found.reason


def verdict(run: Material) -> Sequence[Block]:
    """Who is champion and why; the compared models, the gain, its probability, and each gate."""
    decided = run.decided
    if decided is None:
        return [Text(headline(run), "warning"), *_failed(run)]
    action = _ACTIONS[decided.entry.action] if decided.entry else _without_entry(decided)
    tone: Tone = "good" if decided.promoted else "note"
    return [
        Text(f"{action}. {headline(run)}", tone),
        *_answer(decided.entry),
        *_why(decided.found),
        *_failed(run),
        _compared(run, decided),
        Facts(_facts(decided)),
        *_gates(decided.found.gates),
    ]


def _without_entry(decided: Decided) -> str:
    if decided.found.verdict == "ask":
        return "Approval required"
    if decided.promoted:
        return "Not in the ledger yet"
    return "Nothing was promoted"


def _answer(entry: Decision | None) -> list[Block]:
    """The answer to the run's approval request, if it had one."""
    approval = entry.approval if entry else None
    if approval is None:
        return []
    if approval.timed_out:
        return [Text(f"Nobody answered by {approval.at:%Y-%m-%d %H:%M} UTC, so the champion was kept.", "warning")]
    answer = "Approved" if approval.approved else "Rejected"
    reason = f": {approval.reason}" if approval.reason else ", without a reason"
    return [Text(f"{answer} by {approval.by or 'an unknown user'} on {approval.at:%Y-%m-%d %H:%M} UTC{reason}", "note")]


def _why(found: PromotionDecision) -> list[Block]:
    """Which challenger was compared, and what a person should know of the evidence."""
    blocks: list[Block] = []
    if found.nominated and found.why_nominated and found.why_nominated not in found.reason:
        blocks.append(Text(f"{found.nominated} was nominated: {found.why_nominated}."))
    if found.borderline:
        blocks.append(
            Text(
                "The evidence is borderline: the probability is close to its limit, so a person must approve.",
                "warning",
            )
        )
    return blocks


def _failed(run: Material) -> list[Block]:
    failed = run.evaluated.failed if run.evaluated else ()
    if not failed:
        return []
    return [
        Text(f"{count(len(failed), 'set')} failed to train and could not be compared: {', '.join(failed)}.", "warning")
    ]


def _compared(run: Material, decided: Decided) -> Block:
    """The champion before the run and the challenger, with their figures on the same titles."""
    rows: list[Row] = []
    for role, label in (("champion before the run", decided.found.champion), ("challenger", decided.found.challenger)):
        found = run.models.get(label) if label else None
        at = pointer(SCORES, "models", label or "", "balanced_accuracy")
        accuracy = found.balanced_accuracy if found else None
        figures = [figure(accuracy, at), interval(found.interval if found else None)] if label else [Cell(""), Cell("")]
        rows.append([Cell(role), Cell(label or "none", strong=True), *figures])
    columns = (Column("role"), Column("model"), Column("balanced accuracy", True), Column("95 % interval"))
    return Table("The compared models", columns, rows)


def _facts(decided: Decided) -> list[tuple[str, Cell]]:
    found = decided.found
    rows: list[tuple[str, Cell]] = []
    if found.gain is not None:
        rows += [
            ("Gain in balanced accuracy", signed(found.gain, pointer(DECISION, "gain"))),
            ("95 % interval of the gain", interval(found.gain_interval)),
            (
                "Probability that the challenger is better",
                figure(found.probability, pointer(DECISION, "probability"), 3),
            ),
        ]
    if found.selection_bias >= LEAST_BIAS:
        at = pointer(DECISION, "selection_bias")
        rows.append(("Estimated selection bias of the champion's figure", figure(found.selection_bias, at)))
    if found.nominated_bias >= LEAST_BIAS:
        at = pointer(DECISION, "nominated_bias")
        rows.append(("Estimated selection bias of the challenger's figure", figure(found.nominated_bias, at)))
    kind = found.test.described.partition(" ")[2] if found.test else "test titles"
    rows.append((f"Compared on {kind}", whole(found.test_titles, pointer(DECISION, "test_titles"))))
    if entry := decided.entry:
        rows.append(("Decision", Cell(f"{entry.number}, of {entry.at:%Y-%m-%d %H:%M} UTC by {entry.by}")))
    return rows


def _gates(gates: Sequence[Gate]) -> list[Block]:
    if not gates:
        return [Text("No gates were checked: there was nothing to compare.")]
    rows = [
        (
            Cell(gate.name.replace("_", " "), strong=True),
            Cell(gate.state, tone=_TONES[gate.state]),
            _value(gate, number),
            Cell(f"{gate.limit:g}", gate.limit, pointer(DECISION, "gates", number, "limit")),
            Cell(gate.detail),
        )
        for number, gate in enumerate(gates)
    ]
    columns = (Column("gate"), Column("state"), Column("observed", True), Column("limit", True), Column("detail"))
    return [Table("Gates that a challenger must pass", columns, rows)]


def _value(gate: Gate, number: int) -> Cell:
    if gate.value is None:
        return Cell("–")
    return Cell(f"{gate.value:,.4g}", gate.value, pointer(DECISION, "gates", number, "value"))


LEADERBOARD = (
    Column("model"),
    Column("balanced accuracy", True),
    Column("95 % interval"),
    Column("accuracy", True),
    Column("top 3", True),
    Column("top 5", True),
    Column("macro F1", True),
    Column("calibration error", True),
    Column("golden titles misclassified", True),
    Column("ms per title", True),
    Column("MB", True),
)


def leaderboard(run: Material) -> Sequence[Block]:
    """Every model on the same titles, the most accurate first; the champion and the reference model are marked."""
    scores = run.scores
    if scores is None:
        return [Text("Not available: no model was evaluated, or the evaluation was deleted.", "warning")]
    champion = run.decided.found.champion if run.decided else run.evaluated.champion if run.evaluated else None
    promoted = run.decided.promoted if run.decided else None
    intervals = [found.interval for found in run.models.values()]
    if scores.reference:
        intervals.append(scores.reference.interval)
    low, high = min(each[0] for each in intervals), max(each[1] for each in intervals)
    rows = [_row(run, label, _role(label, champion, promoted), (low, high)) for label in run.models]
    if scores.reference:
        rows.append(_reference_row(scores.reference, (low, high)))
    measured = [place for place in range(len(LEADERBOARD)) if any(_is_measured(row[place]) for row in rows)]
    lacking = [column.name for place, column in enumerate(LEADERBOARD) if place not in measured]
    columns = [LEADERBOARD[place] for place in measured]
    table = Table(
        f"Models on the same {scores.test.described if scores.test else 'test titles'}",
        columns,
        [[row[place] for place in measured] for row in rows],
    )
    notes = [*(scores.test.notes() if scores.test else []), *(scores.golden.notes() if scores.golden else [])]
    if scores.golden is None and "golden titles misclassified" in lacking:
        lacking.remove("golden titles misclassified")
        notes.append("There are no golden titles.")
    if lacking:
        notes.append(f"Not measured: {', '.join(lacking)}.")
    if run.are_copied:
        notes.append(
            "The evaluation's scores.json was deleted, or cannot be read: these figures are the copy beside the "
            "run's plan."
        )
    if not scores.reference:
        notes.append("Reference model (TF-IDF with a linear classifier): not measured.")
    return [table, *_below_reference(run, champion), *_golden(run), *(Text(note, "note") for note in notes)]


def _below_reference(run: Material, champion: str | None) -> list[Block]:
    """A warning if the champion, or the new one, does not beat the simple model that every model should beat."""
    promoted = run.decided.promoted if run.decided else None
    label = promoted or champion
    reference = run.scores.reference if run.scores else None
    if reference is None or label is None or label not in run.models:
        return []
    return [Text(note, "warning") for note in reference.notes([label])]


def _is_measured(cell: Cell | Range) -> bool:
    return isinstance(cell, Range) or cell.text not in (NOT_MEASURED, "–")


def _role(label: str, champion: str | None, promoted: str | None) -> str:
    roles = ["champion before the run"] if label == champion and not label.endswith("(champion)") else []
    return ", ".join(roles + (["new champion"] if label == promoted else []))


def _row(run: Material, label: str, role: str, axis: tuple[float, float]) -> list[Cell | Range]:
    found = run.models[label]

    def stored(name: str, value: float | None, digits: int = 4) -> Cell:
        return figure(value, run.stored_at(label, name), digits)

    return [
        Cell(f"{label} ({role})" if role else label),
        stored("balanced_accuracy", found.balanced_accuracy),
        Range(found.balanced_accuracy, found.interval, *axis),
        stored("accuracy", found.accuracy),
        stored("top3", found.top3),
        stored("top5", found.top5),
        stored("macro_f1", found.macro_f1),
        stored("calibration_error", found.calibration_error),
        _golden_lost(label, found),
        stored("milliseconds_p95", found.milliseconds_p95, 1),
        stored("megabytes", found.megabytes, 1),
    ]


def _golden_lost(label: str, found: Evaluation) -> Cell:
    if found.golden is None:
        return Cell(NOT_MEASURED)
    lost = found.golden.lost_titles
    at = pointer(SCORES, "models", label, "golden", "lost_titles")
    return Cell(f"{lost:,}", lost, at, "bad" if lost else "")


def _golden(run: Material) -> list[Block]:
    """The golden titles that a model misclassifies."""
    rows: list[Row] = [
        [Cell(label), Cell(lost.title), Cell(lost.category), Cell(lost.predicted)]
        for label, found in run.models.items()
        if found.golden
        for lost in found.golden.lost
    ]
    if not rows:
        return []
    columns = (Column("model"), Column("title"), Column("required category"), Column("predicted"))
    return [Table("Misclassified golden titles", columns, rows)]


def _reference_row(reference: ReferenceModel, axis: tuple[float, float]) -> list[Cell | Range]:
    def stored(name: str, value: float) -> Cell:
        return figure(value, pointer(SCORES, "reference", name))

    return [
        Cell(f"reference: TF-IDF and a linear classifier, fitted on {reference.trained_titles:,} titles"),
        stored("balanced_accuracy", reference.balanced_accuracy),
        Range(reference.balanced_accuracy, reference.interval, *axis),
        stored("accuracy", reference.accuracy),
        *(Cell("–") for _ in LEADERBOARD[4:]),
    ]
