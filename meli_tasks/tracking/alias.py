"""The registered model of a store's champion in MLflow: whose it is, its versions, and the alias of the champion's.

A registered model belongs to one store, whose id is a tag of it: the first store that needs the model takes it. Another
store that is set to the same name reports that and changes nothing, so two stores never move one alias in turn.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from meli_tasks.artifacts.identity import StoreIdentity, identity_of
from meli_tasks.artifacts.manifest import ModelRef
from meli_tasks.champion import champion_model
from meli_tasks.decision import Champion, Decision
from meli_tasks.ledger import Ledger
from meli_tasks.tracking.entities import ModelVersion, RegisteredModel
from meli_tasks.tracking.outbox import Tracking
from meli_tasks.tracking.registered_model import DESCRIPTION
from meli_tasks.tracking.runs import ARTIFACT_KEY, DAG_RUN, SHA256
from meli_tasks.tracking.versions import register_champion

logger = logging.getLogger("meli_tasks")

ALIAS = "champion"
OWNER = "meli.store"
OWNER_URL = "meli.store_url"
DECISION = "meli.decision"


@dataclass(frozen=True)
class SyncResult:
    """The champion's model version in MLflow and its page, or a warning if MLflow could not be updated.

    `repaired` says what was changed, as a sentence; empty if nothing had to be. `reached` is False if MLflow did not
    answer.
    """

    version: str | None = None
    url: str | None = None
    changed: bool = False
    warning: str | None = None
    repaired: str = ""
    reached: bool = True


def other_owner(model: RegisteredModel, identity: StoreIdentity | None, url: str) -> str:
    """Say that a registered model belongs to another store than this one; empty if it does not, or to none.

    Args:
        model: The registered model.
        identity: This store's; None if it has none yet, so that it owns nothing.
        url: This store's address.
    """
    owner, own = model.tags.get(OWNER, ""), identity.id if identity else ""
    if owner in ("", own):
        return ""
    return (
        f"MLflow's registered model {model.name} belongs to another store, {model.tags.get(OWNER_URL, 'unknown')} (id "
        f"{owner[:8]}), so its alias does not follow this one, {url}{f' (id {own[:8]})' if own else ''}. Set "
        "MELI_REGISTERED_MODEL to another name for one of the two. If the other store is no longer used, delete the "
        f"tag {OWNER} of the registered model in MLflow, and run `meli champion` to take it over."
    )


class ChampionAlias:
    """The alias in MLflow that follows a ledger."""

    def __init__(self, ledger: Ledger, tracking: Tracking) -> None:
        self.ledger = ledger
        self.store = ledger.store
        self.tracking = tracking
        self.model = tracking.model
        self._identity: StoreIdentity | None = None

    @property
    def identity(self) -> StoreIdentity:
        """The identity of the ledger's store."""
        if self._identity is None:
            self._identity = identity_of(self.store)
        return self._identity

    def follow(self, decision: Decision | None) -> SyncResult:
        """Point the alias at the champion after a decision, whose version is registered if there is none.

        Raises:
            TrackingUnavailable: MLflow does not answer.
            TrackingRejected: it refused.
            NotFound: the champion's model is needed, and is not in the store.
            BadData: it is damaged.
        """
        server, champion = self.tracking.projection().server, decision.champion if decision else None
        model = server.registered_model(self.model)
        if decision is None or champion is None:
            return self._remove(model)
        if model is None:
            server.create_registered_model(self.model, DESCRIPTION, self._owner_tags())
            model = server.registered_model(self.model) or RegisteredModel(self.model)
        current = model.aliases.get(ALIAS)
        if warning := other_owner(model, self.identity, self.store.url):
            return SyncResult(current, warning=warning)
        found = champion_model(self.ledger, decision)
        version = self.version_of(found.champion if found else champion)
        if current is not None and current != version and (warning := self._moved_by_another_store(model, current)):
            return SyncResult(current, warning=warning)
        registered = version is None
        if version is None:
            version = register_champion(self.ledger, self.tracking, decision, {OWNER: self.identity.id})
        if current != version:
            server.post("registered-models/alias", name=self.model, alias=ALIAS, version=version)
            self._tag(version, DECISION, str(decision.number))
        if OWNER not in model.tags:  # of an earlier version; last, so that whoever has the tag has moved the alias
            for key, value in self._owner_tags().items():
                server.post("registered-models/set-tag", name=self.model, key=key, value=value)
        repaired = self._repaired(current, version, registered)
        if repaired:
            logger.info("%s", repaired)
        return SyncResult(version, server.version_url(self.model, version), bool(repaired), repaired=repaired)

    def version_of(self, champion: Champion) -> str | None:
        """The version that holds this champion's model; the first, if two tasks have made one at the same time.

        An earlier version of this project did not tag the digest. Its version of the model belongs to the champion if
        the same run promoted both, and then gets the tag.
        """
        ready = [version for version in self.versions(champion) if version.ready]
        exact = [version.number for version in ready if champion.sha256 and version.tags.get(SHA256) == champion.sha256]
        if exact:
            return min(exact, key=int)
        untagged = [
            version.number
            for version in ready
            if SHA256 not in version.tags and version.tags.get(DAG_RUN) == champion.run_id
        ]
        found = min(untagged, key=int, default=None)
        if found and champion.sha256:
            self._tag(found, SHA256, champion.sha256)
        return found

    def versions(self, champion: Champion) -> list[ModelVersion]:
        """The versions of the champion's key, those that are not ready included."""
        return self.tracking.projection().server.versions(self.model, ARTIFACT_KEY, champion.train)

    def _remove(self, model: RegisteredModel | None) -> SyncResult:
        """Without a champion there is no alias; that of another store, or of none yet, is left alone."""
        if model is None or ALIAS not in model.aliases or model.tags.get(OWNER) != self.identity.id:
            return SyncResult()
        self.tracking.projection().server.delete("registered-models/alias", name=self.model, alias=ALIAS)
        return SyncResult(changed=True, repaired=f"MLflow: removed the alias {ALIAS!r}, since there is no champion.")

    def _owner_tags(self) -> dict[str, str]:
        return {OWNER: self.identity.id, OWNER_URL: self.store.url}

    def _moved_by_another_store(self, model: RegisteredModel, number: str) -> str:
        """Why the alias is not moved back from a version; empty if it is.

        An earlier version of this project does not look at the owner, and would move the alias again in its next night.
        Its versions have no store, and this ledger does not know their models.
        """
        if OWNER not in model.tags:
            return ""
        version = self.tracking.projection().server.version(self.model, number)
        if version is None or OWNER in version.tags or ARTIFACT_KEY not in version.tags:
            return ""  # deleted, or moved by hand
        there = ModelRef(version.tags[ARTIFACT_KEY], version.tags.get(SHA256, ""))
        champions = (row.decision.champion for row in self.ledger.rows_backwards() if row.may_mention(there.key))
        if any(champion.ref.is_same(there) for champion in champions if champion):
            return ""
        return (
            f"Another store has moved MLflow's alias {ALIAS!r} of {self.model} to version {number}, which run "
            f"{version.tags.get(DAG_RUN) or 'unknown'} of an earlier version of this project registered. It was not "
            f"moved back, since the two would move it in turn; this store is {self.store.url} (id "
            f"{self.identity.id[:8]}). Set MELI_REGISTERED_MODEL to another name for one of the two, then delete the "
            "alias in MLflow and run `meli champion`."
        )

    def _tag(self, version: str, key: str, value: str) -> None:
        server = self.tracking.projection().server
        server.post("model-versions/set-tag", name=self.model, version=version, key=key, value=value)

    def _repaired(self, before: str | None, version: str, registered: bool) -> str:
        if before == version and not registered:
            return ""
        new = ", registered now" if registered else ""
        moved = f"from version {before} " if before is not None else ""
        return f"MLflow: set the alias {ALIAS!r} of {self.model} {moved}to version {version}{new}."
