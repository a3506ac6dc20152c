"""What other versions and broken disks leave in the store hides nothing else, and is named."""

from __future__ import annotations

import json

import pytest

from meli_tasks.artifacts import paths
from meli_tasks.artifacts.reading import NAMED, LenientReader, read, warning
from meli_tasks.core.errors import BadData
from meli_tasks.core.hyperparameters import Train
from meli_tasks.execution.progress_log import read_progress
from meli_tasks.execution.runner import Step
from meli_tasks.execution.stop_requests import StoredStopRequests
from meli_tasks.ledger import Ledger
from meli_tasks.notifications.failures import Failure, keep, of_run
from meli_tasks.planning.evaluation import EvaluationReport
from meli_tasks.planning.history import evaluated, plans
from meli_tasks.planning.past_runs import past_runs
from meli_tasks.planning.plan import Plan
from meli_tasks.search.journal import Journal
from meli_tasks.store import Store
from tests.pages.published import evaluate, promote
from tests.past_run import PastRun
from tests.unreadable import CONTENTS, names_of, of_a_later_version, put

SPOILT = "plans/spoilt/0123456789ab.json"


@pytest.fixture
def run(file_store: Store) -> PastRun:
    return PastRun(file_store)


def raised_version(store: Store, name: str) -> None:
    """Let the object at a name be one of a later version."""
    blob = store.read(name)
    assert blob
    store.write(name, of_a_later_version(blob.data))


@pytest.mark.parametrize("content", CONTENTS)
def test_a_spoilt_plan_hides_no_other_and_is_named(
    run: PastRun, content: str, caplog: pytest.LogCaptureFixture
) -> None:
    put(run.store, SPOILT, content)
    assert [plan.run_id for plan in plans(run.store)] == [run.run_id]
    assert "1 object in " in caplog.text
    assert f"could not be read and was skipped: {SPOILT} (" in caplog.text
    assert past_runs(run.store).seconds(run.plan.ingest) == 30.0


def test_a_plan_of_a_later_version_is_skipped_in_lists_and_refused_by_tasks(
    run: PastRun, caplog: pytest.LogCaptureFixture
) -> None:
    run.store.write(SPOILT, of_a_later_version(run.plan.model_dump_json().encode()))
    assert [plan.name for plan in plans(run.store)] == [run.plan.name]
    assert "a later version of meli-tasks wrote it: version 99, known up to 2" in caplog.text
    with pytest.raises(BadData, match=r"spoilt/0123456789ab\.json in .*version 99.*Upgrade meli-tasks"):
        Plan.load(run.store, SPOILT, to_run=True)


def test_what_a_later_version_adds_is_ignored_without_a_word(run: PastRun, caplog: pytest.LogCaptureFixture) -> None:
    stored = json.loads(run.plan.model_dump_json())
    stored |= {"added": {"a": 1}}
    stored["request"] |= {"added": [1]}
    stored["resolved"]["mlp"]["train"] |= {"added": {"deeper": 1}}
    run.store.write(run.plan.name, json.dumps(stored).encode())
    assert plans(run.store) == [run.plan]
    assert not caplog.text


def test_an_object_in_a_folder_named_like_a_plan_is_none(run: PastRun) -> None:
    put(run.store, f"{SPOILT}/inside.json", "a list")
    reader = LenientReader(run.store)
    assert len(plans(run.store, reader)) == 1
    assert not reader.skipped


@pytest.mark.parametrize("content", CONTENTS)
def test_a_spoilt_manifest_leaves_an_estimate(run: PastRun, content: str, caplog: pytest.LogCaptureFixture) -> None:
    mlp, cnn = run.plan.sets.values()
    name = put(run.store, paths.manifest("train", mlp.key), content)
    assert past_runs(run.store).seconds(cnn) == 30.0
    assert name in caplog.text


@pytest.mark.parametrize("content", [*CONTENTS, "version 99"])
def test_a_spoilt_evaluation_counts_as_none_and_is_named(
    run: PastRun, content: str, caplog: pytest.LogCaptureFixture
) -> None:
    evaluate(run)
    name = paths.evaluated(run.plan.name)
    if content == "version 99":
        raised_version(run.store, name)
    else:
        put(run.store, name, content)
    assert evaluated(run.store, run.plan) is None
    assert name in caplog.text
    with pytest.raises(BadData, match=r"evaluated\.json in .* cannot be read"):
        EvaluationReport.load(run.store, run.plan.name)


