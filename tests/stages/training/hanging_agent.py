"""An agent that writes why its workers ended, and does not end itself."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from meli_tasks.core.errors import Diverged
from meli_tasks.stages.training.agent import Failure

if __name__ == "__main__":
    Failure(1, Diverged.__name__, "the loss is not finite").write(Path(sys.argv[1]))
    signal.pause()
