"""Damages a finished store, one object at a time, and checks how the commands react.

`make test` tries a few; `python -m tests.damage --damages 2000` tries as many as requested, and
prints the outcomes by the place of the damage. The seed and its number determine each damage.
"""

from __future__ import annotations

import argparse
import json
import logging
import random
import re
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from meli_tasks.core.errors import MeliError
from tests.damage_commands import COMMANDS, REPORTS
from tests.finished_store import Copy, Finished

WITH_REPORTS = 20
"""One in so many damages is tried with reports, whose charts take three quarters of the time of a run."""
BAD = {"wrong", "crash", "unclear"}
HEALED = 0.95
"""The fraction of all damages that an ordinary run must heal; the others must name the command that mends."""
KINDS = ("flip", "truncate", "delete", "swap", "empty")
NAMES_A_COMMAND = re.compile(r"`meli |run again|`force`|clear the task|read it again", re.IGNORECASE)


@dataclass(frozen=True)
class Damage:
    """What is done to a file."""

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
    """The outcome of a damage: how the command reacted at first, and after running again."""

    damage: Damage
    command: str
    first: str
    last: str
    message: str = ""


def _put(path: Path, data: bytes) -> None:
    path.unlink(missing_ok=True)
    path.write_bytes(data)


def spoil_champion(copy: Copy, damage: str) -> None:
    """Damage the champion's model in the store, and empty the cache."""
    from meli_tasks.ledger import Ledger

    champion = Ledger(copy.settings.open_store()).champion()
    assert champion is not None
    [folder] = (copy.root / "store").glob(f"*/{champion.train}")
    shutil.rmtree(copy.root / "cache")
    if damage == "manifest":
        _put(folder / "manifest.json", b"")
        return
    assert damage == "flipped", damage
    [weights] = folder.glob("*/model.safetensors")
    Damage("flip", weights.relative_to(copy.root).as_posix()).apply(copy.root, random.Random(1))


def damage_of(finished: Finished, chance: random.Random) -> Damage:
    """A damage to a random object: of the ledger in a tenth of all cases, of the cache in a fifth."""
    below = sorted(
        path.as_posix()
        for part in ("store", "cache")
        for path in (each.relative_to(finished.root) for each in (finished.root / part).rglob("*") if each.is_file())
        if not {".store", "work"} & set(path.parts)
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
    """Damage a copy of a store, and classify how a command reacts, at first and after running again."""
    chance = random.Random(f"{seed}-{number}")
    damage = damage_of(finished, chance)
    command = chance.choice(list(COMMANDS))
    with Copy.of(finished, folder) as copy:
        damage.apply(copy.root, chance)
        first, message = classify(finished, copy, command)
        if first in ("wrong", "crash"):
            return Outcome(damage, command, first, first, message)
        again, later = classify(finished, copy, "run")
        if again in ("wrong", "crash"):
            return Outcome(damage, "run", first, again, later)
        last, later = classify(finished, copy, command if command != "pages" else "champion")
        return Outcome(damage, command, first, last, later or message)


def classify(finished: Finished, copy: Copy, command: str) -> tuple[str, str]:
    """Whether a command gave the same result, a clear error, a wrong result, or crashed; and its message."""
    try:
        found = COMMANDS[command](copy)
    except MeliError as error:
        named = NAMES_A_COMMAND.search(str(error))
        return ("error" if named else "unclear"), str(error)
    except Exception as error:  # noqa: BLE001 crashes are what is counted
        return "crash", f"{type(error).__name__}: {error}"
    expected = finished.expected[command]
    if command == "pages":
        return _same_page(found, expected)
    if command == "run":  # the decision's reason mentions the decisions before it
        found, expected = ({key: each[key] for key in ("figures", "champion")} for each in (found, expected))
    if command in ("champion", "run"):
        found, expected = json.loads(json.dumps([found, expected]))
    return ("same", "") if found == expected else ("wrong", f"{str(found)[:300]} instead of {str(expected)[:300]}")


def _same_page(found: Mapping[str, Any], expected: Mapping[str, Any]) -> tuple[str, str]:
    """A page must name what it leaves out, and what it displays must be right."""
    reasons = found.get("reasons")
    changed = [name for name in found if name in expected and name != "reasons" and found[name] != expected[name]]
    missing = expected.keys() - found.keys()
    if (changed or missing) and not reasons:
        return "wrong", f"the page does not say why these differ: {changed or sorted(missing)}"
    return ("error" if reasons else "same"), str(reasons or "")


def echo(*parts: object) -> None:
    """Print a line and flush it, since a long run may be stopped."""
    sys.stdout.write(" ".join(map(str, parts)) + "\n")
    sys.stdout.flush()


def main() -> int:
    """Try damages, and print their outcomes; 1 if any was wrong, or too few were healed by running again."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--damages", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0)
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as folder:
        finished = Finished(Path(folder) / "finished")
        counts: dict[str, Counter[str]] = {}
        began = time.process_time()
        for number in range(options.first, options.first + options.damages):
            REPORTS.set(number % WITH_REPORTS == 0)
            found = outcome(finished, Path(folder), options.seed, number)
            where = found.damage.file.split("/")[0] if "ledger" not in found.damage.file else "ledger"
            counts.setdefault(where, Counter())[f"{found.first} -> {found.last}"] += 1
            if {found.first, found.last} & BAD or found.last == "error":
                echo(number, found.damage, found.command, found.first, found.last, found.message[:300])
        for where, each in counts.items():
            echo(where, dict(each.most_common()))
        echo(f"{(time.process_time() - began) / options.damages:.2f} CPU-seconds a damage")
    total: Counter[str] = sum(counts.values(), Counter())
    healed = sum(count for name, count in total.items() if name.endswith("-> same"))
    bad = sum(count for name, count in total.items() if set(name.split(" -> ")) & BAD)
    echo(f"{total.total()} damages: {healed} healed by running again, {bad} wrong, crashed or without advice")
    return bool(bad) or healed < HEALED * total.total()


if __name__ == "__main__":
    sys.exit(main())
