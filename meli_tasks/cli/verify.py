"""`meli verify`: find damage in the store, the ledger, the registry of MLflow and the cache, and mend it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from meli_tasks.cli.console import Json, err, out, print_json

if TYPE_CHECKING:
    from meli_tasks.integrity.repair import Mended
    from meli_tasks.integrity.verify import Checked, Progress
    from meli_tasks.settings import Settings

EXAMPLES = ("meli verify", "meli verify --repair", "meli verify train/3f2a --repair", "meli verify ledger/ --json")
REGISTRY = "registry"


def verify(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[NAME]...",
            help="Check only objects whose names in the store start with this, such as train/3f2a or ledger/.",
            show_default=False,
        ),
    ] = None,
    repair: Annotated[
        bool,
        typer.Option(
            "--repair",
            help="Mend what is damaged: restore decisions from their copies, compute artifacts again, and quarantine "
            "what cannot be computed again.",
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Read everything in the store, the ledger and the local cache, and report what is damaged, missing or swapped.

    Without names, it also compares MLflow's registered versions with the ledger. Nothing is changed without `--repair`.
    What that replaces or removes is quarantined below damaged/ in the store. A repair may train models, which takes as
    long as it took the first time.

    Exits with code 1 if something is damaged, or if `--repair` leaves something for a person to do.
    """
    from meli_tasks.execution.runner import Runner
    from meli_tasks.integrity import Repair, Verification
    from meli_tasks.integrity.repair import Mended
    from meli_tasks.settings import Settings

    settings = Settings.from_environment()
    runner = Runner(settings, run_id="meli verify")
    with _progress(as_json) as progress:
        checked = Verification(runner.store, runner.cache, names or (), progress).run()
    mended: list[Mended] = []
    for each in Repair(runner).run(checked.findings) if repair else map(Mended, checked.findings):
        mended.append(each)
        if not as_json:
            _show(each, repair=repair)
    problems = [] if names else _registry_problems(settings)
    open_ones = [each for each in mended if not each.done or each.advice]
    if as_json:
        print_json(_to_json(checked, mended, problems))
    else:
        _summarize(checked, mended, problems, runner.store.url)
    if open_ones or problems:
        raise typer.Exit(1)


@contextmanager
def _progress(quiet: bool) -> Iterator[Progress]:
    """Displays the progress of a check on a terminal."""
    if quiet or not err().is_terminal:
        yield lambda done, total, name: None
        return
    with err().status("Checking ...") as status:
        yield lambda done, total, name: status.update(f"Checking {done:,} of {total:,}: {name[:80]}")


def _registry_problems(settings: Settings) -> list[str]:
    """How MLflow's registry differs from the ledger; empty without MLflow."""
    from meli_tasks.cli.champion_checks import champion

    if not settings.mlflow_uri:
        return []
    found = [check for check in champion(settings) if check.name != "champion" and check.state == "failed"]
    return [f"{check.observed} {check.advice}".strip() for check in found]


def _show(each: Mended, *, repair: bool) -> None:
    finding = each.finding
    state = ("mended" if each.done and not each.advice else "open") if repair else "damaged"
    out().print(f"{state:<8} {finding.name}: {finding.reason}", markup=False, highlight=False)
    for line in (each.done, each.advice):
        if line:
            out().print(f"         -> {line}", markup=False, highlight=False)


def _summarize(checked: Checked, mended: Sequence[Mended], problems: Sequence[str], url: str) -> None:
    from meli_tasks.wording import count

    for problem in problems:
        out().print(f"{REGISTRY:<8} {problem}", markup=False, highlight=False)
    damaged = count(len(checked.findings), "object") if checked.findings else "nothing"
    line = f"{url}: {count(checked.objects, 'object')}, {checked.bytes / 1e6:,.1f} MB; {damaged} damaged"
    if checked.without_digest:
        line += (
            f". {count(checked.without_digest, 'object')} written without a digest by an earlier version could only be "
            "parsed"
        )
    out().print(f"{line}.", markup=False, highlight=False)
    if checked.findings and not any(each.done for each in mended):
        out().print("`meli verify --repair` mends what can be mended.", markup=False)


def _to_json(checked: Checked, mended: Sequence[Mended], problems: Sequence[str]) -> dict[str, Any]:
    return {
        "objects": checked.objects,
        "bytes": checked.bytes,
        "without_digest": checked.without_digest,
        "damaged": [
            {
                "kind": each.finding.kind,
                "name": each.finding.name,
                "reason": each.finding.reason,
                "done": each.done,
                "advice": each.advice,
            }
            for each in mended
        ],
        "registry": list(problems),
    }