@pytest.mark.parametrize("content", CONTENTS)
def test_a_spoilt_decision_is_left_out_of_lists_and_never_decided_on(run: PastRun, content: str) -> None:
    promote(run, "mlp")
    put(run.store, paths.decision(2), content)
    ledger, reader = Ledger(run.store), LenientReader(run.store)
    assert [decision.number for decision in ledger.readable(reader)] == [1]
    assert names_of(reader.skipped) == {paths.decision(2)}
    for decide in (ledger.last, ledger.champion, ledger.decisions, lambda: ledger.rollback("me")):
        with pytest.raises(BadData, match=r"ledger/00000002\.json"):
            decide()
    with pytest.raises(BadData, match=r"ledger/00000002\.json"):
        ledger.append(1, action="keep", reason="no better", by="run")


def test_a_decision_of_a_later_version_is_not_misjudged(run: PastRun) -> None:
    promote(run, "mlp")
    promote(run, "cnn", expected_last=1)
    raised_version(run.store, paths.decision(2))
    ledger, reader = Ledger(run.store), LenientReader(run.store)
    assert [decision.number for decision in ledger.readable(reader)] == [1]
    assert "version 99" in reader.skipped[0].reason
    with pytest.raises(BadData, match=r"00000002\.json .* cannot be judged: .*version 99.*Upgrade meli-tasks\.$"):
        ledger.champion()
    with pytest.raises(BadData, match="cannot be judged"):
        ledger.append(2, action="keep", reason="no better", by="run")


def test_a_name_that_is_no_decision_is_skipped_in_lists_only(run: PastRun) -> None:
    promote(run, "mlp")
    run.store.write("ledger/notes.txt", b"")
    reader = LenientReader(run.store)
    assert len(Ledger(run.store).readable(reader)) == 1
    assert names_of(reader.skipped) == {"ledger/notes.txt"}


@pytest.mark.parametrize("content", [content for content in CONTENTS if content != "an empty object"])
def test_a_spoilt_journal_costs_its_own_trials_and_is_never_written_over(
    run: PastRun, content: str, caplog: pytest.LogCaptureFixture
) -> None:
    params = Train(architecture="mlp").model_dump(mode="json")
    train = Step("train", "mlp", params, run.plan.sets["mlp"].inputs)
    own = Journal.open(run.store, train, "me", "own")
    own.save(1.0)
    other = put(run.store, paths.search(own.folder, "other"), content)
    assert Journal.open(run.store, train, "me", "own").before == []
    assert other in caplog.text
    put(run.store, own.name, content)
    with pytest.raises(BadData, match=r"own\.json in .* cannot be read"):
        Journal.open(run.store, train, "me", "own")


@pytest.mark.parametrize("content", [content for content in CONTENTS if "object" not in content])
def test_spoilt_notes_stop_nothing_and_are_named(run: PastRun, content: str, caplog: pytest.LogCaptureFixture) -> None:
    note = put(run.store, paths.progress_log("train", "k"), content)
    assert read_progress(run.store, "train", "k").state == "unknown"
    request = put(run.store, paths.stop_request("train", "k"), content)
    assert StoredStopRequests(run.store, "train", "k", "run").requested_by() is None
    keep(run.store, "run", Failure("train", "mlp", "no", "2026-11-20T03:00:00+00:00"))
    failure = put(run.store, paths.failure("run", "train", 7), content)
    assert [found.of for found in of_run(run.store, "run")] == ["mlp"]
    for name in (note, request, failure):
        assert name in caplog.text


def test_the_warning_counts_and_names_a_few_without_their_control_characters(file_store: Store) -> None:
    reader = LenientReader(file_store)
    for number in range(NAMED + 2):
        reader.skip(f"plans/\x1b]8;;http://x\x07{number}\u202e.json", "it is empty")
    message = warning(file_store, reader.skipped)
    assert message.startswith(f"{NAMED + 2} objects in {file_store.url} could not be read and were skipped: plans/")
    assert message.endswith("; and 2 more")
    assert r"\x1b]8;;http://x\x070\u202e.json (it is empty)" in message
    assert message.isprintable()
    assert not warning(file_store, [])


def test_what_is_deleted_while_it_is_listed_is_no_fault(file_store: Store) -> None:
    reader = LenientReader(file_store)
    assert reader.attempt("plans/a/b.json", lambda: Plan.load(file_store, "plans/a/b.json")) is None
    assert reader.read("plans/a/b.json", Plan.model_validate_json) is None
    assert read(file_store, "plans/a/b.json", Plan.model_validate_json) is None
    assert not reader.skipped
