"""Part `peers`: our sets beside fastText and linear SVMs on the same split, each in its own process.

It reports accuracy on the test titles, time and memory, and how long mlp and mlp_fast take to reach the balanced
accuracy that tuned fastText has on the validation titles. Times are CPU seconds of training; with one thread they equal
wall time on an idle machine. Ours are counted twice, without and with the preparation (preprocess and embed), and
include the validation after each epoch.
"""

from __future__ import annotations

import importlib
import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.bench_default import overrides
from benchmarks.curve_plot import Curve, draw
from benchmarks.figures import Figure, Options, at_least, at_most
from benchmarks.isolated import Cost, run_isolated
from benchmarks.peer_models import FASTTEXT, FASTTEXT_SMALL
from benchmarks.steps import Overrides, Point, Steps, titles_file, titles_note
from meli_tasks.sets import catalog
from meli_tasks.wording import count

SETS = ("mlp", "mlp_fast", "cnn")
TO_FASTTEXT = ("mlp", "mlp_fast")
UNIT = "balanced accuracy"
TIME_TO_FASTTEXT = 0.5
SHORTER = (0.2, 0.5)  # fractions of fastText's epochs, for its curve


@dataclass(frozen=True)
class Peer:
    """A peer's training run: its own time, its balanced accuracies, and the peak memory of its process."""

    name: str
    seconds: float
    cpu_seconds: float
    validation: float
    test: float
    peak_megabytes: float

    @classmethod
    def train(cls, name: str, function: str, arguments: Mapping[str, Any], threads: int) -> Peer:
        """Runs a function of peer_models in its own process."""
        result, cost = run_isolated(f"benchmarks.peer_models:{function}", arguments, threads)
        return cls(name, **result, peak_megabytes=cost.peak_megabytes)


@dataclass(frozen=True)
class Ours:
    """One of our training runs: a point per epoch, the model's folder, and the cost of its process."""

    curve: Sequence[Point]
    model: str
    cost: Cost

    def reaches(self, accuracy: float) -> Point | None:
        """The end of the first epoch with at least this validation accuracy."""
        return next((point for point in self.curve if point.accuracy >= accuracy), None)


@dataclass(frozen=True)
class Preparation:
    """What preprocess and embed of a set took, and the folders of the listings and the vectors."""

    cpu_seconds: float
    peak_megabytes: float
    listings: str
    vectors: str


def prepare(work: str, source: str, name: str, changed: Overrides) -> dict[str, Any]:
    """Runs preprocess and embed of a set; returns their CPU time and the folders of listings and vectors.

    Imports count for nobody, so gensim, which embed imports on demand, is imported first.
    """
    importlib.import_module("meli_tasks.stages.vectors.gensim_vectors")
    steps = Steps(Path(work), Path(source))
    _, vectors = steps.prepare(catalog.resolve(name, changed))
    spent = steps.costs["preprocess"][1] + steps.costs["embed"][1]
    return {"cpu_seconds": spent, "listings": str(steps.listings), "vectors": str(vectors)}


def train(work: str, source: str, name: str, changed: Overrides) -> dict[str, Any]:
    """Trains a prepared set; returns its curve and the model's folder."""
    steps = Steps(Path(work), Path(source))
    model = steps.train(catalog.resolve(name, changed))
    return {"curve": steps.curve, "model": str(model)}


def score(work: str, source: str, models: dict[str, str]) -> dict[str, float]:
    """Balanced accuracy on the test titles, by label."""
    steps = Steps(Path(work), Path(source))
    return steps.test_accuracies({label: Path(folder) for label, folder in models.items()})


