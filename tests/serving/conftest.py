"""A store with models, shared by the tests of the service."""

from __future__ import annotations

import pytest

from tests.serving.running import Models

NAMES = ("mlp", "mlp_two", "mlp_three")


@pytest.fixture
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    """A store of its own with three models and no champion."""
    return Models.make(tmp_path_factory.mktemp("models"), *NAMES)
