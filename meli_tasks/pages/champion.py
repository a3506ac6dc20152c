"""The champion and how it was promoted, from the ledger; and the version that MLflow calls champion."""

from __future__ import annotations

import time
from datetime import date

from meli_tasks.artifacts import paths
from meli_tasks.artifacts.identity import find_identity
from meli_tasks.artifacts.manifest import Manifest, ModelRef
from meli_tasks.core.errors import MeliError
from meli_tasks.decision import Champion, Decision
from meli_tasks.decision_rows import Decisions
from meli_tasks.ledger import Ledger
from meli_tasks.pages.evaluated import read_evaluated
from meli_tasks.pages.manifests import model_manifest, read_manifest
from meli_tasks.pages.models import ChampionCard, ChampionOnPage, CurrentFigure, DecisionRow, MlflowChampion
from meli_tasks.pages.read_cache import LISTED_SECONDS, ReadCache
from meli_tasks.planning.plan import Plan
from meli_tasks.settings import DEFAULT_REGISTERED_MODEL
from meli_tasks.stages.summaries import EnsembleSummary, IngestSummary
from meli_tasks.store import Store
from meli_tasks.tracking.alias import ALIAS, other_owner
from meli_tasks.tracking.client import MlflowServer
from meli_tasks.tracking.entities import RegisteredModel
from meli_tasks.tracking.runs import ARTIFACT_KEY, SHA256

MLFLOW_SECONDS = 30.0


def champion_card(cache: ReadCache, decisions: Decisions, current: CurrentFigure | None) -> ChampionCard | None:
    """Who is champion, on which data, since when and why.

    Args:
        cache: Reads the plan and the artifacts behind the decision.
        decisions: What can be read of the ledger, oldest first.
        current: The champion's newest evaluation.
    """
    last = decisions[-1] if decisions else None
    if last is None or last.champion is None or last.promotion is None:
        return None
    champion = last.champion
    promotion = decisions.numbered(last.promotion) or last
    since = decisions.last_change() or promotion
    plan = cache.read(promotion.evidence.plan, Plan.model_validate_json) if promotion.evidence.plan else None
    model = model_manifest(cache, champion.ref)
    listings = listings_of(cache, model) if model else None
    return ChampionCard(
        set=champion.set_name,
        train=champion.train,
        sha256=model.model_sha256 if model else champion.sha256,
        balanced_accuracy=champion.figure,
        interval=champion.interval,
        selection_bias=champion.selection_bias,
        folds=champion.folds,
        current=unbiased(cache, current, decisions, promotion.evidence.plan) if current else None,
        since=since.at.isoformat(),
        decision=since.number,
        action=since.action,
        by=since.by,
        reason=since.reason,
        kept=last.number - since.number,
        run_id=champion.run_id,
        dag_run_url=promotion.evidence.dag_run_url,
        as_of=champion.as_of,
        fingerprint=champion.fingerprint,
        source=plan.ingest.name if plan else "",
        rows=listings.rows if listings else None,
        categories=listings.categories if listings else None,
        members=model.read_summary(EnsembleSummary).weights if model else {},
        has_report=has_report(cache, promotion.evidence.plan),
        card=card_of(cache, model.ref if model else champion.ref),
    )


def has_report(cache: ReadCache, plan: str) -> bool:
    """Whether the run of a plan has a report."""
    return bool(plan) and cache.exists(paths.report(plan))


def card_of(cache: ReadCache, model: ModelRef) -> str:
    """The stored model card of a model; empty if there is none."""
    return cache.read(paths.card(str(model)), bytes.decode) or ""


def unbiased(cache: ReadCache, current: CurrentFigure, decisions: Decisions, plan: str) -> CurrentFigure:
    """The champion's newest figure, less what the selection added to it.

    The decision of that run knows it. Otherwise it is known if the titles are those that the champion was selected on;
    on other titles nothing was selected, so what they say is not too high.
    """
    champion = decisions[-1].champion
    assert champion is not None
    of_run = (one for one in decisions.mentioning(current.run_id) if one.evidence.run_id == current.run_id)
    bias = next((one.evidence.selection_bias for one in of_run if _compares(one, champion)), None)
    if bias is None and champion.selection_bias and plan:
        selected_on = read_evaluated(cache, plan, LISTED_SECONDS)
        if selected_on is not None and selected_on.test_set == current.test_set.id:
            bias = champion.selection_bias
    figure = max(0.0, current.balanced_accuracy - (bias or 0.0))
    return current.model_copy(update={"balanced_accuracy": figure, "selection_bias": bias or 0.0})