@dataclass(frozen=True)
class Results:
    """One run of this part: per set its preparation and a training run per seed, and test accuracy by "name seed"."""

    options: Options
    seeds: tuple[int, ...]
    preparations: Mapping[str, Preparation]
    peers: Sequence[Peer]
    ours: Mapping[str, Sequence[Ours]]
    test: Mapping[str, float]

    @property
    def fasttext(self) -> Peer:
        """fastText with the tuned number of epochs."""
        return self.peers[0]

    @property
    def tuned_peers(self) -> list[Peer]:
        """The peers without the shorter fastText runs, which only draw its curve."""
        return [peer for peer in self.peers if "epochs" not in peer.name]

    def preparing_megabytes(self, name: str) -> float:
        """Peak memory of preparing a set. Sets with the same vectors share one preparation: its first run counts."""
        vectors = self.preparations[name].vectors
        return max(made.peak_megabytes for made in self.preparations.values() if made.vectors == vectors)


class Bench:
    """Runs the functions of this part one after the other, each in its own process."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.where = {"work": str(options.work), "source": str(titles_file(options))}
        self.changed = overrides(options.small)

    def measure(self) -> Results:
        """Trains and tests everything."""
        seeds = self.options.seeds[:1] if self.options.small else self.options.seeds
        preparations = {name: self.prepare(name) for name in SETS}
        peers = self.peers(preparations[SETS[0]].listings)
        ours = {name: [self.train(name, seed) for seed in seeds] for name in SETS}
        models = {f"{name} {seed}": ours[name][place].model for name in SETS for place, seed in enumerate(seeds)}
        test, _ = self._run("score", models=models)
        return Results(self.options, seeds, preparations, peers, ours, test)

    def _run(self, function: str, **arguments: Any) -> tuple[Any, Cost]:
        return run_isolated(f"benchmarks.bench_peers:{function}", {**self.where, **arguments}, self.options.threads)

    def prepare(self, name: str) -> Preparation:
        """Prepares one of our sets."""
        made, cost = self._run("prepare", name=name, changed=self.changed)
        return Preparation(**made, peak_megabytes=cost.peak_megabytes)

    def train(self, name: str, seed: int) -> Ours:
        """Trains one of our sets."""
        made, cost = self._run("train", name=name, changed={**self.changed, "train.seed": seed})
        return Ours([Point(*point) for point in made["curve"]], made["model"], cost)

    def peers(self, listings: str) -> list[Peer]:
        """fastText with its tuned number of epochs, then with fewer for its curve; then the SVMs."""
        small, threads = self.options.small, self.options.threads
        epochs = int((FASTTEXT_SMALL if small else FASTTEXT)["epoch"])
        peers = []
        for shorter in (epochs, *sorted({max(1, round(epochs * fraction)) for fraction in SHORTER} - {epochs})):
            arguments = {"listings": listings, "work": self.where["work"], "threads": threads}
            arguments |= {"epochs": shorter, "small": small}
            name = "fastText" if shorter == epochs else f"fastText, {shorter} epochs"
            peers.append(Peer.train(name, "fasttext", arguments, threads))
        for characters in (False, True):
            name = f"TF-IDF of {'words and characters' if characters else 'words'}, LinearSVC"
            peers.append(Peer.train(name, "linear_svm", {"listings": listings, "characters": characters}, threads))
        return peers


def accuracies(results: Results) -> list[Figure]:
    """Test balanced accuracy of all; ours are means over the seeds, with the spread in the note."""
    parameters = FASTTEXT | (FASTTEXT_SMALL if results.options.small else {})
    note = f"{titles_note(results.options)}; {', '.join(f'{key} {value}' for key, value in parameters.items())}"
    figures = [
        Figure(f"{peer.name}: test", peer.test, UNIT, note=note if peer is results.fasttext else "")
        for peer in results.tuned_peers
    ]
    for name in SETS:
        each = [results.test[f"{name} {seed}"] for seed in results.seeds]
        spread = f", standard deviation {statistics.stdev(each):.4f}" if len(each) > 1 else ""
        scores = ", ".join(f"{value:.4f}" for value in each)
        seeds = f"seeds {', '.join(map(str, results.seeds))}: {scores}{spread}"
        figures.append(Figure(f"`{name}`: test", statistics.mean(each), UNIT, note=seeds))
    return figures


def costs(results: Results) -> list[Figure]:
    """CPU time from titles to a model, compared with fastText's, and peak memory."""
    baseline, memory = results.fasttext.cpu_seconds, results.fasttext.peak_megabytes
    rows = [(peer.name, peer.cpu_seconds, peer.seconds, peer.peak_megabytes) for peer in results.tuned_peers]
    for name in SETS:
        ends = [ours.curve[-1] for ours in results.ours[name]]
        cpu = results.preparations[name].cpu_seconds + statistics.mean(end.cpu_seconds for end in ends)
        peak = max(results.preparing_megabytes(name), *(ours.cost.peak_megabytes for ours in results.ours[name]))
        rows.append((f"`{name}`", cpu, statistics.mean(end.seconds for end in ends), peak))
    figures = []
    for name, cpu, seconds, peak in rows:
        note = f"training took {seconds:.1f} s of wall time"
        figures.append(Figure(f"{name}: titles to model", cpu, "CPU-s", baseline=baseline, note=note))
        figures.append(Figure(f"{name}: peak memory", peak, "MB", baseline=memory))
    return figures


