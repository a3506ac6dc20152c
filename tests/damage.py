"""Damages a finished store, one object at a time, and looks at what the commands make of it.

`make test` tries a few; `python -m tests.damage --damages 2000` tries as many as are wanted, and prints what became of
them by where the damage was. Every damage follows from the seed and its number.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import os
import random
import re
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from meli_tasks.core.errors import MeliError
from meli_tasks.settings import Settings

DAY = date(2026, 11, 20)
TITLES = ["celular samsung galaxy", "zapatillas de running", "perfume importado"]
KINDS = ("flip", "truncate", "delete", "swap", "empty")
NAMES_A_COMMAND = re.compile(r"`meli |run again|`force`|clear the task|read it again", re.IGNORECASE)


REPORTS: ContextVar[bool] = ContextVar("REPORTS", default=False)
"""Whether runs write their reports, which takes longer than all else that a run does here."""


@dataclass(frozen=True)
class Damage:
    """What is done to which file."""

    kind: str
    file: str
    other: str = ""

    def apply(self, root: Path, chance: random.Random) -> None:
        """Damage a file below `root`; files are replaced, not changed, as others may be linked to them."""
        path = root / self.file
        data = bytearray(path.read_bytes())
        if self.kind == "swap":
            _put(path, (root / self.other).read_bytes())
            _put(root / self.other, bytes(data))
        elif self.kind == "delete":
            path.unlink()
        elif self.kind == "empty" or not data:
            _put(path, b"")
        elif self.kind == "truncate":
            _put(path, bytes(data[: chance.randrange(len(data))]))
        else:
            place = chance.randrange(len(data) * 8)
            data[place // 8] ^= 1 << place % 8
            _put(path, bytes(data))


@dataclass(frozen=True)
class Outcome:
    """What became of a damage: the first answer, and that after running again."""

    damage: Damage
    command: str
    first: str
    last: str
    message: str = ""


def _put(path: Path, data: bytes) -> None:
    path.unlink(missing_ok=True)
    path.write_bytes(data)


def request(sets: str, seed: int) -> dict[str, Any]:
    """A run that takes seconds."""
    return {
        "source": f"sample:rows=2000,seed={seed}",
        "sets": [name for name in sets.split(",")],
        "overrides": {"train.epochs": 1},
        "promotion": "auto",
    }


class Finished:
    """A store after two runs, with its cache."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.run("quick_mlp")
        self.run("quick_mlp,quick_cnn")
        self._add_small_objects()
        self.expected = {name: command(self) for name, command in COMMANDS.items()}

    @property
    def settings(self) -> Settings:
        """The settings of this store."""
        return settings_of(self.root)

    def run(self, sets: str = "quick_mlp,quick_cnn") -> Any:
        """Run the pipeline."""
        return run_again(self.settings, sets)

    def _add_small_objects(self) -> None:
        from meli_tasks.artifacts import paths
        from meli_tasks.artifacts.manifest import find
        from meli_tasks.execution.stop_requests import StoredStopRequests
        from meli_tasks.planning.history import plans
        from meli_tasks.sets import stored

        store = self.settings.open_store()
        stored.write(store, "mine", {"extends": "quick_mlp", "title": "mine"}, {"by": "a test"})
        step = plans(store)[0].sets["quick_mlp"]
        assert find(store, "train", step.key)
        StoredStopRequests(store, "train", step.key, "another run").request("somebody")
        store.write(paths.newest_checkpoint("train", step.key), b'{"file": "gone", "sha256": "00"}')
        store.write(paths.pending("training", "0" * 24), b'{"kind": "report", "plan": "plans/none/none.json"}')


def settings_of(root: Path) -> Settings:
    """The settings of a store and a cache below `root`."""
    values = {
        "MELI_STORE": (root / "store").as_uri(),
        "MELI_CACHE": str(root / "cache"),
        "MELI_HOME": str(root),
        "MELI_DEVICE": "cpu",
        "MELI_THREADS": "1",
    }
    return Settings.from_environment(values)


