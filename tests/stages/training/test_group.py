"""One training run on several devices and machines: processes on the CPU (gloo) stand in for GPUs."""

from __future__ import annotations

import json
import re
import signal
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from meli_tasks.core.errors import BadHyperparameters, BadSettings, Diverged, OutOfMemory, Unreachable
from meli_tasks.stages import train
from meli_tasks.stages.hooks import Hooks, Machines
from meli_tasks.stages.training import group, meeting
from meli_tasks.stages.training.agent import Failure
from meli_tasks.stages.training.job import Job
from tests.cli.program import meli
from tests.stages.small_titles import Recorded, params_of, prepared
from tests.waiting import until

FAULTY = "tests.stages.training.faulty_worker"
TOGETHER = Hooks(device="cpu", devices=2)


@pytest.fixture
def inputs(tmp_path: Path) -> dict[str, Path]:
    return prepared(tmp_path)


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Replaces the worker by one to which something happens."""

    def install(fault: str) -> None:
        monkeypatch.setenv("MELI_TEST_FAULT", fault)
        monkeypatch.setattr(train, "Job", lambda *args, **kwargs: Job(*args, **kwargs, worker=FAULTY))

    return install


def running(text: str) -> list[int]:
    """The processes whose command line contains a text; a process that has ended but was not waited for has none."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if text.encode() in path.read_bytes():
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("localhost", 0))
        return int(found.getsockname()[1])


def test_two_processes_train_one_network(inputs: dict[str, Path], tmp_path: Path) -> None:
    outs = [tmp_path / name for name in ("alone", "together")]
    log = Recorded()
    for out, devices in zip(outs, (1, 2), strict=True):
        out.mkdir()
        params = params_of(ngram_dimensions=4, epochs=3)
        summary = train.run(inputs, out, params, Hooks(log, device="cpu", devices=devices))
    assert summary.world_size == 2
    assert {path.name for path in outs[1].iterdir()} == set(train.OUTPUTS)
    assert any("mlp on 2 x cpu" in line for line in log.lines)
    assert any(re.match(r"each of the 2 processes received [\d.]+ MB", line) for line in log.lines)
    histories = [json.loads((out / "history.json").read_text()) for out in outs]
    for alone, together in zip(*histories, strict=True):
        assert together["validation_loss"] == pytest.approx(alone["validation_loss"], rel=1e-3)


def test_a_worker_that_is_killed_ends_the_run_and_is_named(
    inputs: dict[str, Path], tmp_path: Path, faulty: Callable[[str], None]
) -> None:
    faulty("1:kill")
    with pytest.raises(Unreachable, match=r"process 1 of ranks 0 to 1 ended early.*Signal 9 \(SIGKILL\)"):
        train.run(inputs, tmp_path, params_of(), TOGETHER)
    assert running(FAULTY) == []


@pytest.mark.faults
@pytest.mark.long
@pytest.mark.parametrize(
    ("fault", "error", "message"),
    [
        ("1:exit", Unreachable, "process 1 of ranks 0 to 1 ended early.*Exit code 1.*the GPU fell off the bus"),
        ("1:bug", RuntimeError, r"process 1 of ranks 0 to 1: ValueError: what is this\?"),
        ("0:diverge", Diverged, "process [01] of ranks 0 to 1: the loss is not finite"),
    ],
)
def test_a_worker_that_fails_is_named_with_its_error(
    inputs: dict[str, Path], tmp_path: Path, faulty: Callable[[str], None], fault: str, error: Any, message: str
) -> None:
    faulty(fault)
    with pytest.raises(error, match=f"(?s){message}"):
        train.run(inputs, tmp_path, params_of(), TOGETHER)


@pytest.mark.faults
@pytest.mark.long
def test_all_start_again_with_smaller_batches_if_a_device_is_full(
    inputs: dict[str, Path], tmp_path: Path, faulty: Callable[[str], None]
) -> None:
    faulty("1:memory16")
    log = Recorded()
    summary = train.run(inputs, tmp_path, params_of(batch_size=32, epochs=2), Hooks(log, device="cpu", devices=2))
    assert (summary.batch_size_used, summary.epochs_run) == (16, 2)
    assert any("was full with its part of 32 titles per step: starting again with 16" in line for line in log.lines)
    faulty("1:memory8")
    with pytest.raises(OutOfMemory, match="full even with 16 titles per step"):
        train.run(inputs, tmp_path, params_of(batch_size=16), TOGETHER)


