"""Measures training on a GPU: `make bench-gpu`.

  python -m benchmarks.gpu                    # the lab's MLP and CNN, `mlp` and `cnn`, 5 M generated titles: 8 minutes
  python -m benchmarks.gpu --predict          # what the formulas predict for an H200; needs no GPU
  python -m benchmarks.gpu --device cpu --small   # in seconds, to see that it works

Per set: titles/s, the fraction of the roofline, GPU utilization and memory, at the set's batch size and at larger ones;
with torch.compile, and for the lab's MLP as a CUDA graph; and the same network behind a DataLoader. The predictions of
docs/gpu.md stand beside what was measured. Results: results.json, and titles-per-second.png if matplotlib is there.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from benchmarks.generated_rows import generated_rows
from benchmarks.gpu.formulas import CARDS, Card, Memory, card_of, memory_of, prediction_of, sizes_of, work_of
from benchmarks.gpu.loader_baseline import baseline_rate
from benchmarks.gpu.measure import GraphedStep, Rate, compiled, operations_of, pooled, rate_of, write
from benchmarks.gpu.workloads import SETS, Workload, network_of, titles_of, training_of
from meli_tasks.core.data.encoded_titles import EncodedTitles
from meli_tasks.core.models.sparse_embedding import SparseEmbedding

ROWS, SMALL_ROWS, BASELINE_ROWS = 5_000_000, 3_000, 500_000
SWEEP = (512, 2_048, 8_192, 32_768)
SMALL_WORDS, SMALL_NGRAMS = 2_000, 4_000
SECONDS, SMALL_SECONDS = 6.0, 0.2
MINUTES = 8.0
PREDICTED_CARD = CARDS["H200"]
COUNTED_ROWS = 1_100
PREDICTED_ROWS = 60_000  # enough for a typical batch of every size; a step does not depend on the number of titles


@dataclass(frozen=True)
class Plan:
    """How much to measure."""

    device: str
    rows: int
    seconds: float
    sweep: tuple[int, ...]
    workers: int
    small: bool

    def workload(self, name: str, batch_size: int = 0) -> Workload:
        """A set with the titles of this plan."""
        own = Workload(name, self.rows, batch_size=batch_size)
        return replace(own, vocabulary=SMALL_WORDS, ngrams=SMALL_NGRAMS) if self.small else own


@dataclass
class Results:
    """What was measured and predicted, as results.json has it."""

    machine: dict[str, Any]
    figures: list[dict[str, Any]] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def add(self, name: str, variant: str, batch_size: int, rate: Rate | float, **more: Any) -> None:
        """Add a figure and print it."""
        values = rate.to_json() if isinstance(rate, Rate) else {"titles_per_second": rate}
        self.figures.append({"set": name, "variant": variant, "batch_size": batch_size} | values | more)
        rest = ", ".join(f"{key} {value:.3g}" for key, value in more.items() if isinstance(value, float))
        print(f"{name:6} {variant:22} batch {batch_size:>6,}: {values['titles_per_second']:>12,.0f} titles/s  {rest}")

    def skip(self, what: str) -> None:
        """Record what was not measured, and why."""
        self.skipped.append(what)
        print(f"skipped: {what}")


def machine(device: str) -> dict[str, Any]:
    """The device, the libraries and the processor."""
    name = torch.cuda.get_device_name() if device == "cuda" else platform.processor()
    return {
        "device": name,
        "torch": str(torch.__version__),
        "cuda": torch.version.cuda,
        "python": platform.python_version(),
        "cores": len(os.sched_getaffinity(0)),
    }


def measure_set(name: str, titles: EncodedTitles, plan: Plan, card: Card | None, results: Results) -> None:
    """Every figure of one set."""
    own, operations = plan.workload(name).params.batch_size, operations_of_set(name)
    for size in dict.fromkeys([own, *plan.sweep]):
        workload = plan.workload(name, size)
        try:
            training, _ = training_of(workload, plan.device, titles)
            sizes, memory = sizes_of(training), memory_of(training)
            rate = rate_of(training, plan.seconds)
        except torch.OutOfMemoryError as error:
            results.skip(f"{workload}: {str(error).splitlines()[0]}")
            continue
        more: dict[str, Any] = {"operations": operations, "predicted_bytes": memory.peak}
        if card is not None:
            predicted = prediction_of(training, sizes, operations, card)
            work = work_of(training, sizes)
            more["of_roofline"] = rate.titles_per_second / predicted.roofline
            more["of_bandwidth"] = rate.titles_per_second / size * work.moved / card.bandwidth
            more["predicted"] = predicted.rate
        results.add(name, "the loop", size, rate, **more)
    for variant in ("torch.compile", "CUDA graph"):
        for size in (own, SWEEP[2]):
            measure_variant(variant, plan.workload(name, size), titles, plan, results)


def measure_variant(variant: str, workload: Workload, titles: EncodedTitles, plan: Plan, results: Results) -> None:
    """The step compiled, or recorded as a graph; what cannot be is skipped and reported."""
    if plan.small and variant == "torch.compile":
        return results.skip(f"{workload}, {variant}: not in the small run, as compiling takes minutes")
    if variant == "CUDA graph" and plan.device != "cuda":
        return results.skip(f"{workload}, {variant}: needs a GPU")
    training, _ = training_of(workload, plan.device, titles)
    if variant == "CUDA graph" and not pooled(training):
        return results.skip(f"{workload}, {variant}: needs steps of one shape and a constant learning rate")
    try:
        step = compiled(training) if variant == "torch.compile" else GraphedStep(training)
        started = time.perf_counter()
        rate_of(training, 0.0, step)
        ready = time.perf_counter() - started
        results.add(workload.name, variant, training.batch_size, rate_of(training, plan.seconds, step), ready=ready)
    except Exception as error:  # noqa: BLE001 - a compiler may fail in any way, and the other figures still count
        results.skip(
            f"{workload}, {variant}: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        )
    return None


def measure_baseline(name: str, plan: Plan, results: Results) -> None:
    """The lab's network behind a DataLoader, at the set's batch size."""
    workload = plan.workload(name)
    rows = generated_rows(min(plan.rows, BASELINE_ROWS), words=workload.vocabulary)
    vectors = network_of(workload).words.weight.detach()
    params = workload.params
    rate = baseline_rate(rows, params, vectors, plan.device, plan.seconds, plan.workers)
    results.add(name, "DataLoader", params.batch_size, rate)


def measure(plan: Plan) -> Results:
    """Everything, set by set; a set that would begin after MINUTES is skipped and reported."""
    started = time.monotonic()
    results = Results(machine(plan.device))
    card = card_of(results.machine["device"])
    if card is None:
        results.skip(f"roofline and predictions: no numbers of {results.machine['device'] or 'this device'!r}")
    for name in SETS:
        if time.monotonic() - started > 60 * MINUTES * 0.8:
            results.skip(f"{name}: {MINUTES:.0f} minutes are over")
            continue
        titles = titles_of(plan.workload(name), plan.rows, 1, plan.device)
        measure_set(name, titles, plan, card, results)
        if name.endswith("_1"):
            measure_baseline(name, plan, results)
    results.seconds = time.monotonic() - started
    return results


def operations_of_set(name: str) -> int:
    """Operations per step, counted on the CPU along the code path of a GPU, where the backward pass can be counted too.

    Without gathering the batches, which 64 of them share.
    """
    training, _ = training_of(Workload(name, COUNTED_ROWS, vocabulary=1_000, ngrams=3_000), "cpu")
    training.guard.interval = 64
    for module in training.network.modules():
        if isinstance(module, SparseEmbedding):
            module.bounded = True
    return operations_of(training)


def predict(rows: int = PREDICTED_ROWS) -> list[dict[str, Any]]:
    """The table of docs/gpu.md: what the formulas predict for PREDICTED_CARD, counted in steps on this machine."""
    table = []
    for name in SETS:
        operations = operations_of_set(name)
        for size in dict.fromkeys([Workload(name, rows).params.batch_size, *SWEEP]):
            training, _ = training_of(Workload(name, rows, batch_size=size), "cpu")
            sizes = sizes_of(training)
            found = prediction_of(training, sizes, operations, PREDICTED_CARD)
            memory: Memory = memory_of(training, sizes)
            table.append(
                {"set": name, "batch_size": size, **asdict(found), "rate": found.rate, "step_bytes": memory.step}
            )
    return table


def draw(results: Results, path: Path) -> None:
    """Titles per second over the batch size, a line for each set and variant."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(9, 6), layout="constrained")
    for key in dict.fromkeys((each["set"], each["variant"]) for each in results.figures):
        points = sorted(
            (each["batch_size"], each["titles_per_second"])
            for each in results.figures
            if (each["set"], each["variant"]) == key
        )
        axes.plot(*zip(*points, strict=True), marker="o", label=", ".join(key))
    axes.set(xscale="log", yscale="log", xlabel="titles per step", ylabel="titles/s", title=results.machine["device"])
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path)
    pyplot.close(figure)