def run_again(settings: Settings, sets: str = "quick_mlp,quick_cnn", seed: int = 1) -> Any:
    """Run the same request again: its figures, and the champion after it."""
    from meli_tasks.local_run import LocalRun, new_run_id

    class Silent:
        def __getattr__(self, name: str) -> Callable[..., None]:
            return lambda *args, **options: None

    run = LocalRun(Silent(), new_run_id(), settings)  # type: ignore[arg-type]
    if not REPORTS.get():
        run.pipeline.report = lambda plan: ""  # type: ignore[method-assign]
    run.go(request(sets, seed), DAY, "promote")
    if run.failed:
        raise MeliError("; ".join(run.failed.values()))
    assert run.decision is not None
    figures = {label: found.balanced_accuracy for label, found in run.scores.items()}
    champion = run.decision.champion
    return {
        "figures": _by_ref(run.plan, figures),
        "champion": str(champion.ref) if champion else "",
        "action": run.decision.action,
        "reason": run.decision.reason,
    }


def _by_ref(plan: Any, figures: Mapping[str, float]) -> dict[str, float]:
    """Figures by label; that of the champion comes under a label that depends on how it is named."""
    return {label.removesuffix(" (champion)"): value for label, value in figures.items()}


def _run(store: Finished | Copy) -> Any:
    return run_again(store.settings)


def _champion(store: Finished | Copy) -> Any:
    from meli_tasks.champion import champion_model
    from meli_tasks.ledger import Ledger

    ledger = Ledger(store.settings.open_store())
    last = ledger.last()
    found = champion_model(ledger, last)
    if found is None or last is None:
        return None
    if found.problem:
        raise MeliError(found.problem)
    made = ledger.made_champion(last)
    assert found.model is not None
    return {
        "champion": found.champion.model_dump(mode="json"),
        "made": made.model_dump(mode="json"),
        "seconds": found.model.seconds,
    }


def _predict(store: Finished | Copy) -> Any:
    from meli_tasks.prediction.models import find_model, load

    opened = store.settings.open_store()
    model = find_model(opened)
    if model.warning:
        raise MeliError(model.warning)
    indices, probabilities = load(store.settings, opened, model).rank(TITLES, 3)
    return [indices.tolist(), [[round(float(one), 5) for one in row] for row in probabilities]]


def _pages(store: Finished | Copy) -> Any:
    from meli_tasks.pages.pages import Pages
    from meli_tasks.pages.runs import RunFilter

    page = Pages.of(store.settings).models(RunFilter())
    shown: dict[str, Any] = {row.id: row.model_dump(mode="json") for row in page.rows}
    if page.champion:
        shown["champion"] = page.champion.model_dump(mode="json")
    if page.champion_unknown or page.skipped.count:
        shown["said"] = [page.champion_unknown, *(one.reason for one in page.skipped.first)]
    return shown


def _doctor(store: Finished | Copy) -> Any:
    from meli_tasks.cli.champion_checks import champion

    failed = [check for check in champion(store.settings) if check.state == "failed"]
    if failed:
        raise MeliError("; ".join(f"{check.observed} {check.advice}" for check in failed))
    return "ok"


COMMANDS: dict[str, Callable[[Any], Any]] = {
    "run": _run,
    "champion": _champion,
    "predict": _predict,
    "pages": _pages,
    "doctor": _doctor,
}


@dataclass(frozen=True)
class Copy:
    """A copy of a finished store, made of links."""

    root: Path

    @property
    def settings(self) -> Settings:
        """Its settings."""
        return settings_of(self.root)

    def spoil_champion(self, damage: str) -> None:
        """Damage the champion's model, and leave nothing of it in the cache."""
        from meli_tasks.ledger import Ledger

        champion = Ledger(self.settings.open_store()).champion()
        assert champion is not None
        [folder] = (self.root / "store").glob(f"*/{champion.train}")
        shutil.rmtree(self.root / "cache")
        [weights] = folder.glob("*/model.safetensors")
        if damage == "deleted":
            weights.unlink()
        elif damage == "flipped":
            Damage("flip", weights.relative_to(self.root).as_posix()).apply(self.root, random.Random(1))
        else:
            _put(folder / "manifest.json", b"")

    def verify(self, *, repair: bool) -> list[str]:
        """What is damaged; with `repair`, what could not be mended."""
        from meli_tasks.execution.runner import Runner
        from meli_tasks.integrity import Repair, Verification

        runner = Runner(self.settings)
        found = Verification(runner.store, runner.cache).run().findings
        if not repair:
            return [finding.name for finding in found]
        return [each.finding.name for each in Repair(runner).run(found) if each.advice]

    @classmethod
    @contextlib.contextmanager
    def of(cls, finished: Finished, folder: Path) -> Iterator[Copy]:
        """A copy below `folder`, removed afterwards."""
        root = Path(tempfile.mkdtemp(dir=folder))
        try:
            for part in ("store", "cache"):
                shutil.copytree(finished.root / part, root / part, copy_function=os.link)
            yield cls(root)
        finally:
            shutil.rmtree(root, ignore_errors=True)


