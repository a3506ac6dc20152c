"""The model card: its figures are those in the store, it is valid Markdown and YAML, and it comes with a promotion."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest
import yaml

from meli_tasks.artifacts import paths
from meli_tasks.artifacts.manifest import ModelRef, need, need_model
from meli_tasks.core.errors import NotFound
from meli_tasks.decision import Champion, Evidence
from meli_tasks.ledger import Ledger
from meli_tasks.planning.evaluation import EvaluationReport
from meli_tasks.report import keep_champion_card, load_card, make_card, write_card
from meli_tasks.report.card import description
from meli_tasks.report.templating import escape_markdown
from meli_tasks.stages.summaries import IngestSummary
from meli_tasks.store import open_store
from tests.pages.published import evaluate, promote
from tests.past_run import PastRun
from tests.report.conftest import RealRuns

SECTIONS = [
    "Model details", "Intended use", "Training data", "Metrics", "Limits", "How to load", "Hyperparameters",
]  # fmt: skip


def front_matter(card: str) -> dict[str, object]:
    found = re.match(r"---\n(.*?)\n---\n", card, re.DOTALL)
    assert found
    return yaml.safe_load(found[1])


def headings(card: str) -> list[str]:
    return re.findall(r"^## (.*)$", card, re.MULTILINE)


def test_the_champions_card_has_every_section_with_the_figures_of_the_store(real_runs: RealRuns) -> None:
    store, plan = real_runs.store, real_runs.plans[1]
    champion = Ledger(store).champion()
    assert champion is not None
    card = make_card(store, champion.ref, "our-classifier")
    assert [name for name in headings(card) if name in SECTIONS] == [
        name for name in SECTIONS if name != "Hyperparameters" or champion.set_name in plan.resolved
    ]
    report = EvaluationReport.load(store, plan.name)
    assert report is not None
    found = report.scores[champion.set_name]
    for name, value in {
        "balanced accuracy": found.balanced_accuracy,
        "accuracy": found.accuracy,
        "top 3": found.top3,
        "top 5": found.top5,
        "macro F1": found.macro_f1,
    }.items():
        assert f"| {name} | {value:.4f} |" in card
    listings = need(store, "ingest", plan.ingest.key).read_summary(IngestSummary)
    model = need_model(store, champion.train, champion.sha256)
    for identity in (champion.train, model.model_sha256, listings.fingerprint, str(model.about["lock"])):
        assert escape_markdown(identity) in card
    assert f"{listings.rows:,} listings of {listings.categories:,} categories" in card
    assert f"meli predict --model {champion.train}@{champion.sha256}" in card
    assert 'load_model("models:/our-classifier@champion")' in card


def test_the_front_matter_is_what_hugging_face_reads(real_runs: RealRuns) -> None:
    champion = Ledger(real_runs.store).champion()
    assert champion is not None
    fields = front_matter(make_card(real_runs.store, champion.ref))
    assert fields["language"] == ["pt", "es"]
    assert fields["pipeline_tag"] == "text-classification"
    [model] = fields["model-index"]  # type: ignore[misc]
    [result] = model["results"]
    values = {metric["type"]: metric["value"] for metric in result["metrics"]}
    assert values["balanced_accuracy"] == champion.balanced_accuracy
    assert result["dataset"]["revision"] == champion.fingerprint


def test_the_front_matter_has_the_champions_figure_without_what_its_selection_added(tmp_path: Path) -> None:
    run = PastRun(open_store((tmp_path / "store").as_uri()))
    evaluate(run)
    accuracy = run.accuracies["mlp"]
    champion = Champion(
        train=run.models["mlp"], set_name="mlp", balanced_accuracy=accuracy, interval=(0.8, 0.95), selection_bias=0.01
    )
    evidence = Evidence(plan=run.plan.name)
    Ledger(run.store).append(0, action="promote", champion=champion, reason="best", by="a run", evidence=evidence)
    [model] = front_matter(make_card(run.store, champion.ref))["model-index"]  # type: ignore[misc]
    values = {metric["type"]: metric["value"] for metric in model["results"][0]["metrics"]}
    assert values["balanced_accuracy"] == pytest.approx(accuracy - 0.01)


def test_a_promotion_stores_the_card_of_the_new_champion(real_runs: RealRuns) -> None:
    decisions = Ledger(real_runs.store).decisions()
    promoted = [decision.champion for decision in decisions if decision.action == "promote" and decision.champion]
    assert promoted
    for champion in promoted:
        card = load_card(real_runs.store, champion.ref)
        assert card is not None
        assert champion.train in card
    last = promoted[-1]
    assert load_card(real_runs.store, ModelRef(last.train)) == load_card(real_runs.store, last.ref)


def test_a_model_that_was_never_promoted_gets_a_card_when_asked(real_runs: RealRuns) -> None:
    store = real_runs.store
    report = EvaluationReport.load(store, real_runs.plans[1].name)
    assert report is not None
    champions = {decision.champion.train for decision in Ledger(store).decisions() if decision.champion}
    label = next(label for label in report.models if report.models[label] not in champions)
    assert load_card(store, report.ref(label)) is None
    assert write_card(store, report.ref(label)) == paths.card(str(report.ref(label)))
    card = load_card(store, report.ref(label))
    assert card is not None
    assert f"{report.scores[label].balanced_accuracy:.4f}" in card


def test_without_a_run_that_evaluated_it_a_model_has_no_card_and_a_promotion_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = PastRun(open_store((tmp_path / "store").as_uri()))
    ref = run.trainings["mlp"].ref
    with pytest.raises(NotFound, match="has evaluated the model"):
        make_card(run.store, ref)
    with caplog.at_level(logging.WARNING):
        assert keep_champion_card(run.store, ref) == ""
    assert "could not be written" in caplog.text
    with pytest.raises(NotFound):
        make_card(run.store, ModelRef("0" * 32))


def test_deleted_artifacts_are_named_in_the_card(tmp_path: Path) -> None:
    run = PastRun(open_store((tmp_path / "store").as_uri()))
    evaluated = evaluate(run)
    promote(run, "mlp")
    for prefix in ("ingest/", f"evaluate/{evaluated.key}", "plans/"):
        for name in list(run.store.names(prefix)):
            if not name.endswith(".json") or prefix != "plans/" or name.endswith("evaluated.json"):
                run.store.delete(name)
    card = make_card(run.store, run.trainings["mlp"].ref)
    assert "Not available: the listings were deleted." in card
    assert "Not available: the evaluation was deleted." in card
    assert "it is better" in card


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a | b", r"a \| b"),
        ("**bold** _x_ `code`", r"\*\*bold\*\* \_x\_ \`code\`"),
        ("<script>alert(1)</script>", r"\<script\>alert(1)\</script\>"),
        ("[link](http://x) ![image](y)", r"\[link\](http://x) \!\[image\](y)"),
        ("# heading\n\n- item", r"\# heading  - item"),
        ("\x1b[2J\u202e", r"\\x1b\[2J\\u202e"),
        ("back\\slash &amp; ~x~", r"back\\slash \&amp; \~x\~"),
    ],
)
def test_a_text_of_other_people_is_displayed_as_it_is(text: str, expected: str) -> None:
    assert escape_markdown(text) == expected


def test_a_description_that_is_too_long_loses_whole_sections_from_the_end() -> None:
    card = "---\nlanguage: es\n---\n\n# Title\n\nfirst\n" + "".join(f"\n## Part {n}\n\n{'x' * 100}\n" for n in range(9))
    whole = description(card, 5_000)
    assert whole.startswith("# Title")
    assert headings(whole) == [f"Part {number}" for number in range(9)]
    shorter = description(card, 500)
    assert len(shorter) <= 500
    assert headings(shorter) == ["Part 0", "Part 1", "Part 2"]
    assert shorter.endswith("`meli card` prints the whole.*\n")
    assert description("# " + "x" * 9_000, 5_000) == "# " + "x" * 4_998
    assert description("", 5_000) == ""
