"""Files and parameters of runs that are damaged or made to do harm: each is used, or refused with one of our errors.

`python -m tests.hostile_files --inputs 100000 --seed 7` tries many; `make test` tries a few hundred.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import random
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from meli_tasks import sources
from meli_tasks.core.errors import MeliError
from meli_tasks.planning.request import Request
from meli_tasks.prediction.files import predict_file
from meli_tasks.rowfiles.limits import ReadingLimits
from meli_tasks.settings import Settings
from tests.rowfiles.row_files import Recorder

LIMITS = ReadingLimits(decompressed_bytes=20_000_000, rows=200_000, batch_bytes=50_000_000, columns=1_000)
TITLES = [f"Silla número {row % 7}" for row in range(60)]
FOREIGN = pa.Array.from_buffers(pa.string(), 60, pa.array([b"Sill\xf3n"] * 60).buffers())
PIECES = (
    b'"',
    b"\r",
    b"\n",
    b"\0",
    b"\xff\xfe",
    b",",
    b"{",
    b"[" * 2_000,
    b'{"a":' * 500,
    b"x" * 140_000,
    b"\xed\xa0\x80",
)
ADDRESSES = (
    "https://[", "https://[::1", "http://host:99999/x", "https://a/%00", "https://", "s3://", "s3:///x", "s3://b/\0",
    "\0",
    "file://", "file:///proc/kmsg", "/proc/self/mem", "**/**/**/**/x", "[", "s3://[", "x" * 5_000, "sample:rows=1e99",
    "sample:seed=" + "9" * 5_000, "{ds}", "{2026-01-01..9999-12-31}", "\ud800", "https://\ud800/x", "~nobody-here/x",
    " ", "ftp://[", "s3://b/" + "*" * 200, "sample:day=\ud800",
)  # fmt: skip
DEEP: list[Any] = []
for _ in range(100_000):
    DEEP = [DEEP]
VALUES: tuple[Any, ...] = (
    DEEP, None, True, False, 0, -1, 10**30, 1e308, float("nan"), "", "\ud800", "\0", "x" * 10_000, [], {}, [True],
    [None], {"a": 1}, ["\ud800"], "mlp", ["mlp", "mlp"], "auto",
)  # fmt: skip


def _parquet(**options: Any) -> bytes:
    sink = io.BytesIO()
    more = pa.array([{"text": title, "list": [1, 2]} for title in TITLES])
    pq.write_table(pa.table({"title": TITLES, "category": FOREIGN, "more": more}), sink, **options)
    return sink.getvalue()


def originals() -> list[bytes]:
    """Files that are not damaged yet, one of each kind."""
    csv = "title,category,more\n" + "".join(f'{title},C,"a ""b"" \n c"\n' for title in TITLES)
    lines = "".join(json.dumps({"title": title, "category": "C", "more": [{"a": 1}]}) + "\n" for title in TITLES)
    tables = [_parquet(compression=codec, data_page_version=version) for codec, version in
              (("none", "1.0"), ("zstd", "2.0"), ("snappy", "1.0"))]  # fmt: skip
    return [csv.encode(), lines.encode(), *tables, gzip.compress(csv.encode()), gzip.compress(tables[0])]


def damaged(data: bytes, chance: random.Random) -> bytes:
    """The file with a few bytes changed, removed, repeated or put in."""
    changed = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(changed) + 1)
        match chance.randrange(5):
            case 0 if place < len(changed):
                changed[place] = chance.randrange(256)
            case 1:
                del changed[place : place + chance.choice((1, 4, 1_000))]
            case 2:
                changed[place:place] = changed[place : place + chance.choice((1, 30, 500))] * chance.choice((1, 50))
            case 3:
                changed[place:place] = chance.choice(PIECES)
            case _ if place < len(changed):
                changed[place] ^= 1 << chance.randrange(8)
    return bytes(changed)


def read_file(folder: Path, data: bytes, kind: str) -> None:
    """Classify the titles of a file, and copy its other columns."""
    source = folder / "in"
    source.write_bytes(data)
    predict_file(Recorder(), source, folder / f"out.{kind}", limits=LIMITS)


def conf(chance: random.Random) -> Mapping[str, Any]:
    """Parameters of a run, some of which are not what they should be."""
    names = chance.sample(
        [*Request.model_fields, "unknown", "train.epochs", "embed.path", "\ud800"], chance.randint(1, 4)
    )
    return {name: chance.choice((*VALUES, *ADDRESSES)) for name in names}


def check_conf(params: Mapping[str, Any]) -> None:
    """Check parameters as the first task of a run does, and look for their source where there is no network."""
    settings = Settings(sources="s3://nothing/ /nothing https://nothing.invalid")
    request = Request.check(params, settings)
    source = sources.identify(request.source, None, settings)
    source.identity.encode()
    request.model_dump_json()


def crash_of(action: Callable[[], None]) -> str:
    """What an action raised that is not an error of ours; empty if nothing."""
    try:
        action()
    except MeliError as error:
        return "" if len(str(error)) < 100_000 else "an error too long to read"
    except Exception as error:  # noqa: BLE001 - whatever it is
        return f"{type(error).__name__}: {str(error)[:300]}"
    return ""


def crashes(inputs: int, seed: int, report: Callable[[str], None] = lambda line: None) -> list[str]:
    """What crashed, of so many inputs; each is tried alone, and the same seed gives the same ones."""
    chance, found = random.Random(seed), list[str]()
    files = originals()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number in range(inputs):
            if number % 3 == 0:
                params = conf(chance)
                crash, what = (
                    crash_of(lambda params=params: check_conf(params)),
                    f"conf {number} with {sorted(map(ascii, params))}",
                )
            else:
                data, kind = damaged(chance.choice(files), chance), chance.choice(("csv", "jsonl", "parquet"))
                crash = crash_of(lambda data=data, kind=kind: read_file(folder, data, kind))
                what = f"file {number} to {kind}"
            if crash:
                found.append(f"{what}: {crash}")
                report(found[-1])
    return found


def main() -> int:
    """Try many inputs; exit with 1 if one crashed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    found = crashes(given.inputs, given.seed, lambda line: print(line, flush=True))  # noqa: T201
    print(f"{given.inputs:,} inputs, {len(found):,} crashes")  # noqa: T201
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
