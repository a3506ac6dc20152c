"""`python -m tests.hardships KIND --times N --seed S [--s3]`: figures for docs/reliability.md."""

from __future__ import annotations

import argparse
import logging
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.hardships.forked import import_everything
from tests.hardships.kinds import KINDS
from tests.hardships.runs import Place, Tally


def echo(line: str) -> None:
    """Print a line and flush it, since a long run may be stopped."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    """Try a kind of hardship some times, and print what came of it; 1 if anything was wrong."""
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--s3", action="store_true", help="the store is a real S3 server, and not a folder")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    import_everything()
    began = time.process_time(), time.monotonic()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="meli-hardships-")))
        values: dict[str, str] = {}
        if options.s3 or options.kind == "faults":
            from tests.servers import s3

            server = stack.enter_context(s3(folder / "s3"))
            values = {**server.environment, "MELI_STORE": f"s3://{server.bucket}/runs"}
        if options.kind.startswith("mlflow"):
            from tests.servers import mlflow

            values["MLFLOW_TRACKING_URI"] = stack.enter_context(mlflow(folder / "mlflow")).url
        (folder / "undisturbed").mkdir()
        own = {**values, "MELI_STORE": f"{values['MELI_STORE']}/undisturbed"} if "MELI_STORE" in values else values
        tally = Tally.begin(Place(folder / "undisturbed", own))
        echo(f"an undisturbed run: {len(tally.expected['files'])} files, {tally.seconds:.1f} s")
        KINDS[options.kind](tally, folder, options.times, options.seed, echo, values)
    echo(
        f"{options.kind}: {tally.right} runs right, {len(tally.wrong)} wrong, {tally.refused} refused before, "
        f"{tally.left} left something behind; {time.monotonic() - began[1]:.0f} s"
    )
    return bool(tally.wrong)


if __name__ == "__main__":
    sys.exit(main())
