"""Damage at rest gives no wrong result and no crash, and running again mends it; `make test-damage` tries thousands."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.damage import Finished, outcome

DAMAGES = 12
SEED = 1


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A store after two runs of networks that are trained in a second."""
    return Finished(tmp_path_factory.mktemp("damage") / "finished")


def test_no_damage_gives_a_wrong_result_or_a_crash(finished: Finished, tmp_path: Path) -> None:
    found = [outcome(finished, tmp_path, SEED, number) for number in range(DAMAGES)]
    bad = [one for one in found if {one.first, one.last} & {"wrong", "crash", "unclear"}]
    assert bad == []
    mended = [one for one in found if one.last == "same"]
    assert len(mended) >= 0.95 * len(found), [one for one in found if one.last != "same"]
