"""The champion and how it came to office, as the ledger tells it; and what MLflow calls it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from meli_tasks.artifacts import paths
from meli_tasks.artifacts.manifest import MODEL_STAGES
from meli_tasks.core.errors import TRACKING_ERRORS
from meli_tasks.ledger import Decision
from meli_tasks.pages.read_cache import Shelf
from meli_tasks.tracking.client import MlflowServer
from meli_tasks.tracking.registered_model import MODEL
from meli_tasks.tracking.registry import ALIAS
from meli_tasks.tracking.runs import ARTIFACT_KEY

MANIFEST_SECONDS = 900.0  # `force` replaces a manifest, and nothing else does
MLFLOW_SECONDS = 30.0


def champion_card(shelf: Shelf, decisions: Sequence[Decision]) -> dict[str, Any] | None:
    """Who is champion, on which data, since when and why. `decisions` are all of the ledger, oldest first."""
    last = decisions[-1] if decisions else None
    if last is None or last.champion is None or last.promotion is None:
        return None
    champion, promotion = last.champion, decisions[last.promotion - 1]
    seated = next(decision for decision in reversed(decisions) if decision.action != "keep")
    plan = shelf.read(str(promotion.evidence.get("plan", ""))) if promotion.evidence.get("plan") else None
    return {
        "set": champion.set_name,
        "train": champion.train,
        "balanced_accuracy": champion.balanced_accuracy,
        "interval": list(champion.interval),
        "since": seated.at.isoformat(),
        "decision": seated.number,
        "action": seated.action,
        "by": seated.by,
        "reason": seated.reason,
        "kept": last.number - seated.number,
        "run_id": champion.run_id,
        "dag_run_url": promotion.evidence.get("dag_run_url", ""),
        "as_of": champion.as_of,
        "fingerprint": champion.fingerprint,
        "source": plan["ingest"]["name"] if plan else "",
        **_data_of(shelf, champion.train),
    }


def _data_of(shelf: Shelf, train: str) -> dict[str, Any]:
    """Rows and categories of the listings that a model goes back to, None where an artifact is gone; its members."""
    model = model_manifest(shelf, train) or {"inputs": {}, "summary": {}}
    members = model["summary"].get("weights", {})
    inputs: dict[str, str] = model["inputs"]
    if "ingest" not in inputs and "preprocess" in inputs:
        prepared = shelf.read(paths.manifest("preprocess", inputs["preprocess"]), MANIFEST_SECONDS)
        inputs = prepared["inputs"] if prepared else {}
    listings = shelf.read(paths.manifest("ingest", inputs["ingest"]), MANIFEST_SECONDS) if "ingest" in inputs else None
    summary = listings["summary"] if listings else {}
    return {"rows": summary.get("rows"), "categories": summary.get("categories"), "members": members}


def model_manifest(shelf: Shelf, key: str, seconds: float = MANIFEST_SECONDS) -> dict[str, Any] | None:
    """The manifest of a model, a training's or an ensemble's, read at most `seconds` ago; None if there is none."""
    found = (shelf.read(paths.manifest(stage, key), seconds) for stage in MODEL_STAGES)
    return next(filter(None, found), None)


def decision_row(decision: Decision) -> dict[str, Any]:
    """A line of the promotion history."""
    evidence, champion = decision.evidence, decision.champion
    return {
        "number": decision.number,
        "at": decision.at.isoformat(),
        "action": decision.action,
        "set": champion.set_name if champion else "",
        "train": champion.train if champion else "",
        "balanced_accuracy": champion.balanced_accuracy if champion else None,
        "challenger": evidence.get("challenger"),
        "gain": evidence.get("gain"),
        "gain_interval": evidence.get("gain_interval"),
        "probability": evidence.get("probability"),
        "gates": evidence.get("gates", []),
        "reason": decision.reason,
        "by": decision.by,
        "run_id": evidence.get("run_id", ""),
        "dag_run_url": evidence.get("dag_run_url", ""),
    }


class MlflowChampion:
    """What MLflow calls the champion. Asked at most every half minute; an outage is a sentence, never an error."""

    def __init__(self, uri: str, pages: str = "") -> None:
        self._uri = uri
        self._pages = pages
        self._at = 0.0
        self._found: dict[str, Any] = {}

    def told(self, train: str) -> dict[str, Any]:
        """The version that MLflow's alias points at, and whether it is the model of the training `train`."""
        if not self._uri:
            return {"note": "No tracking server is set: MLFLOW_TRACKING_URI is empty."}
        if not self._found or time.monotonic() - self._at > MLFLOW_SECONDS:
            self._found, self._at = self._ask(), time.monotonic()
        if self._found.get("train", train) != train:
            note = "MLflow's alias has not followed yet: `meli champion` brings it up to date."
            return {**self._found, "note": note}
        return self._found

    def _ask(self) -> dict[str, Any]:
        try:
            server = MlflowServer(self._uri, self._pages)
            answer = server.get("registered-models/alias", name=MODEL, alias=ALIAS)
        except TRACKING_ERRORS as error:
            return {"note": str(error)}
        version = answer["model_version"]
        tags = {tag["key"]: tag["value"] for tag in version.get("tags", [])}
        page = server.version_url(MODEL, version["version"])
        return {"version": version["version"], "url": page, "train": tags.get(ARTIFACT_KEY, ""), "note": ""}
