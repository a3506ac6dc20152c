"""The pages know of a run's report and of a champion's card as soon as they are in the store."""

from __future__ import annotations

from meli_tasks.artifacts import paths
from meli_tasks.pages import RunFilter
from meli_tasks.report import write_card, write_report
from tests.pages.published import Counting, evaluate, promote
from tests.pages.served import ServedPages
from tests.past_run import PastRun


def test_a_run_and_the_champion_link_to_a_report_only_if_there_is_one(store: Counting) -> None:
    run = PastRun(store)
    evaluate(run)
    promote(run, "mlp")
    assert ServedPages(store).run(run.plan.name)["has_report"] is False
    champion = ServedPages(store).models(RunFilter())["champion"]
    assert (champion["has_report"], champion["card"]) == (False, "")
    write_report(store, run.plan.name)
    write_card(store, run.trainings["mlp"].ref)
    assert ServedPages(store).run(run.plan.name)["has_report"] is True
    champion = ServedPages(store).models(RunFilter())["champion"]
    assert champion["has_report"] is True
    assert "# Model card of mlp" in champion["card"]


def test_a_card_that_cannot_be_read_is_named_and_hides_nothing(store: Counting) -> None:
    run = PastRun(store)
    evaluate(run)
    promote(run, "mlp")
    name = paths.card(str(run.trainings["mlp"].ref))
    store.write(name, b"\xff\xfe")
    page = ServedPages(store).models(RunFilter())
    assert page["champion"]["card"] == ""
    assert name in {one["name"] for one in page["skipped"]["first"]}
