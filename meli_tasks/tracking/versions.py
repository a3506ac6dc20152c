"""A champion's version in MLflow's registry: what it is registered with, and from which files."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from urllib.parse import urlencode

from meli_tasks.artifacts import paths
from meli_tasks.artifacts.cache import download
from meli_tasks.artifacts.manifest import Manifest, ModelRef
from meli_tasks.champion import need_champion_model
from meli_tasks.core.errors import NotFound
from meli_tasks.decision import Champion, Decision
from meli_tasks.ledger import Ledger
from meli_tasks.planning.plan import Plan
from meli_tasks.report import keep_champion_card
from meli_tasks.report.card import description
from meli_tasks.stages.files.digest import MODEL_FILES
from meli_tasks.stages.summaries import ENSEMBLE
from meli_tasks.tracking.fields import members_text, weights_of
from meli_tasks.tracking.outbox import Tracking
from meli_tasks.tracking.registered_files import RegisteredFiles
from meli_tasks.tracking.registered_model import NewVersion, register
from meli_tasks.tracking.runs import ARTIFACT_KEY, DAG_RUN, SHA256

PAGE = "meli.page"
"""The tag with the address of the model's page in Airflow."""
REQUESTS = 60
"""That MLflow's own client sends for a version."""
MOST_CHARACTERS = 5_000
"""Of a version's description, in MLflow's database."""


def register_champion(ledger: Ledger, tracking: Tracking, decision: Decision, tags: Mapping[str, str]) -> str:
    """Register the champion after a decision, with its own tags and the given ones; return the version's number.

    Raises:
        NotFound: its model is not in the store.
        BadData: it is damaged.
        TrackingUnavailable: MLflow did not answer, or refused.
    """
    champion, model = need_champion_model(ledger, decision)
    promotion = ledger.decision(decision.promotion or decision.number)
    card = keep_champion_card(ledger.store, model.ref, tracking.model)
    page = model_page(tracking.airflow, champion, promotion)
    link = f"[The page of this model in Airflow]({page})\n\n" if page else ""
    new = NewVersion(
        model=tracking.model,
        experiment=tracking.projection().experiment,
        run_id=_training_run(tracking, model, promotion),
        tags={**_tags(champion, model), **({PAGE: page} if page else {}), **tags},
        record=partial(_record, ledger, tracking.model, model),
        description=link + (description(card, MOST_CHARACTERS - len(link)) or promotion.reason),
    )
    tracking.expect(REQUESTS)
    with tempfile.TemporaryDirectory(prefix="meli-model-") as work:
        folder = Path(work, "model")
        folder.mkdir()
        for file in MODEL_FILES:
            download(ledger.store, model, file, folder / file)
        return register(folder, new, uri=tracking.uri)


def _record(ledger: Ledger, name: str, model: Manifest, files: Mapping[str, str]) -> str:
    """Write down the files of a version, and return their digest."""
    record = RegisteredFiles(model=name, train=model.key, sha256=model.model_sha256, files=dict(files))
    record.write(ledger.store)
    return record.digest


def model_page(airflow: str, champion: Champion, promotion: Decision) -> str:
    """The address of a champion's page in Airflow, for the run that promoted it.

    Args:
        airflow: The address at which a browser reaches Airflow.
        champion: The champion.
        promotion: The decision that promoted it.

    Returns:
        An empty string if Airflow's address is unknown, or the run.
    """
    evidence = promotion.evidence
    refs = {label: ModelRef(key, evidence.attempts.get(label, "")) for label, key in evidence.models.items()}
    label = next((label for label, ref in refs.items() if ref.is_same(champion.ref)), "")
    if not (airflow and evidence.plan and label):
        return ""
    return f"{airflow.rstrip('/')}/plugin/models?{urlencode({'model': paths.model_id(evidence.plan, label)})}"


def _tags(champion: Champion, model: Manifest) -> dict[str, str]:
    tags = {
        ARTIFACT_KEY: champion.train,
        SHA256: model.model_sha256,
        "meli.set": champion.set_name,
        DAG_RUN: champion.run_id,
        "meli.fingerprint": champion.fingerprint,
        "meli.commit": str(model.about.get("git") or ""),
        "meli.lock": str(model.about.get("lock") or ""),
        "meli.test_balanced_accuracy": f"{champion.figure:.6f}",
        "meli.members": members_text(weights_of(model)),
    }
    always = (ARTIFACT_KEY, SHA256, "meli.set", DAG_RUN, "meli.fingerprint")
    return {key: value for key, value in tags.items() if value or key in always}


def _training_run(tracking: Tracking, manifest: Manifest, promotion: Decision) -> str | None:
    """The id of the MLflow run of a promoted model, which is sent if it was not, as long as its plan exists."""
    projection = tracking.projection()
    if found := projection.training_run(manifest):
        return found.id
    try:
        plan = Plan.load(tracking.store, promotion.evidence.plan)
    except NotFound:
        return None
    # By name: the keys of an old plan's steps change with the stages' versions.
    set_name = promotion.champion.set_name if promotion.champion else ""
    if manifest.stage == ENSEMBLE:
        projection.ensemble(plan, manifest)
    elif set_name in plan.sets:
        projection.training(plan, set_name, manifest)
    else:
        return None
    sent = projection.training_run(manifest)
    return sent.id if sent else None
