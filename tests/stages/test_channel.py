"""The channel between the process that runs the stage and its workers."""

from __future__ import annotations

import threading
from pathlib import Path

from meli_tasks.stages.training.channel import Channel


def test_a_closed_channel_leaves_no_thread_behind(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    channel = Channel(tmp_path)
    [thread] = set(threading.enumerate()) - before
    channel.close()
    channel.close()
    thread.join(timeout=60)
    assert not thread.is_alive()