def test_an_agent_that_does_not_end_hides_no_error(
    inputs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group, "AGENT", "tests.stages.training.hanging_agent")
    monkeypatch.setattr(group, "SECONDS_TO_END", 0.1)
    agents = []

    def serve(channel: Any, agent: Any, hooks: Hooks) -> None:
        agents.append(agent)
        folder = Path(agent.args[-1])
        until(lambda: Failure.read(folder) is not None)

    monkeypatch.setattr(group, "_serve", serve)
    with pytest.raises(Diverged, match="Worker process 1 of ranks 0 to 1: the loss is not finite"):
        train.run(inputs, tmp_path, params_of(), TOGETHER)
    assert agents[0].returncode == -signal.SIGKILL


class Interrupting(Recorded):
    """Raises what a signal raises, once training is under way."""

    def epoch(self, values: Any) -> None:
        raise KeyboardInterrupt


@pytest.mark.faults
@pytest.mark.long
def test_an_interrupted_run_leaves_no_process(inputs: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        train.run(inputs, tmp_path, params_of(epochs=500), Hooks(Interrupting(), device="cpu", devices=2))
    assert running("meli_tasks.stages.training.worker") == running("meli_tasks.stages.training.agent") == []


def test_batches_that_the_devices_cannot_divide_are_rejected(inputs: dict[str, Path], tmp_path: Path) -> None:
    for values, message in (
        ({"batch_size": 15}, "2 devices cannot divide batches of 15"),
        ({"mean_over_padding": True}, "trains on one device only"),
        ({"architecture": "cnn", "max_over_padding": True}, "max_over_padding, .* trains on one device only"),
    ):
        with pytest.raises(BadHyperparameters, match=message):
            train.run(inputs, tmp_path, params_of(**values), TOGETHER)
    with pytest.raises(BadSettings, match="MELI_NODES is 2, but MELI_RENDEZVOUS does not say where"):
        train.run(inputs, tmp_path, params_of(), Hooks(device="cpu", machines=Machines(2)))


@pytest.mark.faults
@pytest.mark.long
def test_two_machines_train_one_network(inputs: dict[str, Path], tmp_path: Path) -> None:
    """Two agents on this machine, with a rendezvous on the loopback interface; either may get the lower ranks."""
    outs = [tmp_path / name for name in ("alone", "together")]
    for out in outs:
        out.mkdir()
    params = params_of(ngram_dimensions=4, epochs=3)
    train.run(inputs, outs[0], params, Hooks(device="cpu"))
    rendezvous = f"localhost:{free_port()}"

    def node() -> None:
        offer = until(lambda: meeting.find_offer(rendezvous))
        group.take_part(Job(inputs, None, params, "cpu", offer["devices"], 2, rendezvous, run_id=offer["run_id"]))

    log = Recorded()
    hooks = Hooks(log, device="cpu", devices=2, machines=Machines(2, rendezvous))
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(node)
        summary = train.run(inputs, outs[1], params, hooks)
        other.result()
    assert summary.world_size == 4
    assert any("mlp on 4 x cpu" in line for line in log.lines)
    alone, together = (load_file(out / "model.safetensors") for out in outs)
    for name, value in alone.items():
        torch.testing.assert_close(together[name], value, atol=1e-4, rtol=1e-3, msg=name)


@pytest.mark.faults
@pytest.mark.long
def test_meli_node_takes_part_in_a_run_of_the_command_line(tmp_path: Path) -> None:
    """As docs/operating.md describes it: the same settings and store on both machines, and a cache of each its own."""
    shared = {
        "MELI_STORE": (tmp_path / "store").as_uri(), "MELI_SOURCE": str(tmp_path / "titles.csv"), "MELI_DEVICE": "cpu",
        "MELI_THREADS": "1", "MELI_NODES": "2", "MELI_RENDEZVOUS": f"localhost:{free_port()}", "MELI_SLOTS": "1",
    }  # fmt: skip
    assert meli("sample", "--rows", "1200", "--output", shared["MELI_SOURCE"], **shared).returncode == 0
    overrides = ("train.epochs=2", "embed.dimensions=8", "preprocess.max_ngrams=500")
    arguments = [part for override in overrides for part in ("--override", override)]
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(meli, "node", "--once", MELI_CACHE=str(tmp_path / "of_the_node"), **shared)
        ran = meli("run", "train", "--sets", "quick_mlp", *arguments, MELI_CACHE=str(tmp_path / "cache"), **shared)
        took_part = other.result()
    assert ran.returncode == 0, ran.stderr
    assert took_part.returncode == 0, took_part.stderr
    assert "Taking part in training run" in took_part.stdout
    assert "The training run is complete" in took_part.stdout
    (manifest,) = (tmp_path / "store" / "train").rglob("*manifest*.json")
    assert json.loads(manifest.read_text())["summary"]["world_size"] == 2