def main(arguments: list[str] | None = None) -> int:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gpu", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--rows", type=int, default=0, help="generated titles (default: 5,000,000)")
    parser.add_argument("--small", action="store_true", help="seconds instead of minutes; the figures mean nothing")
    parser.add_argument("--predict", action="store_true", help="print what the formulas predict, as JSON")
    parser.add_argument("--out", type=Path, default=Path(".meli/bench-gpu"), help="folder of the results")
    given = parser.parse_args(arguments)
    if given.predict:
        print(json.dumps(predict(given.rows or PREDICTED_ROWS), indent=1))
        return 0
    if given.device == "cuda" and not torch.cuda.is_available():
        print(f"Nothing was measured: torch {torch.__version__} finds no GPU. --predict prints the predictions.")
        return 0
    rows = given.rows or (SMALL_ROWS if given.small else ROWS)
    plan = Plan(
        given.device, rows, SMALL_SECONDS if given.small else SECONDS, SWEEP[:1] if given.small else SWEEP,
        0 if given.small else min(8, len(os.sched_getaffinity(0))), given.small,
    )  # fmt: skip
    results = measure(plan)
    write(given.out / "results.json", json.dumps(asdict(results), indent=1) + "\n")
    try:
        draw(results, given.out / "titles-per-second.png")
    except ImportError:
        print("no plot: matplotlib is not installed")
    print(f"{results.seconds:.0f} s; {given.out / 'results.json'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
