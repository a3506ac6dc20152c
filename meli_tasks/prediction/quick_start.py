"""Loading a model in a process that lives for a second: no more of torch than a prediction needs.

`import torch` takes 1.9 CPU-s, and 0.7 of them describe each operation for tensors without values (the device "meta"),
as compilers need them and no prediction does. Python's garbage collector takes another 0.3: it looks again and again
through objects that modules keep for good.

It serves the few models that `numpy_networks` does not compute, the lab's with its mistakes; others need no torch.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

_META = "torch._meta_registrations"


@contextmanager
def quick_start() -> Iterator[None]:
    """Import torch within it for predictions alone; the garbage collector rests.

    Only for a process that ends after a prediction. If torch is already imported, or a torch of another version has no
    such module, nothing is left out.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        if "torch" not in sys.modules:
            _import_torch()
        yield
    finally:
        if was_enabled:
            gc.freeze()  # what was imported stays, so there is no need to look through it
            gc.enable()


def _import_torch() -> None:
    stand_in = ModuleType(_META)
    sys.modules[_META] = stand_in
    try:
        import torch
    finally:
        # Whoever needs it after all imports the real one.
        if sys.modules.get(_META) is stand_in:
            del sys.modules[_META]
    if getattr(torch, "_meta_registrations", None) is stand_in:
        del torch._meta_registrations
    # What else the real one does: without it, torch refuses to make random generators.
    from torch._opaque_base import OpaqueBaseMeta

    torch._C._set_generator_metaclass(OpaqueBaseMeta)
