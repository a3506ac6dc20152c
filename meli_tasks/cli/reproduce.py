"""`meli reproduce`: how to compute a model again, what differs since, and whether the same comes out."""

from __future__ import annotations

import json
import shlex
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from meli_tasks.cli.console import Json, echo, err, out, print_json, table, warn
from meli_tasks.core.errors import BadData
from meli_tasks.wording import count

if TYPE_CHECKING:
    from meli_tasks.reproduction.comparison import Comparison
    from meli_tasks.reproduction.differences import Difference
    from meli_tasks.reproduction.origin import Origin
    from meli_tasks.settings import Settings
    from meli_tasks.store import Store

EXAMPLES = (
    "meli reproduce",
    "meli reproduce 7 --run",
    "meli reproduce --decision 12",
    "meli reproduce 3f2a91c04d --run --json",
)
DAG = "meli_training"
_VERSION_DIGITS = 5
"""Digits of a version in MLflow at most; a longer number begins a model's key."""
_NO_LINK = "Airflow 3.3 has no link that fills in its trigger form. Paste this into the form's Configuration JSON:"
_RUN_PAGE = "Or open the run's page, whose 'Trigger again with this config' fills in the form as it was:"
_REST = "Or start the run by Airflow's API, with a token from POST /auth/token:"


