"""One training run in a process of its own: `python -m tests.gpu.one_run DEVICE SHAPE FILE` writes the weights."""

from __future__ import annotations

import sys
from pathlib import Path

from safetensors.torch import save_file

from tests.core.training.gpu_code_path import SHAPES
from tests.gpu.runs import begun, finished, weights


def main() -> None:
    device, shape, file = sys.argv[1:]
    save_file(weights(finished(begun(device, epochs=2, **SHAPES[shape])).network), Path(file))


if __name__ == "__main__":
    main()
