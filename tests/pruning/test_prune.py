"""`meli prune`: what is kept and what goes, by kind and over a year."""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from meli_tasks.artifacts import paths, reading
from meli_tasks.artifacts.manifest import Manifest, Output, find, find_model, find_record, need
from meli_tasks.artifacts.outputs import damage, read_file
from meli_tasks.core.errors import NotFound
from meli_tasks.execution.attempts import replace
from meli_tasks.execution.checkpoints import StoredCheckpoints
from meli_tasks.index.segments import Part, Root
from meli_tasks.ledger import Ledger
from meli_tasks.planning.evaluation import EvaluationReport
from meli_tasks.planning.history import plans
from meli_tasks.pruning import pins
from meli_tasks.pruning.prune import Found, Outcome, Prune, totals
from meli_tasks.pruning.rules import Rules
from meli_tasks.report import load_report, write_report
from meli_tasks.sets import stored
from meli_tasks.store import Leftover
from tests.past_run import PastRun
from tests.pruning.memory import Nights

FEW = Rules(keep_runs=2, keep_days=2, keep_versions=1)


def prune(nights: Nights, rules: Rules = FEW) -> tuple[Found, Outcome]:
    return nights.prune(rules).run()


def has_files(nights: Nights, made: Manifest) -> bool:
    return all(nights.store.size(made.file_name(file)) is not None for file in made.outputs)


def missing(nights: Nights) -> list[str]:
    """What a manifest describes and the store does not have, other than what was pruned."""
    manifests = [name for name in nights.store.names("") if paths.is_manifest(name)]
    found = [reading.read(nights.store, name, Manifest.from_bytes) for name in manifests]
    return [problem for made in found if made for problem in damage(nights.store, made)]


def test_a_dry_run_changes_nothing(nights: Nights) -> None:
    for _ in range(5):
        nights.night()
    nights.store.pass_time(days=50)
    before = dict(nights.store.held)
    found = nights.prune(FEW).find()
    assert found.candidates
    assert nights.store.held == before


def test_a_year_of_nights_stays_bounded_and_the_history_of_champions_whole(nights: Nights) -> None:
    rules, sizes, champions = Rules(keep_runs=14, keep_days=14, keep_versions=2), [], 0
    for number in range(1, 366):
        nights.night()
        if number % 7 == 0:
            prune(nights, rules)
            sizes.append(sum(len(data) for name, (data, _, _) in nights.store.held.items() if "/attempt1/" in name))
            champions = len(Ledger(nights.store).decisions())
    whole = sum(len(data) for name, (data, _, _) in nights.store.held.items() if "/attempt1/" in name)
    per_night = sum(output.bytes for made in nights.runs[-1].trainings.values() for output in made.outputs.values())
    of_champions = champions * (per_night + 10_000)
    # 14 nights are kept, 7 more come before the next prune, and a set keeps 2 more models.
    assert whole < 25 * (per_night + 10_000) + of_champions
    assert sizes[-1] < sizes[3] + of_champions
    decisions = Ledger(nights.store).decisions()
    assert len(decisions) == champions == 37
    for decision in decisions:
        assert decision.champion is not None
        model = find_model(nights.store, decision.champion.train, decision.champion.sha256)
        assert model is not None and has_files(nights, model)
    assert missing(nights) == []
    assert len(plans(nights.store)) == 365


def test_what_is_kept_and_what_goes(nights: Nights) -> None:
    runs = [nights.night() for _ in range(12)]
    stored.write(nights.store, "mine", {"extends": "mlp", "title": "mine"}, {"by": "a test"})
    assert pins.pin(nights.store, runs[2].plan, "somebody", "an audit")[1] == 0
    nights.store.delete(paths.timing(runs[7].plan.name))  # it waits for a person
    nights.store.pass_time(days=4)
    found, outcome = prune(nights)
    kept = {number for number, run in enumerate(runs) if has_files(nights, run.trainings["cnn"])}
    assert kept == {2, 7, 10, 11}
    assert {number for number, run in enumerate(runs) if has_files(nights, run.trainings["mlp"])} == kept | {0}
    assert found.kept.runs == {
        "night_3": "pinned", "night_8": "unfinished",
        "night_11": "among the newest 2", "night_12": "among the newest 2",
    }  # fmt: skip
    assert (outcome.in_use, outcome.failed) == ([], {})
    assert set(totals(outcome.deleted)) == {"train", "evaluate"}
    assert missing(nights) == []
    assert stored.read(nights.store, "mine")
    assert [run.plan.name for run in runs if nights.store.size(paths.pruned(run.plan.name))] == [
        run.plan.name for number, run in enumerate(runs) if number not in kept
    ]
    assert prune(nights)[1].deleted == []
    pins.unpin(nights.store, runs[2].run_id)
    assert {each.name for each in prune(nights)[1].deleted} >= {f"train/{runs[2].trainings['cnn'].key}"}
    with pytest.raises(NotFound, match="is not pinned"):
        pins.unpin(nights.store, runs[2].run_id)


