"""Part `peers`: our sets beside fastText and linear SVMs on the same split, each in a process of its own.

Accuracy on the test titles, seconds, memory; and how long our mlp and mlp_fast take to the balanced accuracy that tuned
fastText reaches on the validation titles. Times are processor seconds of the training: with one thread a quiet
machine's clock says the same. Ours are counted twice, alone and with the preparation (preprocess and embed); a
training's time includes its own measuring after each epoch.
"""

from __future__ import annotations

import importlib
import json
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.apart import Cost, run_apart
from benchmarks.bench_default import overrides
from benchmarks.curve_plot import Curve, draw
from benchmarks.figures import Figure, Options, at_least, at_most
from benchmarks.peer_models import FASTTEXT, FASTTEXT_SMALL
from benchmarks.steps import Steps, titles_file, told
from meli_tasks.sets import catalog as named_sets

SETS = ("mlp", "mlp_fast", "cnn")
TO_FASTTEXT = ("mlp", "mlp_fast")
UNIT = "balanced accuracy"
TIME_TO_FASTTEXT = 0.5
SHORTER = (0.2, 0.5)  # shares of fastText's epochs, for its curve

Point = tuple[float, float, float]


@dataclass(frozen=True)
class Peer:
    """A peer's training: its answer (seconds, cpu_seconds, validation, test) and its process."""

    name: str
    found: dict[str, float]
    cost: Cost


@dataclass(frozen=True)
class Ours:
    """One of our trainings. `curve`: (seconds, processor seconds, validation) an epoch; `cost` of its process."""

    curve: list[Point]
    model: str
    cost: Cost

    def reaches(self, accuracy: float) -> Point | None:
        """The first epoch's end at which validation is that good."""
        return next((point for point in self.curve if point[2] >= accuracy), None)


def prepared(work: str, source: str, name: str, changed: dict[str, Any]) -> dict[str, Any]:
    """The processor seconds that preprocess and embed of a set took, and the folders of listings and vectors.

    Imports are no part of anybody's time, so gensim, which embed imports when it needs it, is imported before.
    """
    importlib.import_module("meli_tasks.stages.vectors.gensim_vectors")
    steps = Steps(Path(work), Path(source))
    _, vectors = steps.prepare(named_sets.resolve(name, changed))
    spent = steps.costs["preprocess"][1] + steps.costs["embed"][1]
    return {"cpu_seconds": spent, "listings": str(steps.listings), "vectors": str(vectors)}


def trained(work: str, source: str, name: str, changed: dict[str, Any]) -> dict[str, Any]:
    """A training on what is prepared: its curve, and the model's folder."""
    steps = Steps(Path(work), Path(source))
    model = steps.train(named_sets.resolve(name, changed))
    return {"curve": steps.curve, "model": str(model)}


def scored(work: str, source: str, models: dict[str, str]) -> dict[str, float]:
    """Balanced accuracy on the test titles, by label."""
    scores = Steps(Path(work), Path(source)).scores({label: Path(folder) for label, folder in models.items()})
    return {label: score["balanced_accuracy"] for label, score in scores.items()}


@dataclass(frozen=True)
class Measured:
    """One run of this part. `ours`: name -> a training a seed; `preparation`: name -> processor seconds of preprocess
    and embed, `preparing_megabytes`: their peak; `test`: "name seed" -> accuracy.
    """

    options: Options
    seeds: tuple[int, ...]
    preparation: dict[str, float]
    preparing_megabytes: dict[str, float]
    peers: list[Peer]
    ours: dict[str, list[Ours]]
    test: dict[str, float]

    @property
    def fasttext(self) -> Peer:
        """The tuned one."""
        return self.peers[0]


