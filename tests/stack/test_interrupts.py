from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from meli_tasks.stack.interrupts import SIGNALS, Interrupts


@pytest.fixture
def interrupts() -> Iterator[Interrupts]:
    before = {sign: signal.getsignal(sign) for sign in SIGNALS}
    listening = Interrupts()
    listening.listen()
    yield listening
    for sign, handler in before.items():
        signal.signal(sign, handler)


@pytest.mark.parametrize("sign", SIGNALS)
def test_every_sign_interrupts(interrupts: Interrupts, sign: signal.Signals) -> None:
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), sign)


def test_a_held_stretch_is_finished_first(interrupts: Interrupts) -> None:
    done = []
    with pytest.raises(KeyboardInterrupt), interrupts.held():
        os.kill(os.getpid(), signal.SIGTERM)
        done.append("finished")
    assert done == ["finished"]


def test_cleaning_up_is_not_interrupted_even_by_a_second_ctrl_c(interrupts: Interrupts) -> None:
    with interrupts.ignored():
        os.kill(os.getpid(), signal.SIGINT)
    with interrupts.held():
        pass