def _compares(decision: Decision, champion: Champion) -> bool:
    """Whether the stage promote compared a challenger with this champion."""
    evidence = decision.evidence
    if not evidence.promote or evidence.champion not in evidence.models:
        return False
    compared = ModelRef(evidence.models[evidence.champion], evidence.attempts.get(evidence.champion, ""))
    return compared.is_same(champion.ref)


def listings_of(cache: ReadCache, model: Manifest) -> IngestSummary | None:
    """The listings that a model was made from; None if an artifact is missing."""
    inputs = model.inputs
    if "ingest" not in inputs and "preprocess" in inputs:
        prepared = read_manifest(cache, "preprocess", inputs["preprocess"])
        inputs = prepared.inputs if prepared else {}
    listings = read_manifest(cache, "ingest", inputs["ingest"]) if "ingest" in inputs else None
    return listings.read_summary(IngestSummary) if listings else None


def decision_row(decision: Decision) -> DecisionRow:
    """A line of the promotion history."""
    evidence, champion = decision.evidence, decision.champion
    return DecisionRow(
        number=decision.number,
        at=decision.at.isoformat(),
        action=decision.action,
        set=champion.set_name if champion else "",
        train=champion.train if champion else "",
        balanced_accuracy=champion.figure if champion else None,
        selection_bias=champion.selection_bias if champion else 0.0,
        verdict=evidence.verdict if evidence.promote else "",
        nominated=evidence.nominated,
        why_nominated=evidence.why_nominated,
        borderline=evidence.borderline,
        approval=decision.approval,
        by_hand=decision.action == "rollback" or evidence.by_hand,
        challenger=evidence.challenger,
        gain=evidence.gain,
        gain_interval=evidence.gain_interval,
        probability=evidence.probability,
        gates=evidence.gates,
        reason=decision.reason,
        by=decision.by,
        run_id=evidence.run_id,
        dag_run_url=evidence.dag_run_url,
    )


def champion_on(ledger: Ledger, day: date | None, last: Decision | None) -> ChampionOnPage:
    """The champion after `last`, the last decision by the end of a day; of now without a day."""
    champion = last.champion if last else None
    return ChampionOnPage(
        on=day.isoformat() if day else "",
        set=champion.set_name if champion else None,
        train=champion.train if champion else "",
        sha256=champion.sha256 if champion else "",
        balanced_accuracy=champion.figure if champion else None,
        selection_bias=champion.selection_bias if champion else 0.0,
        interval=champion.interval if champion else None,
        run_id=champion.run_id if champion else "",
        as_of=champion.as_of if champion else None,
        decision=decision_row(ledger.made_champion(last)) if last and champion else None,
    )


class MlflowAlias:
    """The model that MLflow's alias points at, queried at most every 30 s. An outage becomes a note, never an error."""

    def __init__(self, store: Store, uri: str, pages: str = "", model: str = DEFAULT_REGISTERED_MODEL) -> None:
        self._store = store
        self._uri = uri
        self._pages = pages
        self._model = model
        self._at = 0.0
        self._found: MlflowChampion | None = None

    def champion(self, champion: ModelRef) -> MlflowChampion:
        """The version that the alias points at, with a note if it is not this attempt of the model."""
        if not self._uri:
            return MlflowChampion(note="No tracking server is configured: MLFLOW_TRACKING_URI is empty.")
        found = self._found
        if found is None or time.monotonic() - self._at > MLFLOW_SECONDS:
            found = self._found = self._request()
            self._at = time.monotonic()
        if found.version and not found.note and not champion.is_same(ModelRef(found.train, found.sha256)):
            note = (
                f"MLflow's alias {ALIAS!r} points at another model (version {found.version}) than the ledger: `meli "
                "champion` or the next run brings it up to date."
            )
            return found.model_copy(update={"note": note, "differs": True})
        return found

    def _request(self) -> MlflowChampion:
        try:
            server = MlflowServer(self._uri, self._pages)
            model = server.registered_model(self._model)
            number = model.aliases.get(ALIAS) if model else None
            version = server.version(self._model, number) if number is not None else None
            note = self._note(model)
        except MeliError as error:
            return MlflowChampion(note=str(error))
        if version is None:
            missing = f"MLflow has no version of {self._model} with the alias {ALIAS!r}"
            return MlflowChampion(note=note or f"{missing}: `meli champion` registers it, and so does the next run.")
        return MlflowChampion(
            version=version.number,
            url=server.version_url(self._model, version.number),
            train=version.tags.get(ARTIFACT_KEY, ""),
            sha256=version.tags.get(SHA256, ""),
            note=note,
        )

    def _note(self, model: RegisteredModel | None) -> str:
        """Why the alias does not follow this store's ledger; empty if it does."""
        identity = find_identity(self._store)
        return other_owner(model, identity, self._store.url) if model else ""