def reproduce(
    version: Annotated[
        str,
        typer.Argument(
            metavar="VERSION",
            help="The model: a version in MLflow, a model's key (KEY or KEY@SHA256, or how it begins), or `champion`.",
        ),
    ] = "champion",
    decision: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="NUMBER",
            help="The champion after this decision, instead of VERSION; `meli runs` lists the decisions.",
            show_default=False,
        ),
    ] = None,
    run: Annotated[
        bool, typer.Option("--run", help="Compute the model again in a temporary store, and compare.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show how to compute a model again, and what differs since; with --run, do it and compare.

    The command and the configuration of the DAG run have every parameter as it was. --run computes everything again,
    from the source on, in a temporary store: nothing changes in the real one. On the CPU the model must be the same to
    the last bit; it exits with code 1 if anything differs.
    """
    from meli_tasks.reproduction.differences import differences
    from meli_tasks.settings import Settings

    settings = Settings.from_environment()
    store = settings.open_store()
    origin = _origin(store, settings, version, decision)
    found = differences(origin, settings)
    if not as_json:
        _show(origin, settings, found)
    comparison = _compute(origin, settings, store, found) if run else None
    if as_json:
        print_json(_document(origin, settings, found, comparison))
    elif comparison:
        _show_comparison(comparison)
    if comparison and not comparison.equal:
        raise typer.Exit(1)


def _origin(store: Store, settings: Settings, version: str, decision: int | None) -> Origin:
    from meli_tasks.artifacts.manifest import need_model
    from meli_tasks.prediction.models import find_model
    from meli_tasks.reproduction.origin import CHAMPION, origin_of_decision, origin_of_model

    if decision is not None:
        return origin_of_decision(store, decision)
    if version == CHAMPION:
        found = find_model(store)
        if found.warning:
            warn(found.warning)
        return origin_of_model(store, found.manifest)
    if version.isdecimal() and len(version) <= _VERSION_DIGITS:
        from meli_tasks.tracking.client import sign_in
        from meli_tasks.tracking.model_versions import model_of_version

        sign_in(settings)
        ref = model_of_version(settings.mlflow_uri, settings.registered_model, version)
        return origin_of_model(store, need_model(store, ref.key, ref.sha256))
    return origin_of_model(store, find_model(store, key=version).manifest)


def _compute(origin: Origin, settings: Settings, store: Store, found: list[Difference]) -> Comparison:
    """Compute the model again, and compare.

    Raises:
        BadData: the source is another one now.
    """
    from meli_tasks.reproduction.again import compute_again
    from meli_tasks.reproduction.comparison import compare

    if fatal := [each for each in found if each.fatal]:
        changed = "; ".join(f"{each.what} was {each.then} and is now {each.now}" for each in fatal)
        raise BadData(
            f"The model {origin.model.key[:8]} cannot be computed again, because it was made from other content, or an "
            f"earlier version identified the content in another way: {changed}. Restore what it was made from, and run "
            "this again."
        )
    progress = err()
    again = compute_again(
        origin, settings, lambda stage, name: progress.print(f"computing {stage} {name} ...", markup=False)
    )
    return compare(origin, again, store)


def _show(origin: Origin, settings: Settings, found: list[Difference]) -> None:
    from meli_tasks.planning.command import lacks_secrets, run_command

    model, plan = origin.model, origin.plan
    decided = f", promoted by decision {origin.decision}" if origin.decision else ""
    echo(f"model    {origin.label} {model.key}")
    echo(f"         sha256 {model.model_sha256}")
    trained_by = model.run_id or plan.run_id
    reused = f", reused by {plan.run_id}" if plan.run_id != trained_by else ""
    echo(f"trained  {model.at[:16].replace('T', ' ')} by {trained_by}{reused}{decided}")
    echo("")
    echo("command")
    echo(f"  {run_command(plan)}")
    echo("")
    echo(_NO_LINK)
    echo(f"  {_conf(origin)}")
    if plan.dag_run_url:
        echo(_RUN_PAGE)
        echo(f"  {plan.dag_run_url}")
    echo(_REST)
    echo(f"  {_request(origin, settings)}")
    if lacks_secrets(plan):
        warn("add the user, password or signature of the source's address to the command and the configuration.")
    echo("")
    if not found:
        echo("Nothing that was recorded differs from then.")
        return
    listing = table(f"{count(len(found), 'difference')} between then and now")
    for column in ("what", "then", "now"):
        listing.add_column(column, overflow="fold")
    for each in found:
        listing.add_row(each.what, each.then, each.now)
    out().print(listing)


def _show_comparison(comparison: Comparison) -> None:
    differing = [figure for figure in comparison.figures if not figure.equal]
    shown = differing or comparison.figures
    listing = table("what differs" if differing else "the same, to the last digit")
    for column in ("figure", "then", "again") if differing else ("figure", "value"):
        listing.add_column(column, overflow="fold")
    for figure in shown:
        listing.add_row(*((figure.what, figure.then, figure.now) if differing else (figure.what, figure.then)))
    out().print(listing)
    if comparison.not_compared:
        warn(comparison.not_compared)
    total = count(len(comparison.figures), "figure")
    echo(f"Different: {len(differing):,} of {total}." if differing else f"Reproduced: all {total} are the same.")


def _conf(origin: Origin) -> str:
    from meli_tasks.planning.command import trigger_conf

    return json.dumps(trigger_conf(origin.plan), ensure_ascii=False)


def _request(origin: Origin, settings: Settings) -> str:
    """The call of Airflow's API that starts the DAG run."""
    address = settings.airflow_url or "http://localhost:8080"
    body = json.dumps({"logical_date": None, "conf": json.loads(_conf(origin))}, ensure_ascii=False)
    words = ["curl", "-X", "POST", f"{address}/api/v2/dags/{DAG}/dagRuns", "-H", "Content-Type: application/json"]
    return f'{shlex.join(words)} -H "Authorization: Bearer $TOKEN" -d {shlex.quote(body)}'


def _document(
    origin: Origin, settings: Settings, found: list[Difference], comparison: Comparison | None
) -> dict[str, object]:
    from meli_tasks.planning.command import run_command, trigger_conf

    model = origin.model
    fields: dict[str, object] = {
        "label": origin.label,
        "model": model.key,
        "sha256": model.model_sha256,
        "trained": model.at,
        "run_id": model.run_id or origin.plan.run_id,
        "plan": origin.plan.name,
        "decision": origin.decision,
        "command": run_command(origin.plan),
        "conf": trigger_conf(origin.plan),
        "request": _request(origin, settings),
        "dag_run_url": origin.plan.dag_run_url,
        "differences": [asdict(each) for each in found],
    }
    if comparison:
        fields["equal"] = comparison.equal
        fields["figures"] = [{**asdict(figure), "equal": figure.equal} for figure in comparison.figures]
        fields["not_compared"] = comparison.not_compared
    return fields