class Bench:
    """Runs this part's functions, each in a process of its own, one after the other."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.where = {"work": str(options.work), "source": str(titles_file(options))}
        self.changed = overrides(options.small)

    def measure(self) -> Measured:
        """Everything that is trained and tested."""
        seeds = self.options.seeds[:1] if self.options.small else self.options.seeds
        made = {name: self._here("prepared", name=name, changed=self.changed) for name in SETS}
        peers = self.peers(made[SETS[0]][0]["listings"])
        ours = {name: [self.train(name, {"train.seed": seed}) for seed in seeds] for name in SETS}
        models = {f"{name} {seed}": ours[name][place].model for name in SETS for place, seed in enumerate(seeds)}
        test, _ = self._here("scored", models=models)
        return Measured(
            self.options,
            seeds,
            preparation={name: found["cpu_seconds"] for name, (found, _) in made.items()},
            # Sets that share their vectors prepare once: it is the first of them that shows what it takes.
            preparing_megabytes={
                name: max(cost.peak_megabytes for other, cost in made.values() if other["vectors"] == found["vectors"])
                for name, (found, _) in made.items()
            },
            peers=peers,
            ours=ours,
            test=test,
        )

    def _here(self, function: str, **arguments: Any) -> tuple[Any, Cost]:
        return run_apart(f"benchmarks.bench_peers:{function}", {**self.where, **arguments}, self.options.threads)

    def train(self, name: str, changed: dict[str, Any]) -> Ours:
        """One of our sets, changed so."""
        made, cost = self._here("trained", name=name, changed={**self.changed, **changed})
        return Ours([tuple(point) for point in made["curve"]], made["model"], cost)

    def peers(self, listings: str) -> list[Peer]:
        """fastText with its tuned epochs, then with fewer, for its curve; then the SVMs."""
        small, threads = self.options.small, self.options.threads
        epochs = (FASTTEXT_SMALL if small else FASTTEXT)["epoch"]
        found = []
        for count in (epochs, *sorted({max(1, round(epochs * share)) for share in SHORTER} - {epochs})):
            asked = {"listings": listings, "work": self.where["work"], "threads": threads}
            asked |= {"epochs": count, "small": small}
            answer, cost = run_apart("benchmarks.peer_models:fasttext", asked, threads)
            found.append(Peer("fastText" if count == epochs else f"fastText, {count} epochs", answer, cost))
        for characters in (False, True):
            asked = {"listings": listings, "characters": characters}
            answer, cost = run_apart("benchmarks.peer_models:linear_svm", asked, threads)
            words = "words and characters" if characters else "words"
            found.append(Peer(f"TF-IDF of {words}, LinearSVC", answer, cost))
        return found


def accuracies(seen: Measured) -> list[Figure]:
    """Test balanced accuracy of everybody; ours are means over the seeds, the note has their spread."""
    parameters = FASTTEXT | (FASTTEXT_SMALL if seen.options.small else {})
    note = f"{told(seen.options)}; {', '.join(f'{key} {value}' for key, value in parameters.items())}"
    peers = [peer for peer in seen.peers if "epochs" not in peer.name]
    figures = [
        Figure(f"{peer.name}: test", peer.found["test"], UNIT, note=note if peer is seen.fasttext else "")
        for peer in peers
    ]
    for name in SETS:
        each = [seen.test[f"{name} {seed}"] for seed in seen.seeds]
        spread = f", standard deviation {statistics.stdev(each):.4f}" if len(each) > 1 else ""
        said = f"seeds {', '.join(map(str, seen.seeds))}: {', '.join(f'{value:.4f}' for value in each)}{spread}"
        figures.append(Figure(f"`{name}`: test", statistics.mean(each), UNIT, note=said))
    return figures


def costs(seen: Measured) -> list[Figure]:
    """Processor seconds from titles to a model, beside fastText's, and peak memory."""
    baseline, memory = seen.fasttext.found["cpu_seconds"], seen.fasttext.cost.peak_megabytes
    rows = [
        (peer.name, peer.found["cpu_seconds"], peer.found["seconds"], peer.cost.peak_megabytes)
        for peer in seen.peers
        if "epochs" not in peer.name
    ]
    for name in SETS:
        ends = [ours.curve[-1] for ours in seen.ours[name]]
        cpu = seen.preparation[name] + statistics.mean(end[1] for end in ends)
        peak = max(seen.preparing_megabytes[name], *(ours.cost.peak_megabytes for ours in seen.ours[name]))
        rows.append((f"`{name}`", cpu, statistics.mean(end[0] for end in ends), peak))
    figures = []
    for name, cpu, seconds, peak in rows:
        said = f"training {seconds:.1f} s by the clock"
        figures.append(Figure(f"{name}: titles to model", cpu, "CPU-s", baseline=baseline, note=said))
        figures.append(Figure(f"{name}: peak memory", peak, "MB", baseline=memory))
    return figures


def times_to_fasttext(seen: Measured) -> list[Figure]:
    """How long until our validation balanced accuracy is fastText's; of what never gets there, its best."""
    wanted, baseline = seen.fasttext.found["validation"], seen.fasttext.found["cpu_seconds"]
    figures = [Figure("fastText: validation, what is to be reached", wanted, UNIT)]
    target, clock = at_most(TIME_TO_FASTTEXT, "ratio"), f"fastText {seen.fasttext.found['seconds']:.1f} s"
    for name in TO_FASTTEXT:
        ours = seen.ours[name][0]
        point = ours.reaches(wanted)
        if point is None:
            best = max(accuracy for _, _, accuracy in ours.curve)
            missed = f"`{name}`: never reaches fastText's accuracy; its best"
            figures.append(Figure(missed, best, UNIT, baseline=wanted, target=at_least(1, "ratio")))
            continue
        seconds, cpu, accuracy = point
        note = f"validation {accuracy:.4f}; by the clock {seconds:.1f} s, {clock}"
        alone = f"`{name}`: training until fastText's accuracy"
        whole = f"`{name}`: the same with preprocess and embed"
        figures.append(Figure(alone, cpu, "CPU-s", baseline=baseline, target=target, note=note))
        figures.append(Figure(whole, seen.preparation[name] + cpu, "CPU-s", baseline=baseline, target=target))
    return figures


def curves(seen: Measured) -> list[Curve]:
    """Validation balanced accuracy over processor seconds, of everybody."""
    found = [
        Curve(f"{name}, seed {seed}", [(cpu, accuracy) for _, cpu, accuracy in ours.curve], seen.preparation[name])
        for name in SETS
        for seed, ours in zip(seen.seeds, seen.ours[name], strict=True)
    ]
    points = [
        (peer.found["cpu_seconds"], peer.found["validation"]) for peer in seen.peers if peer.name.startswith("fastText")
    ]
    found.append(Curve("fastText, a run each", sorted(points)))
    others = [peer for peer in seen.peers if not peer.name.startswith("fastText")]
    return found + [Curve(peer.name, [(peer.found["cpu_seconds"], peer.found["validation"])]) for peer in others]


def run(options: Options) -> list[Figure]:
    """Everything; curves.png and trainings.json go into `options.out`."""
    seen = Bench(options).measure()
    draw(curves(seen), options.out / "curves.png", f"Time to accuracy, {told(options)}, {options.threads} thread(s)")
    details = {
        "peers": {peer.name: {**peer.found, **peer.cost.to_json()} for peer in seen.peers},
        "fasttext": FASTTEXT,
        "preparation_cpu_seconds": seen.preparation,
        "ours": {name: [ours.curve for ours in seen.ours[name]] for name in SETS},
        "test": seen.test,
    }
    (options.out / "trainings.json").write_text(json.dumps(details, indent=1), encoding="utf-8")
    return [*accuracies(seen), *costs(seen), *times_to_fasttext(seen)]
