"""Damage at rest gives no wrong result and no crash, and running again mends it; `make test-damage` tries thousands."""

from __future__ import annotations

from pathlib import Path

import pytest

from meli_tasks.ledger import Ledger
from tests.damage import BAD, HEALED, outcome, spoil_champion
from tests.damage_commands import run_again
from tests.finished_store import Copy, Finished

DAMAGES = 6
SEED = 1


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A store after two runs of networks that are trained in a second."""
    return Finished(tmp_path_factory.mktemp("damage") / "finished")


def test_no_damage_gives_a_wrong_result_or_a_crash(finished: Finished, tmp_path: Path) -> None:
    found = [outcome(finished, tmp_path, SEED, number) for number in range(DAMAGES)]
    bad = [one for one in found if {one.first, one.last} & BAD]
    assert bad == []
    mended = [one for one in found if one.last == "same"]
    assert len(mended) >= HEALED * len(found), [one for one in found if one.last != "same"]


@pytest.mark.parametrize("damage", ["flipped", "manifest"])
def test_a_damaged_champion_stops_no_night_and_is_mended(finished: Finished, tmp_path: Path, damage: str) -> None:
    with Copy.of(finished, tmp_path) as copy:
        store = copy.settings.open_store()
        champion = Ledger(store).champion()
        assert champion is not None
        spoil_champion(copy, damage)
        run = run_again(copy.settings, "quick_mlp", seed=2)
        assert (run["champion"], run["action"]) == (str(champion.ref), "keep")
        assert "stays champion, because no model can be compared with it" in run["reason"]
        assert "`meli verify --repair" in run["reason"]
        copy.verify(repair=True)
        assert "no model can be compared" not in run_again(copy.settings, "quick_mlp", seed=2)["reason"]
