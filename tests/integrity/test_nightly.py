"""A night of `meli_verify`: silent while nothing is damaged, else one notification with what, and what was done."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from meli_tasks.artifacts.manifest import need
from meli_tasks.artifacts.outputs import damage
from meli_tasks.execution.runner import Runner, Step
from meli_tasks.integrity.nightly import NAMED, VerifiedNight, verify_night
from meli_tasks.notifications import webhook
from meli_tasks.notifications.message import DagRun
from tests.execution.toy_stage import Toy, writes_its_params
from tests.notifications import sinks

FILE = "folder/result.txt"


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "SECONDS_BEFORE_THE_SECOND_TRY", 0.0)


@pytest.fixture
def made(runner: Runner, toy: Callable[..., Toy]) -> list[Step]:
    toy(writes_its_params)
    steps = [Step("toy", "made", {"value": value}) for value in range(NAMED + 1)]
    for step in steps:
        runner.run(step)
    return steps


def spoil(runner: Runner, step: Step) -> None:
    runner.store.write(need(runner.store, "toy", step.key).file_name(FILE), b"spoilt")


def nightly(runner: Runner, url: str, run: str, *, repair: bool = False) -> VerifiedNight:
    values = {"webhook": url, "verify_repair": repair, "notify": "failures"}
    settings = runner.settings.model_copy(update=values)
    return verify_night(settings, runner.store, DagRun("meli_verify", run))


def test_a_night_that_finds_nothing_sends_nothing(runner: Runner, made: list[Step]) -> None:
    with sinks.webhook() as web:
        found = nightly(runner, web.url, "n1")
    assert found.objects >= 2 * len(made)
    assert (found.damaged, found.open, found.registry, web.bodies) == (0, 0, [], [])


def test_damage_is_named_with_the_command_that_mends_it(runner: Runner, made: list[Step]) -> None:
    for step in made:
        spoil(runner, step)
    with sinks.webhook() as web:
        found = nightly(runner, web.url, "n1")
    assert (found.damaged, found.open) == (len(made), len(made))
    [text] = [body["text"] for body in web.bodies]
    assert f"{len(made)} of {found.objects} objects in the store are damaged" in text
    assert text.count("bytes instead of") == NAMED
    assert "1 more are in the log of the task verify." in text
    assert "`meli verify --repair` mends what can be mended" in text


def test_what_was_repaired_is_reported_a_single_time(runner: Runner, made: list[Step]) -> None:
    spoil(runner, made[0])
    with sinks.webhook() as web:
        assert nightly(runner, web.url, "n1", repair=True).open == 0
        assert nightly(runner, web.url, "n2", repair=True).damaged == 0
    [text] = [body["text"] for body in web.bodies]
    assert "are damaged; all were mended" in text
    assert "computed again" in text
    assert damage(runner.store, need(runner.store, "toy", made[0].key)) == []
