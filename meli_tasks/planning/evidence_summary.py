"""The evidence summary: what a person needs to know to approve a model, as Markdown for Airflow and for a terminal."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from meli_tasks.settings import Settings
from meli_tasks.stages.evaluation import Evaluation, PromotionDecision
from meli_tasks.stages.figures import CategoryRecall, SliceAccuracy
from meli_tasks.stages.summaries import Gate
from meli_tasks.wording import count, printable

WORST = 3
"""How many of the categories and slices that got worse are listed."""
MARKUP = re.compile(r"([\\`*\[\]<>|#~])")
GATES = {
    "gain": "gain in balanced accuracy",
    "probability": "probability that it is better",
    "category_loss": "p-value of the most significant category loss",
    "category_drop": "largest loss of recall in a category",  # of decisions before 0.2.0
    "unseen_titles": "test titles that are new to every model",
    "milliseconds": "CPU time to classify a title, in ms",
    "megabytes": "size of the model, in MB",
    "golden_titles": "misclassified golden titles",
}


@dataclass(frozen=True)
class Link:
    """A page about the run."""

    name: str
    url: str


def report_page(settings: Settings, run_id: str) -> str:
    """The report of a run, as Airflow's plugin serves it; an empty string without MELI_AIRFLOW_URL."""
    path = f"/meli/api/report/{quote(run_id, safe=':+')}"
    return settings.airflow_url.rstrip("/") + path if settings.airflow_url else ""


@dataclass(frozen=True)
class EvidenceSummary:
    """Summarizes a decision and the evaluations behind it.

    Attributes:
        decided: What the stage promote decided.
        evaluations: The evaluation of each model, by label.
        links: Pages with more.
    """

    decided: PromotionDecision
    evaluations: Mapping[str, Evaluation]
    links: Sequence[Link] = ()

    def question(self) -> str:
        """The approval request as a heading."""
        label, champion = self._label, self.decided.champion
        return f"Promote {label} to replace {champion}?" if champion else f"Promote {label} as the first champion?"

    def markdown(self) -> str:
        """The whole summary."""
        parts = [f"**{text(self.decided.reason)}**"]
        if self._label in self.evaluations:
            parts += [self._figures(), self._gain()]
        if self.decided.gates:
            parts.append(self._gates())
        parts.append(self._worse())
        if self.links:
            parts.append(" · ".join(f"[{text(link.name)}]({link.url})" for link in self.links))
        return "\n\n".join(filter(None, parts))

    @property
    def _label(self) -> str:
        return self.decided.nominated or self.decided.challenger or ""

    def _figures(self) -> str:
        """Champion and challenger side by side."""
        shown = [label for label in (self.decided.champion, self._label) if label in self.evaluations]
        columns = [self.evaluations[label] for label in shown if label]
        roles = ["champion", "challenger"] if len(shown) == 2 else ["challenger"]
        rows: list[tuple[str, list[str]]] = [
            ("balanced accuracy", [f"{found.balanced_accuracy:.4f}" for found in columns]),
            ("95 % interval", [f"{found.interval[0]:.4f} to {found.interval[1]:.4f}" for found in columns]),
            ("accuracy", [_measured(found.accuracy, 4) for found in columns]),
            ("top-5 accuracy", [_measured(found.top5, 4) for found in columns]),
            ("ms per title (95th percentile)", [_measured(found.milliseconds_p95, 2) for found in columns]),
            ("MB", [_measured(found.megabytes, 1) for found in columns]),
        ]
        head = ["", *(f"{role} {text(str(label))}" for role, label in zip(roles, shown, strict=True))]
        return _table(head, ([name, *figures] for name, figures in rows))

    def _gain(self) -> str:
        decided = self.decided
        lines = []
        if decided.gain is not None:
            within = ""
            if decided.gain_interval:
                low, high = decided.gain_interval
                within = f" (95 % interval {low:+.4f} to {high:+.4f})"
            better = "" if decided.probability is None else f"; better with probability {decided.probability:.3f}"
            lines.append(f"Gain in balanced accuracy: {decided.gain:+.4f}{within}{better}.")
        if decided.test_titles:
            described = decided.test.described if decided.test else count(decided.test_titles, "test title")
            lines.append(f"Measured on {described}.")
        if decided.champion and decided.selection_bias:
            lines.append(
                f"The champion was selected for its score on these titles, so its figure has an estimated selection "
                f"bias of {decided.selection_bias:.4f}. The gain is corrected for it."
            )
        if decided.why_nominated:
            lines.append(text(f"{self._label} was nominated: {decided.why_nominated}."))
        return " ".join(lines)

    def _gates(self) -> str:
        rows = (
            [text(GATES.get(gate.name, gate.name.replace("_", " "))), gate.state, *_observed(gate), text(gate.detail)]
            for gate in self.decided.gates
        )
        return _table(["gate", "result", "observed", "limit", "detail"], rows)

    def _worse(self) -> str:
        """Where the challenger is worse than the champion."""
        champion = self.decided.champion
        if champion is None or champion not in self.evaluations or self._label not in self.evaluations:
            return ""
        before, after = self.evaluations[champion], self.evaluations[self._label]
        lost = _lost_titles(before.categories, after.categories)
        slices = _worse_slices(_slices(before), _slices(after))
        if not before.categories or not after.categories:
            lines = ["- categories: not measured"]
        else:
            lines = lost or ["- no category"]
        lines += slices or ["- no slice" if _slices(before) and _slices(after) else "- slices: not measured"]
        return "\n".join(["What gets worse:", "", *lines])


def text(words: str) -> str:
    """Text on one line, with Markdown markup escaped: category names come from users' files."""
    return MARKUP.sub(r"\\\1", printable(" ".join(words.split())))


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _measured(value: float | None, digits: int) -> str:
    return "not measured" if value is None else f"{value:.{digits}f}"


def _observed(gate: Gate) -> tuple[str, str]:
    return "" if gate.value is None else f"{gate.value:.4g}", f"{gate.limit:.4g}"


def _lost_titles(before: Mapping[str, CategoryRecall], after: Mapping[str, CategoryRecall]) -> list[str]:
    """The categories that lose most of their test titles."""
    found = []
    for name, now in after.items():
        then = before.get(name)
        titles = round((then.recall - now.recall) * now.titles) if then else 0
        if then and titles > 0:
            line = f"- category {text(name)}: recall {then.recall:.3f} to {now.recall:.3f}, {titles:,} of "
            found.append((-titles, name, f"{line}{count(now.titles, 'title')} lost"))
    return [line for *_, line in sorted(found)[:WORST]]


def _slices(evaluation: Evaluation) -> dict[str, SliceAccuracy]:
    """All slices of an evaluation, by kind and value."""
    earlier = {"language": evaluation.by_language, "label quality": evaluation.by_label_quality}
    kinds = {kind.replace("_", " "): values for kind, values in evaluation.slices.items()}
    return {
        f"{kind} {value}": accuracy for kind, values in (earlier | kinds).items() for value, accuracy in values.items()
    }


def _worse_slices(before: Mapping[str, SliceAccuracy], after: Mapping[str, SliceAccuracy]) -> list[str]:
    """The slices whose balanced accuracy falls most."""
    falls = sorted(
        (now.balanced_accuracy - before[name].balanced_accuracy, name, now)
        for name, now in after.items()
        if name in before and now.balanced_accuracy < before[name].balanced_accuracy
    )
    return [
        f"- {text(name)}: balanced accuracy {before[name].balanced_accuracy:.4f} to {now.balanced_accuracy:.4f} over "
        f"{count(now.titles, 'title')}"
        for _, name, now in falls[:WORST]
    ]
