"""torch's elastic agent, which starts the workers of this machine and supervises them; what `torchrun` runs, too.

`python -m meli_tasks.stages.training.agent FOLDER`. It is a process of its own because it handles signals, and because
the process that runs the stage answers rank 0 meanwhile. If a worker fails, it ends the others and writes which one
failed, and why.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from torch.distributed import Store  # type: ignore[attr-defined]
from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, Std
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError, ProcessFailure
from torch.distributed.elastic.rendezvous import RendezvousError
from torch.distributed.launcher.api import LaunchConfig, launch_agent

from meli_tasks.core.errors import MeliError, Unreachable
from meli_tasks.stages.training.channel import end_with_parent
from meli_tasks.stages.training.job import LOGS, MEETING, Job
from meli_tasks.stages.training.meeting import SECONDS_TO_MEET, host_meeting, report_failure, reported_failure

FAILURE = "failure.json"
PEER_LOST = "PeerLost"
MAX_TAIL = 600  # characters of a worker's output that its error shows


@dataclass(frozen=True)
class Failure:
    """Why the workers ended: `kind` is the class of the error, empty for a process that left none."""

    rank: int | None
    kind: str
    message: str

    def write(self, folder: Path) -> None:
        """Write it for the process that runs the stage."""
        (folder / FAILURE).write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> Failure | None:
        """What the agent wrote; None if it wrote nothing."""
        path = folder / FAILURE
        return cls(**json.loads(path.read_text(encoding="utf-8"))) if path.exists() else None


def main() -> None:
    """Run the workers of this machine to their end."""
    folder = Path(sys.argv[1])
    end_with_parent(folder, lambda: os.kill(os.getpid(), signal.SIGTERM))
    job = Job.read(folder)
    # Its workers meet in the job's own store; without this, the agent opens a second one on a port of all interfaces.
    os.environ["TORCH_DISABLE_SHARE_RDZV_TCP_STORE"] = "1"
    if job.machines == 1 and sys.platform == "linux":
        for library in ("GLOO", "NCCL"):  # nobody else can connect to processes that talk on the loopback interface
            os.environ.setdefault(f"{library}_SOCKET_IFNAME", "lo")
    store = None
    try:
        store = host_meeting(job) if job.leads and job.machines > 1 else None
        launch_agent(config_of(job, folder), sys.executable, ["-m", job.worker, str(folder)])
    except ChildFailedError as error:
        _fail(root_cause(error.failures, folder), job, folder, store)
    except RendezvousError as error:
        _fail(Failure(None, Unreachable.__name__, _why_not_met(job, error)), job, folder, store)
    except MeliError as error:
        _fail(Failure(None, type(error).__name__, str(error)), job, folder, store)


def config_of(job: Job, folder: Path) -> LaunchConfig:
    """What torch's agent has to start. It restarts nothing: a retry of the task resumes from the store's checkpoint."""
    alone = job.machines == 1
    logs = folder / LOGS
    logs.mkdir()
    return LaunchConfig(
        min_nodes=job.machines,
        max_nodes=job.machines,
        nproc_per_node=job.devices,
        run_id=job.run_id,
        rdzv_backend="c10d",
        rdzv_endpoint=str(folder / f"{MEETING}.agent") if alone else job.rendezvous,
        rdzv_configs={"timeout": SECONDS_TO_MEET, **({"store_type": "file"} if alone else {"is_host": False})},
        max_restarts=0,
        logs_specs=DefaultLogsSpecs(log_dir=str(logs), redirects=Std.ALL),
    )


def root_cause(failures: Mapping[int, ProcessFailure], folder: Path) -> Failure:
    """The failure that caused the others: these lost their peer, or the agent ended them."""
    found = {rank: _failure_of(rank, failure, folder) for rank, failure in failures.items()}
    ended = {rank for rank, failure in failures.items() if failure.exitcode == -signal.SIGTERM}
    for usual in (ended, set()):
        for rank, failure in found.items():
            if rank not in usual and failure.kind != PEER_LOST:
                return failure
    return next(iter(found.values()))


def _failure_of(rank: int, failure: ProcessFailure, folder: Path) -> Failure:
    message = failure.error_file_data.get("message")
    if isinstance(message, dict):  # the worker recorded its exception
        kind, _, text = str(message["message"]).partition(": ")
        return Failure(rank, kind, text)
    reason = failure.message if failure.exitcode < 0 else f"exit code {failure.exitcode}"
    logs = sorted((folder / LOGS).glob(f"*/attempt_0/{failure.local_rank}/std*.log"))
    output = "\n".join(path.read_text(encoding="utf-8", errors="replace")[-MAX_TAIL:].strip() for path in logs).strip()
    return Failure(rank, "", f"{reason}. The end of its output: {output or 'nothing'}")


def _fail(failure: Failure, job: Job, folder: Path, store: Store | None) -> None:
    if store is not None and failure.kind == PEER_LOST and (elsewhere := reported_failure(store)):
        failure = Failure(**json.loads(elsewhere))
    elif job.machines > 1 and not job.leads and failure.kind != PEER_LOST:
        report_failure(job, json.dumps(asdict(failure)))
    failure.write(folder)
    sys.exit(1)


def _why_not_met(job: Job, error: RendezvousError) -> str:
    return (
        f"The {job.machines} machines of MELI_NODES have not met at MELI_RENDEZVOUS={job.rendezvous or 'a local file'} "
        f"within {SECONDS_TO_MEET // 60} minutes ({type(error).__name__}: {error}). Start `meli node` on each of the "
        "others, with the same two settings."
    )


if __name__ == "__main__":
    main()
