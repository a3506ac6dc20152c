"""A worker process to which something happens: MELI_TEST_FAULT is RANK:WHAT (memory16: full with more than 16)."""

from __future__ import annotations

import os
import signal
import sys

import torch

from meli_tasks.core.training.trainer import Training
from meli_tasks.stages.training import worker

STEP = 5


def main() -> None:
    rank, what = os.environ["MELI_TEST_FAULT"].split(":")
    if os.environ["RANK"] == rank:
        if what == "exit":
            sys.exit("the GPU fell off the bus")
        take_step = Training._take_step

        def faulty(self: Training, *args: torch.Tensor) -> torch.Tensor:
            if self.step == STEP:
                if what == "kill":
                    os.kill(os.getpid(), signal.SIGKILL)
                if what == "bug":
                    raise ValueError("what is this?")
                if what == "diverge":
                    self.network.out.weight.data.fill_(torch.nan)
                if what.startswith("memory") and self.batch_size > int(what.removeprefix("memory")):
                    raise torch.OutOfMemoryError("CUDA out of memory")
            return take_step(self, *args)

        Training._take_step = faulty  # type: ignore[method-assign,assignment]
    worker.main()


if __name__ == "__main__":
    main()
