"""The commands that are run on a damaged store, and a run that takes seconds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from datetime import date
from typing import TYPE_CHECKING, Any, Protocol

from typing_extensions import override

from meli_tasks.core.errors import MeliError
from meli_tasks.run_outcome import StepReport, StepReporter
from meli_tasks.settings import Settings

if TYPE_CHECKING:
    from meli_tasks.planning.preview import Preview

DAY = date(2026, 11, 20)
ROWS = 600
TITLES = ["celular samsung galaxy", "zapatillas de running", "perfume importado"]
REPORTS: ContextVar[bool] = ContextVar("REPORTS", default=False)
"""Whether runs write their reports, which takes longer than the rest of such a run."""


class HasSettings(Protocol):
    """A finished store, or a copy of one."""

    @property
    def settings(self) -> Settings:
        """The settings to run a command with."""


class Silent(StepReporter):
    """Reports nothing."""

    @override
    def planned(self, preview: Preview) -> None:
        pass

    @override
    def started(self, stage: str, name: str) -> None:
        pass

    @override
    def finished(self, step: StepReport) -> None:
        pass


def request(sets: str, seed: int) -> dict[str, Any]:
    """A run that takes seconds."""
    return {
        "source": f"sample:rows={ROWS},seed={seed}",
        "sets": sets.split(","),
        "overrides": {"train.epochs": 1},
        "promotion": "auto",
    }


def run_again(settings: Settings, sets: str = "quick_mlp,quick_cnn", seed: int = 1) -> Any:
    """Run the same request again: its figures, and the champion after it."""
    from meli_tasks.local_run import LocalRun, new_run_id

    run = LocalRun(Silent(), new_run_id(), settings)
    if not REPORTS.get():
        run.pipeline.report = lambda plan: ""  # type: ignore[method-assign]
    run.go(request(sets, seed), DAY, "promote")
    if run.failed:
        raise MeliError("; ".join(run.failed.values()))
    assert run.decision is not None
    figures = {label: found.balanced_accuracy for label, found in run.scores.items()}
    champion = run.decision.champion
    return {
        "figures": _without_role(figures),
        "champion": str(champion.ref) if champion else "",
        "action": run.decision.action,
        "reason": run.decision.reason,
    }


def _without_role(figures: Mapping[str, float]) -> dict[str, float]:
    """Figures by label. That of the champion may carry its role, which depends on whether its set was trained too."""
    return {label.removesuffix(" (champion)"): value for label, value in figures.items()}


def _run(store: HasSettings) -> Any:
    return run_again(store.settings)


def _champion(store: HasSettings) -> Any:
    from meli_tasks.champion import champion_model
    from meli_tasks.ledger import Ledger

    ledger = Ledger(store.settings.open_store())
    last = ledger.last()
    found = champion_model(ledger, last)
    if found is None or last is None:
        return None
    if found.problem:
        raise MeliError(found.problem)
    made = ledger.made_champion(last)
    assert found.model is not None
    return {
        "champion": found.champion.model_dump(mode="json"),
        "made": made.model_dump(mode="json"),
        "sha256": found.model.model_sha256,
    }


def _predict(store: HasSettings) -> Any:
    from meli_tasks.prediction.models import find_model, load

    opened = store.settings.open_store()
    model = find_model(opened)
    if model.warning:
        raise MeliError(model.warning)
    indices, probabilities = load(store.settings, opened, model).rank(TITLES, 3)
    return [indices.tolist(), [[round(float(one), 5) for one in row] for row in probabilities]]


def _pages(store: HasSettings) -> Any:
    from meli_tasks.pages.pages import Pages
    from meli_tasks.pages.runs import RunFilter

    pages = Pages.of(store.settings)
    page = pages.models(RunFilter())
    displayed: dict[str, Any] = {row.id: row.model_dump(mode="json") for row in page.rows}
    if page.champion:
        displayed["champion"] = page.champion.model_dump(mode="json")
    reasons = [page.champion_unknown, *(one.reason for one in page.skipped.first)]
    if page.champion:
        reasons += [pages.news([]).gone]
        # champion_details.js says both.
        reasons += ["the card is missing, and what makes it again"] * (not page.champion.card)
        reasons += ["an artifact is missing, so the number of titles is unknown"] * (page.champion.rows is None)
    if any(reasons):
        displayed["reasons"] = reasons
    return displayed


def _doctor(store: HasSettings) -> Any:
    from meli_tasks.cli.champion_checks import champion

    failed = [check for check in champion(store.settings) if check.state == "failed"]
    if failed:
        raise MeliError("; ".join(f"{check.observed} {check.advice}" for check in failed))
    return "ok"


COMMANDS: dict[str, Callable[[Any], Any]] = {
    "run": _run,
    "champion": _champion,
    "predict": _predict,
    "pages": _pages,
    "doctor": _doctor,
}
