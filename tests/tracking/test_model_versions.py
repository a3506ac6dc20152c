"""From a version in a real MLflow registry back to the model in the store."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from meli_tasks.core.errors import NotFound
from meli_tasks.settings import DEFAULT_REGISTERED_MODEL as MODEL
from meli_tasks.store import Store
from meli_tasks.tracking import client as rest
from meli_tasks.tracking.client import MlflowServer
from meli_tasks.tracking.model_versions import model_of_version, registered_models
from meli_tasks.tracking.outbox import Tracking
from meli_tasks.tracking.registry import Registry
from tests.tracking.promotions import past_run, promote

pytestmark = pytest.mark.integration


def test_a_version_leads_back_to_its_model(
    client: MlflowClient, tracking: Tracking, file_store: Store, tmp_path: Path
) -> None:
    with suppress(MlflowException):  # the server is shared, and the model belongs to the store of the test before
        client.delete_registered_model(MODEL)
    registry = Registry(file_store, tracking)
    number = promote(registry, past_run(file_store, tmp_path), "mlp")
    champion = registry.champion()
    assert champion is not None
    found = model_of_version(tracking.uri, MODEL, str(number))
    assert found.key == champion.train and found.sha256
    with pytest.raises(NotFound, match="has no version 9999"):
        model_of_version(tracking.uri, MODEL, "9999")
    assert registered_models(tracking.uri, MODEL) == [found]
    assert registered_models(tracking.uri, "nobody-registered-this") == registered_models("", MODEL) == []


def test_every_version_is_read_in_pages_also_while_one_changes(
    client: MlflowClient, tracking: Tracking, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.create_registered_model(MODEL)
    for number in range(5):
        client.create_model_version(MODEL, f"s3://elsewhere/{number}", tags={"meli.artifact_key": f"{number:032x}"})
    monkeypatch.setattr(rest, "VERSIONS_A_PAGE", 2)
    pages: list[dict[str, str]] = []

    class Changing(MlflowServer):
        def get(self, path: str, **query: str) -> dict[str, Any]:
            pages.append(query)
            answer = super().get(path, **query)
            client.set_model_version_tag(MODEL, "1" if len(pages) > 1 else "5", "changed", str(len(pages)))
            return answer

    found = Changing(tracking.uri).all_versions(MODEL)
    assert [version.number for version in found] == ["1", "2", "3", "4", "5"]
    assert len(pages) == 3