def test_a_pruned_artifact_says_so_and_is_computed_again(nights: Nights) -> None:
    first = nights.night()
    write_report(nights.store, first.plan.name)
    report = load_report(nights.store, first.plan.name)
    for _ in range(4):
        nights.night()
    nights.store.pass_time(days=40)
    prune(nights)
    cnn = first.trainings["cnn"]
    assert find(nights.store, "train", cnn.key) is None
    record = find_record(nights.store, "train", cnn.key)
    assert record is not None and record.pruned and record.summary == cnn.summary
    with pytest.raises(NotFound, match=f"{cnn.key} in memory: was pruned on 20.*: its files were deleted"):
        need(nights.store, "train", cnn.key)
    with pytest.raises(NotFound, match=r"model.json was pruned on"):
        read_file(nights.store, cnn, "model.json")  # the manifest was read before
    assert first.trainings["mlp"] == find(nights.store, "train", first.trainings["mlp"].key)  # a champion
    write_report(nights.store, first.plan.name)
    assert load_report(nights.store, first.plan.name) == report
    nights.store.delete(paths.report(nights.runs[1].plan.name))
    write_report(nights.store, nights.runs[1].plan.name)
    assert b"The run was pruned on" in (load_report(nights.store, nights.runs[1].plan.name) or b"")


def test_orphans_and_what_interrupted_runs_left_go_after_their_time(nights: Nights, tmp_path: Path) -> None:
    run = nights.night()
    store = nights.store
    checkpoints = StoredCheckpoints(store, "train", "a" * 32, tmp_path)
    checkpoints.save(lambda path: path.write_text("state"))
    store.write(f"train/{'b' * 32}/attempt9/model.safetensors", b"never published")
    store.write(f"train/{run.trainings['mlp'].key}/attempt9/model.safetensors", b"lost the race")
    store.write(f"stops/train/{'a' * 32}.json", b"{}")
    store.write(f"studies/{'a' * 32}/{paths.search_part('killed', 'f00d')}.json", b"{}")
    store.write(f"live/train/{'a' * 32}.json", b"{}")
    store.write(f"live/train/{run.trainings['mlp'].key}.json", b"{}")
    store.write(f"failed/ingest/{'c' * 32}/quarantine.jsonl.gz", b"rows")
    store.write("notices/night_0/promoted.json", b"{}")
    store.write("damaged/plans/x/y.json/12.json", b"{}")
    store.write("monitoring/former@ab/days/2026-01-01/x.json", b"{}")
    store.write(f"monitoring/{run.trainings['mlp'].ref}/days/2026-01-01/x.json", b"{}")
    store.write("probe/1/try", b"")
    store.write("somebody/elses.txt", b"stays")
    store.left.append(Leftover("train/x/model.safetensors", 8_000_000, store.now.timestamp(), "upload-1"))
    expected = {
        1: set(), 3: {"interrupted uploads", "probes"}, 4: {"orphans"},
        8: {"checkpoints", "stop requests", "studies of searches"},
        31: {"progress logs", "rows of failed steps"}, 91: {"monitoring", "quarantine", "sent notifications"},
    }  # fmt: skip
    start = store.now
    for days, kinds in expected.items():
        store.now = start + timedelta(days=days)
        assert set(totals(prune(nights)[1].deleted)) == kinds, days
    assert store.left == []
    left = {name.partition("/")[0] for name in store.held}
    assert not left & {"checkpoints", "stops", "failed", "notices", "damaged", "probe", "studies"}
    assert list(store.names("live/")) == [f"live/train/{run.trainings['mlp'].key}.json"]
    assert {name.split("/")[1] for name in store.names("monitoring/")} == {str(run.trainings["mlp"].ref)}
    assert store.size("somebody/elses.txt") == 5
    assert has_files(nights, run.trainings["mlp"])


def test_the_study_of_a_run_that_has_not_ended_stays(nights: Nights) -> None:
    open_run, ended = nights.night(), nights.night()
    store = nights.store
    store.delete(paths.timing(open_run.plan.name))
    studies = [
        paths.study(paths.search(paths.searches_of("a" * 32), paths.search_part(run.run_id, "f00d")))
        for run in (open_run, ended)
    ]
    for study in studies:
        store.write(study, b"{}")
    store.pass_time(days=6)
    store.write(studies[1], b"a worker adds a line")
    store.pass_time(days=6)
    assert "studies of searches" not in totals(prune(nights)[1].deleted)
    store.pass_time(days=2)
    assert [each.name for each in prune(nights)[1].deleted if each.kind == "studies of searches"] == [studies[1]]
    store.pass_time(days=30)  # nobody continues a run after that
    assert [each.name for each in prune(nights)[1].deleted if each.kind == "studies of searches"] == [studies[0]]


