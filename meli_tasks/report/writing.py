"""The report of a run: one HTML file that needs no network and runs no script, stored beside the run's plan."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from meli_tasks.artifacts import paths, reading
from meli_tasks.core.errors import BadData, NotFound
from meli_tasks.planning.plan import Plan
from meli_tasks.report import comparison, curves, data, quality, recipe, verdict
from meli_tasks.report.blocks import Block, Section, Text, not_available
from meli_tasks.report.material import Material
from meli_tasks.report.templating import html_report
from meli_tasks.store import Store

logger = logging.getLogger("meli_tasks")

Build = Callable[[Material], Sequence[Block]]

SECTIONS: tuple[tuple[str, str, Build], ...] = (
    ("verdict", "Verdict", verdict.verdict),
    ("leaderboard", "Leaderboard", verdict.leaderboard),
    ("curves", "Learning curves", curves.curves),
    ("categories", "Champion and challenger by category", comparison.categories),
    ("slices", "Champion and challenger by slice", comparison.slices),
    ("confusions", "Most confused categories", quality.confusions),
    ("calibration", "Calibration", quality.calibration),
    ("abstention", "Abstention", quality.abstention),
    ("suspect-labels", "Suspect labels", quality.suspect_labels),
    ("data", "Data", data.data),
    ("parameters", "Parameters that differ", recipe.parameters),
    ("reproduction", "How to reproduce", recipe.reproduction),
)


def write_report(store: Store, plan_name: str) -> str:
    """Write the report of a plan's run and return its name in the store. It replaces an earlier one.

    Only that of a pruned run stays: it has figures that cannot be read any more. Artifacts that were deleted do not
    stop it: the report says in each section what is missing.

    Raises:
        NotFound: there is no such plan.
        BadData: the plan cannot be read.
    """
    name = paths.report(plan_name)
    run = Material(store, Plan.load(store, plan_name))
    if run.pruned and load_report(store, plan_name) is not None:
        logger.info("%s stays as it is: the run was pruned on %s", name, run.pruned[:10])
        return name
    reading.write(store, name, render(run).encode())
    return name


def make_report(store: Store, plan_name: str) -> bytes:
    """The report of a plan's run, which is not stored; raises like `write_report`."""
    return render(Material(store, Plan.load(store, plan_name))).encode()


def load_report(store: Store, plan_name: str) -> bytes | None:
    """The stored report of a plan's run; None if none was written, or it was damaged since, which is logged."""
    return reading.read_again(store, paths.report(plan_name))


def pruned_on(store: Store, plan: Plan) -> str:
    """When files of a plan's run were pruned, in ISO format; empty if none were."""
    return Material(store, plan).pruned


def headline_of(store: Store, plan: Plan) -> str:
    """What a run decided and why, in one line."""
    return verdict.headline(Material(store, plan))


def render(run: Material) -> str:
    """The report as HTML."""
    sections = [_section(run, *each) for each in SECTIONS]
    if run.reader.skipped:
        listed = "; ".join(map(str, run.reader.skipped))
        sections[0] = _with_note(sections[0], f"Objects that could not be read were left out: {listed}.")
    if run.pruned:
        gone = (
            f"The run was pruned on {run.pruned[:10]}: files were deleted to save space. What needs them is left out."
        )
        sections[0] = _with_note(sections[0], gone)
    plan = run.plan
    return html_report(
        kind="report of a run",
        title=f"Run {plan.run_id}",
        subtitle=f"{plan.ingest.name}, planned on {plan.at[:16].replace('T', ' ')}, sets {', '.join(plan.sets)}",
        sections=sections,
        origin=f"{run.store.url}/{plan.name}",
        note=" Fractions are of the test titles. Every figure carries its exact value and its place in the store.",
    )


def _section(run: Material, identity: str, title: str, build: Build) -> Section:
    """A section. What was deleted or is damaged is named in it; a fault of this code is raised, so that it is seen."""
    try:
        return Section(identity, title, build(run))
    except (NotFound, BadData) as error:
        return Section(identity, title, [not_available(error)])


def _with_note(section: Section, note: str) -> Section:
    return Section(section.id, section.title, [*section.blocks, Text(note, "warning")])