def damage_of(finished: Finished, chance: random.Random) -> Damage:
    """A damage to a random object: of the ledger in a tenth of all cases, of the cache in a fifth."""
    below = sorted(
        path.relative_to(finished.root).as_posix()
        for part in ("store", "cache")
        for path in (finished.root / part).rglob("*")
        if path.is_file() and "/.store/" not in path.as_posix() and "/work/" not in path.as_posix()
    )
    where = chance.choices(["ledger", "cache", "store"], [1, 2, 7])[0]
    prefix = {"ledger": "store/ledger", "cache": "cache/", "store": "store/"}[where]
    files = [name for name in below if name.startswith(prefix)]
    file = chance.choice(files)
    kind = chance.choice(KINDS)
    if kind != "swap":
        return Damage(kind, file)
    similar = [name for name in files if name != file and name.split("/")[:2] == file.split("/")[:2]]
    alike = [name for name in similar if Path(name).suffix == Path(file).suffix]
    return Damage("swap", file, chance.choice(alike)) if alike else Damage("flip", file)


def outcome(finished: Finished, folder: Path, seed: int, number: int) -> Outcome:
    """Damage a copy of a store, and classify what a command makes of it, first and after running again."""
    chance = random.Random(f"{seed}-{number}")
    damage = damage_of(finished, chance)
    command = chance.choice(list(COMMANDS))
    with Copy.of(finished, folder) as copy:
        damage.apply(copy.root, chance)
        first, message = classify(finished, copy, command)
        if first in ("wrong", "crash"):
            return Outcome(damage, command, first, first, message)
        again, said = classify(finished, copy, "run")
        if again in ("wrong", "crash"):
            return Outcome(damage, "run", first, again, said)
        last, said = classify(finished, copy, command if command != "pages" else "champion")
        return Outcome(damage, command, first, last, said or message)


def classify(finished: Finished, copy: Copy, command: str) -> tuple[str, str]:
    """Whether a command gave the same result, a clear error, a wrong result, or crashed; and its message."""
    try:
        found = COMMANDS[command](copy)
    except MeliError as error:
        named = NAMES_A_COMMAND.search(str(error))
        return ("error" if named else "unclear"), str(error)
    except Exception as error:  # noqa: BLE001 this is what is counted
        return "crash", f"{type(error).__name__}: {error}"
    expected = finished.expected[command]
    if command == "pages":
        return _same_page(found, expected)
    if command == "run":  # the decision's reason speaks of the decisions before it
        found, expected = ({key: each[key] for key in ("figures", "champion")} for each in (found, expected))
    if command in ("champion", "run"):
        found, expected = json.loads(json.dumps([found, expected]))
    return ("same", "") if found == expected else ("wrong", f"{str(found)[:300]} instead of {str(expected)[:300]}")


def _same_page(found: Mapping[str, Any], expected: Mapping[str, Any]) -> tuple[str, str]:
    """What a page leaves out it must say; what it shows must be right."""
    said = found.get("said")
    changed = [name for name in found if name in expected and name != "said" and found[name] != expected[name]]
    missing = expected.keys() - found.keys()
    if (changed or missing) and not said:
        return "wrong", f"the page does not say why these differ: {changed or sorted(missing)}"
    return ("error" if said else "same"), str(said or "")


def echo(*parts: object) -> None:
    """Print a line at once, as a long run may be stopped."""
    sys.stdout.write(" ".join(map(str, parts)) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Try damages, and print what became of them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--damages", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0)
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    REPORTS.set(True)
    with tempfile.TemporaryDirectory() as folder:
        finished = Finished(Path(folder) / "finished")
        counts: dict[str, Counter[str]] = {}
        for number in range(options.first, options.first + options.damages):
            found = outcome(finished, Path(folder), options.seed, number)
            where = found.damage.file.split("/")[0] if "ledger" not in found.damage.file else "ledger"
            counts.setdefault(where, Counter())[f"{found.first} -> {found.last}"] += 1
            if {found.first, found.last} & {"wrong", "crash", "unclear"} or found.last == "error":
                echo(number, found.damage, found.command, found.first, found.last, found.message[:300])
        for where, each in counts.items():
            echo(where, dict(each.most_common()))


if __name__ == "__main__":
    main()
