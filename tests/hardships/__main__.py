"""`python -m tests.hardships KINDS --times N --seed S [--s3]`: figures for docs/reliability.md."""

from __future__ import annotations

import argparse
import logging
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from tests import servers
from tests.hardships.forked import import_everything
from tests.hardships.kinds import KINDS
from tests.hardships.runs import Place, Tally


def echo(line: str) -> None:
    """Print a line and flush it, since a long run may be stopped."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    """Try kinds of hardship some times each, and print what came of them; 1 if anything was wrong or left behind."""
    parser = argparse.ArgumentParser()
    parser.add_argument("kinds", nargs="+", choices=KINDS)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--s3", action="store_true", help="the store is a real S3 server, and not a folder")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    import_everything()
    tallies = [_try(kind, options.times, options.seed, s3=options.s3) for kind in options.kinds]
    return any(tally.wrong or tally.left for tally in tallies)


def _try(kind: str, times: int, seed: int, *, s3: bool) -> Tally:
    """Try a kind of hardship with servers and a folder of its own."""
    began = time.monotonic()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="meli-hardships-")))
        values: dict[str, str] = {}
        if s3 or kind == "faults":
            server = stack.enter_context(servers.s3(folder / "s3"))
            values = {**server.environment, "MELI_STORE": f"s3://{server.bucket}/runs"}
        if kind.startswith("mlflow"):
            values["MLFLOW_TRACKING_URI"] = stack.enter_context(servers.mlflow(folder / "mlflow")).url
        (folder / "undisturbed").mkdir()
        own = {**values, "MELI_STORE": f"{values['MELI_STORE']}/undisturbed"} if "MELI_STORE" in values else values
        tally = Tally.begin(Place(folder / "undisturbed", own))
        echo(f"an undisturbed run: {len(tally.expected['files'])} files, {tally.cpu_seconds:.1f} CPU-seconds")
        KINDS[kind](tally, folder, times, seed, echo, values)
    echo(
        f"{kind}: {tally.right} runs right, {len(tally.wrong)} wrong, {tally.refused} refused before, "
        f"{tally.left} left something behind; {time.monotonic() - began:.0f} s"
    )
    return tally


if __name__ == "__main__":
    sys.exit(main())
