"""Titles, categories, labels and reasons come from other people: nothing of them is markup, and nothing is hidden."""

from __future__ import annotations

from pathlib import Path

import pytest

from meli_tasks.artifacts.manifest import need
from meli_tasks.decision import Champion, Evidence
from meli_tasks.ledger import Ledger
from meli_tasks.planning.evaluation import EvaluationReport
from meli_tasks.report.material import Material
from meli_tasks.report.writing import render
from meli_tasks.stages.evaluation import Scores
from meli_tasks.stages.figures import Confusion, SliceAccuracy
from meli_tasks.stages.summaries import Gate
from meli_tasks.store import open_store
from tests.pages.published import evaluate
from tests.past_run import PastRun
from tests.report.reading import Page, parse
from tests.rewriting import rewrite_file

HOSTILE = (
    "</title><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "{{ 777*777 }}{% raw %}",
    "</style><style>*{display:none}",
    "&lt;b&gt; &amp; <!--",
    "a\x00b\x1b[2Jc\x07\u202ed\u2066e\ufeff",
    "$x^2$ \\frac{1}{2}",
    "long" * 2_000,
    "= cmd|' /C calc'!A0",
    "\ud800 half of a pair",
)


@pytest.fixture(scope="module")
def html(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The report of a run in which every text that is not ours is hostile."""
    folder: Path = tmp_path_factory.mktemp("hostile")
    run = PastRun(open_store((folder / "store").as_uri()))
    evaluated = evaluate(run)
    report = EvaluationReport.load(run.store, run.plan.name)
    assert report is not None
    texts = [text.encode("utf-8", "replace").decode() for text in HOSTILE]  # no store holds half a pair
    scores = {
        label: found.model_copy(
            update={
                "categories": {text: found.categories["PERFUMES"] for text in texts},
                "confusions": tuple(
                    Confusion(category=text, predicted=text[::-1], titles=3, of_titles=9) for text in texts
                ),
                "by_language": {text: SliceAccuracy(balanced_accuracy=0.5, titles=4) for text in texts},
            }
        )
        for label, found in report.scores.items()
    }
    stored = Scores.model_validate(Scores(version=2, models=scores).model_dump())
    manifest = need(run.store, "evaluate", evaluated.key)
    manifest = rewrite_file(run.store, manifest, "scores.json", stored.model_dump_json().encode())
    suspects = "row,title,category\n" + "".join(f'1,"{text.replace(chr(34), chr(34) * 2)}",A\n' for text in texts)
    rewrite_file(run.store, manifest, "suspect_labels.csv", suspects.encode())
    champion = Champion(train=run.models["mlp"], set_name="mlp", balanced_accuracy=0.9, interval=(0.8, 0.95))
    gates = tuple(Gate(name="gain", passed=None, limit=1, detail=text) for text in texts)
    evidence = Evidence(plan=run.plan.name, gates=gates, challenger="mlp", champion=None)
    Ledger(run.store).append(
        0, action="promote", champion=champion, reason=" ".join(texts), by=texts[1], evidence=evidence
    )
    return render(Material(run.store, run.plan))


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return parse(html)


def test_no_text_becomes_an_element_or_an_attribute(page: Page) -> None:
    names = {name for name, _ in page.tags}
    assert not names & {"script", "img", "b"}
    assert sum(name == "style" for name, _ in page.tags) == 1
    assert not [attributes for _, attributes in page.tags if {"onerror", "onmouseover"} & set(attributes)]


@pytest.mark.parametrize("section", ["verdict", "categories", "slices", "confusions", "suspect-labels"])
@pytest.mark.parametrize("text", HOSTILE[:6])
def test_it_is_displayed_as_it_is(page: Page, section: str, text: str) -> None:
    assert text in page.sections[section]
    assert str(777 * 777) not in page.sections[section].replace(text, "") or text != HOSTILE[3]


def test_what_is_not_displayed_becomes_an_escape_sequence(html: str, page: Page) -> None:
    assert r"a\x00b\x1b[2Jc\x07\u202ed\u2066e\ufeff" in page.sections["confusions"]
    assert not [character for character in "\x00\x1b\x07\u202e\u2066\ufeff" if character in html]


def test_a_text_cannot_make_the_file_large(html: str) -> None:
    assert len(html.encode()) < 1_000_000
