"""Whether ledger and registry agree: the champion's version is there, is the promoted model, and has the alias."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from meli_tasks.champion import champion_model
from meli_tasks.decision import Champion
from meli_tasks.ledger import Ledger
from meli_tasks.tracking.alias import ALIAS, OWNER, OWNER_URL, ChampionAlias
from meli_tasks.tracking.entities import ModelVersion, RegisteredModel
from meli_tasks.tracking.outbox import Tracking
from meli_tasks.tracking.runs import ARTIFACT_KEY, SHA256
from meli_tasks.wording import count

MOVE_IT = "Run `meli champion`: it registers the champion if need be, and sets the alias."


@dataclass(frozen=True)
class Finding:
    """One thing on which both agree or not, and what to do about it."""

    name: str
    agrees: bool
    observed: str
    advice: str = ""


def findings(ledger: Ledger, tracking: Tracking) -> Iterator[Finding]:
    """Look at everything in MLflow that must agree with the current champion. Nothing is changed.

    Raises:
        TrackingUnavailable: MLflow does not answer.
        TrackingRejected: it refused.
    """
    decision = ledger.last()
    found = champion_model(ledger, decision)
    if decision is None or found is None:
        return
    server, name = tracking.projection().server, tracking.model
    model = server.registered_model(name)
    if model is None:
        yield Finding("registered model", False, f"MLflow has no registered model {name}", MOVE_IT)
        return
    yield _owner(ChampionAlias(ledger, tracking), model)
    number = model.aliases.get(ALIAS)
    version = server.version(name, number) if number is not None else None
    if number is None or version is None:
        missing = f"points at version {number}, which was deleted" if number else "does not exist"
        yield Finding("alias", False, f"the alias {ALIAS!r} of {name} {missing}", MOVE_IT)
        return
    yield _version(name, version, found.champion)
    yield _pending(tracking)


def _owner(alias: ChampionAlias, model: RegisteredModel) -> Finding:
    identity, owner = alias.identity, model.tags.get(OWNER, "")
    if owner == identity.id:
        created = f", created as {identity.url}" if identity.url and identity.url != alias.store.url else ""
        return Finding("owner", True, f"{model.name} belongs to this store (id {owner[:8]}{created})")
    if owner:
        observed = f"{model.name} belongs to another store, {model.tags.get(OWNER_URL, 'unknown')} (id {owner[:8]})"
        return Finding("owner", False, observed, "Set MELI_REGISTERED_MODEL to another name for one of the two.")
    return Finding("owner", False, f"{model.name} has no tag {OWNER}, so another store could take it", MOVE_IT)


def _version(name: str, version: ModelVersion, champion: Champion) -> Finding:
    place = f"{ALIAS!r} of {name} points at version {version.number}"
    key, digest = version.tags.get(ARTIFACT_KEY, ""), version.tags.get(SHA256, "")
    if key != champion.train or (champion.sha256 and digest != champion.sha256):
        other = f"{key[:8] or 'an unknown model'}{f', sha256 {digest[:12]}' if digest else ''}"
        expected = f"{champion.set_name} ({champion.train[:8]}, sha256 {champion.sha256[:12]})"
        return Finding("alias", False, f"{place}, which holds {other}, but the champion is {expected}", MOVE_IT)
    if not version.ready:
        advice = "Delete the version in MLflow and run `meli champion`: it registers the champion again."
        return Finding("alias", False, f"{place}, whose status is {version.status or 'unknown'}, not READY", advice)
    checked = "its tags and status, not its files"
    return Finding("alias", True, f"{place}: READY, and its digest is the champion's ({checked})")


def _pending(tracking: Tracking) -> Finding:
    pending = len(tracking.pending())
    if not pending:
        return Finding("records", True, "nothing is waiting to be sent to MLflow")
    return Finding(
        "records",
        False,
        f"{count(pending, 'record')} still to be sent to MLflow",
        "Each run, `meli champion` and `meli doctor` send what they can: run one of them again, and read the warnings.",
    )