def times_to_fasttext(results: Results) -> list[Figure]:
    """Time until our validation balanced accuracy equals fastText's; a set that never gets there shows its best."""
    accuracy, baseline = results.fasttext.validation, results.fasttext.cpu_seconds
    figures = [Figure("fastText: validation, the accuracy to reach", accuracy, UNIT)]
    target = at_most(TIME_TO_FASTTEXT, "ratio")
    for name in TO_FASTTEXT:
        ours = results.ours[name][0]
        point = ours.reaches(accuracy)
        if point is None:
            best = max(epoch.accuracy for epoch in ours.curve)
            missed = f"`{name}`: never reaches fastText's accuracy; its best"
            figures.append(Figure(missed, best, UNIT, baseline=accuracy, target=at_least(1, "ratio")))
            continue
        times = f"wall time {point.seconds:.1f} s, fastText {results.fasttext.seconds:.1f} s"
        note = f"validation {point.accuracy:.4f}; {times}"
        whole = results.preparations[name].cpu_seconds + point.cpu_seconds
        alone_name = f"`{name}`: training to fastText's accuracy"
        whole_name = f"`{name}`: the same with preprocess and embed"
        figures.append(Figure(alone_name, point.cpu_seconds, "CPU-s", baseline=baseline, target=target, note=note))
        figures.append(Figure(whole_name, whole, "CPU-s", baseline=baseline, target=target))
    return figures


def curves(results: Results) -> list[Curve]:
    """Validation balanced accuracy over CPU seconds, of all."""
    drawn = [
        Curve(
            f"{name}, seed {seed}",
            [(point.cpu_seconds, point.accuracy) for point in ours.curve],
            results.preparations[name].cpu_seconds,
        )
        for name in SETS
        for seed, ours in zip(results.seeds, results.ours[name], strict=True)
    ]
    points = [(peer.cpu_seconds, peer.validation) for peer in results.peers if peer.name.startswith("fastText")]
    drawn.append(Curve("fastText, one run per point", sorted(points)))
    others = [peer for peer in results.peers if not peer.name.startswith("fastText")]
    return drawn + [Curve(peer.name, [(peer.cpu_seconds, peer.validation)]) for peer in others]


def run(options: Options) -> list[Figure]:
    """All figures; writes curves.png and training_runs.json to `options.out`."""
    results = Bench(options).measure()
    title = f"Time to accuracy, {titles_note(options)}, {count(options.threads, 'thread')}"
    draw(curves(results), options.out / "curves.png", title)
    details = {
        "peers": {peer.name: vars(peer) for peer in results.peers},
        "fasttext": FASTTEXT,
        "preparation_cpu_seconds": {name: made.cpu_seconds for name, made in results.preparations.items()},
        "ours": {name: [ours.curve for ours in results.ours[name]] for name in SETS},
        "test": results.test,
    }
    (options.out / "training_runs.json").write_text(json.dumps(details, indent=1), encoding="utf-8")
    return [*accuracies(results), *costs(results), *times_to_fasttext(results)]
