"""A few hundred of the inputs of `tests/hostile_files.py`, and those that crashed once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.hostile_files import ADDRESSES, VALUES, check_conf, crash_of, crashes


def test_damaged_files_and_parameters_are_refused_with_an_error_of_ours() -> None:
    assert crashes(450, seed=1) == []


@pytest.mark.parametrize("address", ADDRESSES, ids=range(len(ADDRESSES)))
def test_addresses_that_cannot_be_used(address: str) -> None:
    for name in ("source", "golden", "embed.path"):
        assert crash_of(lambda name=name: check_conf({name: address})) == ""  # type: ignore[misc]


@pytest.mark.parametrize("value", VALUES, ids=range(len(VALUES)))
@pytest.mark.parametrize("name", ["sets", "stored_sets", "overrides", "as_of", "source"])
def test_values_of_another_kind(name: str, value: Any, tmp_path: Path) -> None:
    assert crash_of(lambda: check_conf({name: value})) == ""
