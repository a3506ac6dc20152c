"""What the tasks of a run import, loaded once in the process from which they are forked.

Torch, gensim, scikit-learn and matplotlib take seconds of CPU time to import, and each task would repeat them. Only
modules that survive a fork are here: importing them starts no thread of their own and opens no connection. (The threads
of OpenBLAS and of pyarrow's allocator do not survive either, but both libraries start theirs again in the child.) So
polars is not here, which starts a thread on import, nor MLflow's client, which imports polars.
"""

from __future__ import annotations

import importlib
import logging
import time
from collections.abc import Iterable, Sequence

from meli_tasks.execution.threads import limited_threads
from meli_tasks.settings import Settings
from meli_tasks.stages import STAGES
from meli_tasks.wording import count, duration

logger = logging.getLogger("meli_tasks")

LIGHT = ("meli_tasks.pipeline",)
"""What every task imports before it knows its stage."""
HEAVY = (
    *(f"meli_tasks.stages.{stage}" for stage in STAGES),
    "meli_tasks.stages.vectors.gensim_vectors",
    "meli_tasks.stages.files.plots",
    "meli_tasks.report.writing",
    "meli_tasks.tracking.registered_model",
    "pyarrow.dataset",  # reading Parquet imports it
    "pyarrow.pandas_compat",
    "torch._dynamo",  # some functions of torch import it when they are first called
    "sklearn.feature_extraction.text",
    "sklearn.linear_model",
    "sklearn.metrics",
    "matplotlib.figure",
    "matplotlib.ticker",
    "matplotlib.backends.backend_agg",
    "matplotlib.backends.backend_svg",
    "jinja2",
    "yaml",
)
"""What the stages and the report import: each stage, and what they import only when they need it."""


def import_for_tasks(settings: Settings, also: Sequence[str] = ()) -> None:
    """Import what the tasks of a run import, and the modules in `also`.

    Whatever cannot be imported is logged: a task that needs it then tries by itself.
    """
    began = time.monotonic()
    imported = _import((*also, *LIGHT))
    # The rest reads its number of threads when it is imported, and keeps it. Tasks of other DAGs, which may be forked
    # from here too, do not find the limits in their environment, so what else they import is free of them.
    with limited_threads(settings):
        imported += _import(HEAVY)
    logger.info(
        "Imported %s for the tasks that are forked from here in %s.",
        count(imported, "module"), duration(time.monotonic() - began),
    )  # fmt: skip


def _import(names: Iterable[str]) -> int:
    """Import modules, and return how many could be."""
    imported = 0
    for name in names:
        try:
            importlib.import_module(name)
        except Exception as error:  # noqa: BLE001 what stops one task's import must not stop the scheduler
            logger.warning(
                "%s could not be imported in advance, so each task that needs it tries by itself: %s: %s",
                name, type(error).__name__, error,
            )  # fmt: skip
        else:
            imported += 1
    return imported
