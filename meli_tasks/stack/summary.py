"""The summary of a run: its sets by balanced accuracy, the champion, and where to find more."""

from __future__ import annotations

import time

from rich.console import Console
from rich.markup import escape
from rich.text import Text

from meli_tasks.artifacts.manifest import find, find_model
from meli_tasks.core.errors import MeliError
from meli_tasks.core.stage_parameters import TEST_SPLIT
from meli_tasks.http import Answer, Client, NoAnswer
from meli_tasks.ledger import Ledger
from meli_tasks.planning.evaluation import EvaluationReport
from meli_tasks.run_outcome import unused_by
from meli_tasks.settings import Settings
from meli_tasks.stack.services import USER, Stack
from meli_tasks.stack.watch import DAG, Task, Watch
from meli_tasks.stages.summaries import IngestSummary
from meli_tasks.store import Store
from meli_tasks.terminal import Column, Listing
from meli_tasks.tracking.agreement import findings
from meli_tasks.tracking.outbox import Tracking
from meli_tasks.tracking.patience import QUICK
from meli_tasks.wording import duration

SECONDS_TO_LOAD = 60.0  # it looks for a new champion every five, and loads one in two
POLL_SECONDS = 0.5


def show_leaderboard(console: Console, watch: Watch, store: Store, tasks: list[Task]) -> None:
    """Print the trained sets of the run, the best first, and then those that failed."""
    plan = watch.plan()
    evaluated = watch.evaluated()
    report = EvaluationReport.load(store, plan.name) if plan else None
    if evaluated is None or report is None:
        return
    evaluations = [(label, found) for label, found in report.scores.items() if label in evaluated.models]
    hits = {task.name: task.hit for task in tasks if task.task.startswith("train_")}
    measured = f"all titles by {report.folds} folds" if report.folds > TEST_SPLIT else "the test titles"
    title = f"Leaderboard: balanced accuracy on {measured}"
    names = ("balanced accuracy", "95 % interval", "training time", "top 5")
    figures = [Column(name, justify="right", rank=rank) for rank, name in enumerate(names)]
    listing = Listing([Column("set"), *figures, Column("")], title)
    for label, evaluation in sorted(evaluations, key=lambda item: -item[1].balanced_accuracy):
        low, high = evaluation.interval
        ref = evaluated.ref(label)
        manifest = find_model(store, ref.key, ref.sha256)
        seconds = duration(manifest.seconds) if manifest else ""
        about = "previous champion" if label == evaluated.champion else ""
        about = "reused" if hits.get(label) else about
        top5 = "-" if evaluation.top5 is None else f"{evaluation.top5:.4f}"
        interval = f"{low:.4f}-{high:.4f}"
        listing.add(label, f"{evaluation.balanced_accuracy:.4f}", interval, seconds, top5, Text(about, style="dim"))
    console.print()
    console.print(listing)
    for task in tasks:
        if task.state == "failed":
            console.print(f"[red]failed[/] {escape(task.label)}: {escape(task.message)}", highlight=False)


def show_champion(console: Console, store: Store) -> None:
    """Print the current champion, and the reason of the last decision."""
    last = Ledger(store).last()
    if last is None or last.champion is None:
        console.print("\n[bold]Champion: none yet[/]")
        return
    champion = last.champion
    words = f"{escape(champion.set_name)}, balanced accuracy {champion.described_figure}"
    console.print(f"\n[bold]Champion: {words}[/]", highlight=False)
    console.print(escape(last.reason), highlight=False, soft_wrap=True)


def show_registration(console: Console, settings: Settings, store: Store) -> None:
    """Print where MLflow's registry does not agree with the ledger, and what to do; nothing if it does."""
    try:
        found = [one for one in findings(Ledger(store), Tracking.of(settings, store, QUICK)) if not one.agrees]
    except MeliError as error:
        console.print(f"[yellow]It is unknown whether MLflow has the champion:[/] {escape(str(error))}", soft_wrap=True)
        return
    for one in found:
        text = f"[yellow]MLflow does not follow:[/] {escape(one.observed)}. {escape(one.advice)}"
        console.print(text, highlight=False, soft_wrap=True)
    if found:
        console.print("Why is in the log of the task promote, as a warning.", highlight=False)


def show_unused_rows(console: Console, watch: Watch, store: Store) -> None:
    """Print how many rows of the source were not used, why, where they are listed, and what else is worth a note."""
    plan = watch.plan()
    ingested = find(store, "ingest", plan.ingest.key) if plan else None
    if ingested is None:
        return
    for line in filter(None, (unused_by(ingested, store.url), *ingested.read_summary(IngestSummary).notes())):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def show_links(console: Console, stack: Stack, watch: Watch, run: str, *, has_champion: bool) -> None:
    """Print the addresses, how to sign in, how to ask for categories, and how to stop the stack."""
    evaluated = watch.evaluated()
    for line in (
        "",
        f"Airflow  {stack.airflow_url}/dags/{DAG}/runs/{run}",
        f"         {sign_in_line(stack.secrets.airflow_password)}",
        f"MLflow   {(evaluated and evaluated.mlflow) or stack.mlflow_url}",
        f"         {sign_in_line(stack.secrets.mlflow_password)}",
        f"Service  {stack.serving_url}/docs",
        "",
        'Try it:   .venv/bin/meli predict "Funda Silicona Iphone 11"',
        *ask_lines(stack.serving_url, has_champion=has_champion),
        "Stop it:  make stop",
    ):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def ask_lines(url: str, *, has_champion: bool) -> list[str]:
    """How to ask the service, once it can answer; or why it cannot."""
    if problem := service_problem(url, SECONDS_TO_LOAD if has_champion else 0.0):
        return [f"          {url} does not classify titles yet: {problem}"]
    return [f"""HTTP:     curl -s {url}/predict -d '{{"title": "Funda Silicona Iphone 11"}}'"""]


def service_problem(url: str, seconds: float) -> str:
    """Why the service has no model once it has had time to load one; empty if it has one."""
    deadline = time.monotonic() + seconds
    while True:
        problem = _unready(url)
        if not problem or time.monotonic() >= deadline:
            return problem
        time.sleep(POLL_SECONDS)


def _unready(url: str) -> str:
    try:
        with Client(2.0, 2.0) as client:
            answer = client.request("GET", f"{url}/health/ready")
    except NoAnswer as error:
        return str(error)
    return "" if answer.ok else _detail(answer)


def _detail(answer: Answer) -> str:
    """Why the service is not ready, in its own words, or in those of whatever answers at its port."""
    try:
        body = answer.json()
    except ValueError:
        body = None
    return str(body.get("detail", answer.reason)) if isinstance(body, dict) else f"{answer.status} {answer.reason}"


def sign_in_line(password: str) -> str:
    """How to sign in to Airflow or MLflow, which have a password each."""
    return f"sign in as {USER} with the password {password}"


def show_failure(console: Console, watch: Watch, tasks: list[Task]) -> None:
    """Print the error of the first task that failed, and where its log is."""
    failed = sorted((task for task in tasks if task.state == "failed"), key=lambda task: task.ended)
    if not failed:
        console.print("[red]The run failed[/], but none of its tasks did: it was stopped from outside.")
        return
    first = failed[0]
    console.print(f"\n[red bold]{escape(first.label)} failed:[/] {escape(first.message)}", highlight=False)
    console.print(f"Its log: {watch.log_file(first)}", markup=False, highlight=False, soft_wrap=True)
    for task in failed[1:]:
        console.print(f"then {task.label} failed: {task.message}", markup=False, highlight=False)
