"""100 promoters race in 8 processes: one chain of decisions, none lost and none twice, and the alias at its head."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path
from uuid import uuid4

import pytest

from meli_tasks.artifacts import paths
from meli_tasks.ledger import Ledger
from meli_tasks.store import Store
from meli_tasks.tracking.outbox import Tracking
from meli_tasks.tracking.registry import Registry
from tests import servers
from tests.tracking.promotions import decide
from tests.tracking.racing import Outcome, Race, prepared, race

pytestmark = pytest.mark.integration

PROMOTERS, PROCESSES = 100, 8
FAULTS = 0.03  # of the requests to the store; a promoter sends 20 to 200


def prepared_registry(store: Store, mlflow: str, folder: Path) -> Registry:
    """A registry that holds the models of the race, so that it is about the alias and not about uploads."""
    registry = Registry(store, Tracking(mlflow, store, model=f"raced-{uuid4().hex[:8]}"))
    for run in prepared(store, folder):
        decide(registry, run, "mlp")
    return registry


def check_chain(ledger: Ledger, before: int, outcomes: list[Outcome]) -> None:
    """Every promoter's decision is there once, as it was answered; no number is missing, and each follows the last."""
    decisions = ledger.decisions()
    assert [decision.number for decision in decisions] == list(range(1, before + len(outcomes) + 1))
    assert list(ledger.store.names(paths.LEDGER)) == [paths.decision(decision.number) for decision in decisions]
    raced = decisions[before:]
    assert Counter(decision.evidence.run_id for decision in raced) == Counter(one.run_id for one in outcomes)
    assert {one.run_id: (one.number, one.id) for one in outcomes} == {
        decision.evidence.run_id: (decision.number, decision.id) for decision in raced
    }
    for earlier, later in pairwise(decisions):
        assert later.previous == earlier.promotion
        assert later.at >= earlier.at


def check_alias(registry: Registry) -> None:
    """The alias is at the version of the head of the ledger."""
    server, champion = registry.tracking.projection().server, registry.champion()
    model = server.registered_model(registry.tracking.model)
    assert model is not None and champion is not None
    version = server.version(registry.tracking.model, model.aliases["champion"])
    assert version is not None
    assert (version.tags["meli.artifact_key"], version.tags["meli.sha256"]) == (champion.train, champion.sha256)


def test_racing_promotions_on_a_failing_file_store_make_one_chain(file_store: Store, tmp_path: Path) -> None:
    prepared(file_store, tmp_path)
    outcomes = race(Race(file_store.url, "", "none", FAULTS), PROMOTERS, PROCESSES)
    check_chain(Ledger(file_store), 0, outcomes)
    assert sum(one.conflicts for one in outcomes) > 0
    assert sum(one.retries for one in outcomes) > 0


def test_racing_promotions_leave_the_alias_at_the_head(
    mlflow_server: servers.MlflowServer, file_store: Store, tmp_path: Path
) -> None:
    registry = prepared_registry(file_store, mlflow_server.url, tmp_path)
    before = len(registry.ledger.decisions())
    outcomes = race(Race(file_store.url, mlflow_server.url, registry.tracking.model, 0.0), 24, PROCESSES)
    check_chain(registry.ledger, before, outcomes)
    check_alias(registry)


def test_racing_promotions_in_a_failing_bucket_make_one_chain(
    s3_server: servers.S3Server, s3_store: Store, tmp_path: Path
) -> None:
    """Fewer promoters: a seaweedfs delays the losers of a race by up to 3 s."""
    prepared(s3_store, tmp_path)
    outcomes = race(Race(s3_store.url, "", "none", FAULTS), 16, PROCESSES, s3_server.environment)
    check_chain(Ledger(s3_store), 0, outcomes)


@pytest.mark.cluster
def test_a_hundred_promoters_on_a_failing_bucket_with_mlflow(
    s3_server: servers.S3Server, s3_store: Store, mlflow_server: servers.MlflowServer, tmp_path: Path
) -> None:
    """All of the above at once: several minutes, most of which the losers of a race wait for seaweedfs."""
    registry = prepared_registry(s3_store, mlflow_server.url, tmp_path)
    before = len(registry.ledger.decisions())
    where = Race(s3_store.url, mlflow_server.url, registry.tracking.model, FAULTS)
    outcomes = race(where, PROMOTERS, PROCESSES, s3_server.environment)
    check_chain(registry.ledger, before, outcomes)
    # A promoter that meets an error of the store after its decision leaves the alias to the next command or run.
    assert registry.repair().synced.warning is None
    check_alias(registry)
