"""The registry of a store behind the shared MLflow server, which has no registered model yet."""

from __future__ import annotations

from contextlib import suppress

import pytest
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from meli_tasks.settings import DEFAULT_REGISTERED_MODEL as MODEL
from meli_tasks.store import Store
from meli_tasks.tracking.outbox import Tracking
from meli_tasks.tracking.registry import Registry


@pytest.fixture
def client(client: MlflowClient) -> MlflowClient:
    with suppress(MlflowException):  # the server is shared, and the model belongs to the store of the test before
        client.delete_registered_model(MODEL)
    return client


@pytest.fixture
def registry(file_store: Store, tracking: Tracking) -> Registry:
    return Registry(file_store, tracking)
