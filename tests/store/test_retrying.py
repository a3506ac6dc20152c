"""When a request is sent again, on a clock of its own."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from meli_tasks.core.errors import BadSettings, MeliError, Rejected, Unreachable
from meli_tasks.store.retrying import DOUBTFUL_TRIES, REFUSED_SECONDS, Retrying, budget_in_use


class Clock:
    """Time that passes only when somebody waits."""

    def __init__(self) -> None:
        self.now = 100.0
        self.waits: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.waits.append(seconds)


def retrying(clock: Clock, seconds: float, *, doubtful: bool = True, listening: bool = True) -> Retrying:
    return Retrying(
        seconds, lambda _: doubtful, lambda _: not listening, lambda: clock.now, clock.sleep, lambda _, longest: longest
    )


def failing(*errors: MeliError) -> Callable[[], str]:
    """Raises these errors one after the other, the last for ever."""
    left = list(errors)

    def send() -> str:
        raise left.pop(0) if len(left) > 1 else left[0]

    return send


def test_waits_grow_until_the_budget_is_spent() -> None:
    clock = Clock()
    with pytest.raises(Unreachable, match="busy"):
        retrying(clock, 20)(failing(Unreachable("busy")))
    assert clock.waits == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    assert clock.now <= 120


def test_a_port_where_nothing_listens_is_given_up_sooner() -> None:
    clock = Clock()
    with pytest.raises(Unreachable):
        retrying(clock, 60, listening=False)(failing(Unreachable("refused")))
    assert clock.now - 100 <= REFUSED_SECONDS


def test_after_a_spent_budget_the_next_request_has_one_try() -> None:
    clock = Clock()
    again = retrying(clock, 20)
    with pytest.raises(Unreachable):
        again(failing(Unreachable("busy")))
    clock.waits.clear()
    with pytest.raises(Unreachable):
        again(failing(Unreachable("busy")))
    assert clock.waits == []
    assert again(lambda: "answer") == "answer"  # the server is back: the next one may wait again
    with pytest.raises(Unreachable):
        again(failing(Unreachable("busy")))
    assert clock.waits


def test_a_refusal_is_believed_after_a_few_tries_and_at_once_if_it_is_certain() -> None:
    clock, seen = Clock(), list[MeliError]()
    refused = Rejected("no")
    with pytest.raises(Rejected):
        retrying(clock, 20)(failing(refused), before_again=seen.append)
    assert seen == [refused] * (DOUBTFUL_TRIES - 1)
    clock.waits.clear()
    with pytest.raises(Rejected):
        retrying(clock, 20, doubtful=False)(failing(refused))
    with pytest.raises(Rejected):
        retrying(clock, 0)(failing(refused))
    assert clock.waits == []


@pytest.mark.parametrize("value", ["soon", "-1", "nan", "inf", "3601"])
def test_a_budget_that_is_no_number_of_seconds_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("MELI_S3_RETRY_SECONDS", value)
    with pytest.raises(BadSettings, match="MELI_S3_RETRY_SECONDS"):
        budget_in_use(None)
    assert budget_in_use(7.0) == 7.0