def test_parts_of_an_index_that_its_root_does_not_name_go(nights: Nights) -> None:
    nights.night()
    store = nights.store
    names = [paths.index_rows("runs", part) for part in ("current", "lost")]
    for name in (*names, paths.index_rows("decisions", "without-a-readable-root")):
        reading.write(store, name, b"{}")
    root = Root(open=Part(name=names[0], rows=1, first="", last=""))
    reading.write(store, paths.index_root("runs"), root.model_dump_json().encode())
    reading.write(store, paths.index_root("decisions"), b'{"open": 7}')
    assert prune(nights)[1].deleted == []
    store.pass_time(days=4)
    assert [each.name for each in prune(nights)[1].deleted] == [names[1]]


def test_a_checkpoint_that_is_continued_stays_whole(nights: Nights, tmp_path: Path) -> None:
    nights.night()
    checkpoints = StoredCheckpoints(nights.store, "train", "a" * 32, tmp_path)
    checkpoints.save(lambda path: path.write_text("one"))
    nights.store.pass_time(days=6)
    checkpoints.save(lambda path: path.write_text("two"))
    nights.store.pass_time(days=6)
    assert prune(nights)[1].deleted == []


def test_a_replaced_attempt_stays_as_long_as_a_decision_names_it(nights: Nights) -> None:
    run, attempts = nights.night(), {}
    for name, before in run.trainings.items():
        outputs = dict.fromkeys(before.outputs, Output(sha256(b"another result").hexdigest(), 14))
        again = Manifest(**{**vars(before), "attempt": "attempt2", "outputs": outputs})
        for file in again.outputs:
            nights.store.write(again.file_name(file), b"another result")
        replace(nights.store, again)
        attempts[name] = again.model_sha256
    report = EvaluationReport.load(nights.store, run.plan.name)
    assert report is not None
    report.model_copy(update={"attempts": attempts}).save(nights.store, run.plan.name)  # it was cleared
    nights.store.pass_time(days=40)
    deleted = [each.name for each in prune(nights)[1].deleted]
    assert deleted == [f"train/{run.trainings['cnn'].key}/attempt1"]
    champion = run.trainings["mlp"]
    assert find_model(nights.store, champion.key, champion.model_sha256) == champion


def test_the_members_of_an_ensemble_stay_as_long_as_it_does(nights: Nights) -> None:
    nights.promotes = 1_000
    runs = [nights.night() for _ in range(6)]
    champion, other = nights.ensemble(runs[1]), nights.ensemble(runs[2])
    nights.promote(runs[1], model=champion)
    nights.store.pass_time(days=40)
    found, outcome = prune(nights)
    assert found.candidates[0].name == f"ensemble/{other.key}"
    assert read_file(nights.store, champion, "model.json") == b"{}"
    assert all(has_files(nights, made) for made in runs[1].trainings.values())
    assert not any(has_files(nights, made) for made in runs[2].trainings.values())
    assert find(nights.store, "ensemble", other.key) is None
    assert (outcome.failed, missing(nights)) == ({}, [])


def test_a_limit_leaves_no_ensemble_without_its_members(nights: Nights) -> None:
    nights.promotes = 1_000
    runs = [nights.night() for _ in range(6)]
    made = nights.ensemble(runs[2])
    nights.store.pass_time(days=40)
    small = Rules(**{**vars(FEW), "most_bytes": 10})
    found, _ = prune(nights, small)
    assert {each.name for each in found.over_limit} >= {f"ensemble/{made.key}"}
    assert all(has_files(nights, each) for run in runs for each in run.trainings.values())


def test_most_bytes_limits_one_prune_and_the_oldest_goes_first(nights: Nights) -> None:
    runs = [nights.night() for _ in range(8)]
    nights.store.pass_time(days=40)
    everything = nights.prune(FEW).find()
    found, outcome = prune(nights, Rules(**{**vars(FEW), "most_bytes": everything.bytes / 2}))
    assert 0 < outcome.bytes <= everything.bytes / 2
    assert not has_files(nights, runs[1].trainings["cnn"]) and has_files(nights, runs[5].trainings["cnn"])
    assert sum(each.bytes for each in found.over_limit) + outcome.bytes == everything.bytes
    prune(nights)
    assert not has_files(nights, runs[5].trainings["cnn"])


def evaluated_of(run: PastRun) -> set[str]:
    report = EvaluationReport.load(run.store, run.plan.name)
    return {report.key} if report else set()


def test_registered_versions_stay(nights: Nights) -> None:
    runs = [nights.night() for _ in range(5)]
    nights.store.pass_time(days=40)
    registered = runs[1].trainings["cnn"]
    ours = nights.prune(FEW)
    Prune(nights.store, ours.cache, FEW, registered=lambda: [registered.ref], clock=ours.clock).run()
    assert has_files(nights, registered)
    assert not has_files(nights, runs[1].trainings["mlp"])


def test_ages_are_by_the_clock_of_the_store(nights: Nights, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(5):
        nights.night()
    ours = nights.prune(FEW)
    ahead = Prune(nights.store, ours.cache, FEW, clock=lambda: ours.clock() + 100 * 86_400)
    _, outcome = ahead.run()
    assert not [each for each in outcome.deleted if each.name == f"train/{nights.runs[-3].trainings['cnn'].key}"]
    assert "are 100 d apart; the store's counts" in caplog.text
