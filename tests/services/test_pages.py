from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from meli_tasks import named_sets
from meli_tasks.artifacts import manifest_name
from meli_tasks.core.errors import MissingArtifact
from meli_tasks.ledger import Champion, Ledger
from meli_tasks.live import live_name
from meli_tasks.pages import Pages, Wanted
from meli_tasks.runner import Step
from meli_tasks.store import Store
from meli_tasks.store.file import FileStore
from tests.services.past_run import PastRun


class Counting(FileStore):
    """A store that tells which names were read."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.reads: list[str] = []

    def read(self, name: str) -> Any:
        self.reads.append(name)
        return super().read(name)


@pytest.fixture
def store(tmp_path: Path) -> Counting:
    return Counting(tmp_path / "store")


def evaluate(run: PastRun, failed: tuple[str, ...] = (), **others: tuple[str, float]) -> dict[str, Any]:
    """What the task evaluate leaves beside the plan."""
    measured = run.evaluation(**others)
    scores = {label: run._scores(accuracy) for label, accuracy in run.accuracies.items()}
    scores |= {label: run._scores(accuracy) for label, (_, accuracy) in others.items()}
    report = {**measured, "failed": list(failed), "scores": scores, "run_id": run.run_id}
    run.store.write(f"{run.plan.folder}/evaluated.json", json.dumps(report).encode())
    return measured


def promote(run: PastRun, label: str, expected_last: int = 0) -> Champion:
    champion = Champion(
        train=run.models[label], set_name=label, balanced_accuracy=run.accuracies[label], interval=(0.9, 0.95),
        run_id=run.run_id, as_of="2026-11-20", fingerprint="f" * 64,
    )  # fmt: skip
    evidence = {"plan": run.plan.name, "run_id": run.run_id, "gain": 0.02, "probability": 0.97}
    Ledger(run.store).append(
        expected_last, action="promote", champion=champion, reason="it is better", by=run.run_id, evidence=evidence
    )
    return champion


def ids(page: dict[str, Any]) -> list[str]:
    return [row["set"] for row in page["rows"]]


def test_an_empty_store_has_no_champion_and_no_rows(file_store: Store) -> None:
    page = Pages(file_store).models(Wanted())
    assert page["champion"] is None
    assert page["rows"] == []
    assert Pages(file_store).decisions(10) == {"all": 0, "decisions": []}


def test_the_champion_card_tells_data_since_when_and_why(store: Counting) -> None:
    run = PastRun(store)
    evaluate(run)
    champion = promote(run, "mlp")
    Ledger(store).append(1, action="keep", reason="nobody is better", by="later", evidence={})
    card = Pages(store).models(Wanted())["champion"]
    assert (card["set"], card["train"], card["decision"]) == ("mlp", champion.train, 1)
    assert (card["reason"], card["kept"], card["action"]) == ("it is better", 1, "promote")
    assert (card["source"], card["as_of"]) == ("s3://titles/2026-11-20.csv.gz", "2026-11-20")


def test_after_a_rollback_the_card_tells_of_the_rollback(store: Counting) -> None:
    first = PastRun(store)
    promote(first, "cnn")
    promote(first, "mlp", expected_last=1)
    Ledger(store).rollback(by="ana")
    card = Pages(store).models(Wanted())["champion"]
    assert (card["set"], card["action"], card["by"], card["decision"]) == ("cnn", "rollback", "ana", 3)
    listed = Pages(store).decisions(2)
    assert [row["action"] for row in listed["decisions"]] == ["rollback", "promote"]
    assert listed["all"] == 3


def test_rows_tell_measured_failed_and_not_measured_apart(store: Counting) -> None:
    run = PastRun(store, accuracies={"mlp": 0.94, "cnn": 0.92})
    pages = Pages(store)
    assert {row["state"] for row in pages.models(Wanted())["rows"]} == {"not measured"}
    report = run.evaluation()
    scores = {"mlp": run._scores(0.94)}
    told = {**report, "models": {"mlp": run.models["mlp"]}, "failed": ["cnn"], "scores": scores}
    store.write(f"{run.plan.folder}/evaluated.json", json.dumps(told).encode())
    rows = {row["set"]: row for row in Pages(store).models(Wanted())["rows"]}
    assert (rows["mlp"]["state"], rows["mlp"]["balanced_accuracy"]) == ("measured", 0.94)
    assert (rows["cnn"]["state"], rows["cnn"]["balanced_accuracy"]) == ("failed", None)


def test_the_champion_measured_beside_a_later_run_is_a_guest_there(store: Counting) -> None:
    old = PastRun(store, run_id="old", accuracies={"mlp": 0.9})
    champion = promote(old, "mlp")
    new = PastRun(store, run_id="new", accuracies={"cnn": 0.92}, seed=2)
    evaluate(new, **{"mlp (champion)": (champion.train, 0.89)})
    rows = {(row["run_id"], row["set"]): row for row in Pages(store).models(Wanted())["rows"]}
    assert rows["new", "mlp (champion)"]["guest"]
    assert rows["new", "mlp (champion)"]["champion"]
    assert not rows["new", "cnn"]["guest"]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Wanted(), ["b", "a"]),
        (Wanted(text="A"), ["a"]),
        (Wanted(text="titles b"), ["b"]),
        (Wanted(set_name="cnn"), ["b"]),
        (Wanted(since=date(2026, 11, 20)), ["b"]),
        (Wanted(until=date(2026, 11, 19)), ["a"]),
        (Wanted(limit=1), ["b"]),
        (Wanted(text="nothing"), []),
    ],
)
def test_filters_choose_among_all_runs(wanted: Wanted, found: list[str], store: Counting) -> None:
    for day, (name, sets) in enumerate({"a": {"mlp": 0.9}, "b": {"mlp": 0.9, "cnn": 0.8}}.items()):
        run = PastRun(store, run_id=name, accuracies=sets)
        plan = json.loads(store.read(run.plan.name).data)
        at = datetime(2026, 11, 19 + day, tzinfo=UTC)
        told = {**plan, "at": at.isoformat(), "as_of": str(at.date()), "name": run.plan.name}
        store.write(run.plan.name, json.dumps(told).encode())
    page = Pages(store).models(wanted)
    assert list(dict.fromkeys(row["run_id"] for row in page["rows"])) == found
    assert page["runs"]["all"] == 2
    if wanted.set_name:
        assert set(ids(page)) == {"cnn"}


def test_a_second_look_reads_only_what_may_have_changed(store: Counting) -> None:
    for name in ("a", "b", "c"):
        evaluate(PastRun(store, run_id=name))
    pages = Pages(store)
    pages.models(Wanted())
    store.reads.clear()
    assert len(pages.models(Wanted())["rows"]) == 6
    assert store.reads == []


def test_a_new_run_appears_and_its_figures_follow(store: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meli_tasks.pages.shelf.LISTED_SECONDS", -1.0)
    monkeypatch.setattr("meli_tasks.pages.runs.OLD_SECONDS", -1.0)
    pages = Pages(store)
    assert pages.models(Wanted())["rows"] == []
    run = PastRun(store)
    assert {row["state"] for row in pages.models(Wanted())["rows"]} == {"not measured"}
    evaluate(run)
    assert {row["state"] for row in pages.models(Wanted())["rows"]} == {"measured"}


def test_a_night_with_nothing_new_adds_no_rows(store: Counting) -> None:
    run = PastRun(store)
    store.write(f"{run.plan.folder}/preview.json", json.dumps({"steps": [], "nothing_new": "all is known"}).encode())
    page = Pages(store).models(Wanted())
    assert (page["rows"], page["runs"]["all"]) == ([], 1)
    assert Pages(store).run(run.plan.name)["nothing_new"] == "all is known"


def test_two_models_side_by_side(store: Counting) -> None:
    run = PastRun(store, accuracies={"mlp": 0.90, "cnn": 0.94})
    evaluate(run)
    pages = Pages(store)
    by_set = {row["set"]: row["id"] for row in pages.models(Wanted())["rows"]}
    found = pages.comparison(by_set["mlp"], by_set["cnn"])
    assert (found["left"]["set"], found["right"]["set"]) == ("mlp", "cnn")
    assert found["same_titles"]
    lines = {line["name"]: line for line in found["parameters"]}
    assert lines["train.architecture"] == {
        "name": "train.architecture", "left": "mlp", "right": "cnn", "differs": True,
    }  # fmt: skip
    assert not lines["preprocess.tokenizer"]["differs"]
    assert lines["data.source"]["left"] == "s3://titles/{ds}.csv.gz"
    assert [epoch["epoch"] for epoch in found["curves"]["left"]] == [1, 2, 3]
    assert [row["difference"] for row in found["categories"]] == pytest.approx([0.04, 0.04, 0.04])
    assert {row["category"]: row["left_titles"] for row in found["categories"]} == {
        "CELLPHONES": 10, "PERFUMES": 11, "SNEAKERS": 12,
    }  # fmt: skip


def test_a_guest_has_the_parameters_of_the_run_that_promoted_it(store: Counting) -> None:
    old = PastRun(store, run_id="old", accuracies={"mlp": 0.9})
    champion = promote(old, "mlp")
    new = PastRun(store, run_id="new", accuracies={"cnn": 0.92}, seed=2)
    evaluate(new, **{"mlp (champion)": (champion.train, 0.89)})
    base = new.plan.name.removeprefix("plans/").removesuffix(".json")
    found = Pages(store).comparison(f"{base}/mlp (champion)", f"{base}/cnn")
    assert {line["name"]: line["left"] for line in found["parameters"]}["train.name"] == "mlp"


def test_a_set_that_a_search_found_has_its_parameters_also_as_a_guest_of_another_run(store: Counting) -> None:
    values = named_sets.load("quick_mlp")
    run = PastRun(store, run_id="searched")
    run.plan.request["search_minutes"] = 5
    run.plan.save(store)
    run.plan = run.plan.add_searched("found", Step("train", "found", values.train.model_dump()), values, store)
    run.accuracies["found"] = 0.95
    evaluate(run)
    base = run.plan.name.removeprefix("plans/").removesuffix(".json")
    found = Pages(store).comparison(f"{base}/found", f"{base}/mlp")
    lines = {line["name"]: line["left"] for line in found["parameters"]}
    assert (lines["preprocess.tokenizer"], lines["train.epochs"]) == (values.preprocess.tokenizer, values.train.epochs)
    champion = promote(run, "found")
    later = PastRun(store, run_id="later", accuracies={"cnn": 0.92}, seed=2)
    evaluate(later, **{"found (champion)": (champion.train, 0.94)})
    base = later.plan.name.removeprefix("plans/").removesuffix(".json")
    guest = Pages(store).comparison(f"{base}/found (champion)", f"{base}/cnn")
    assert {line["name"]: line["left"] for line in guest["parameters"]}["train.epochs"] == values.train.epochs


@pytest.mark.parametrize("model", ["", "no", "no/such/model", "../../etc/passwd"])
def test_comparing_what_is_not_there_says_so(model: str, store: Counting) -> None:
    run = PastRun(store)
    base = run.plan.name.removeprefix("plans/").removesuffix(".json")
    with pytest.raises(MissingArtifact, match="choose two models"):
        Pages(store).comparison(model, f"{base}/mlp")
    with pytest.raises(MissingArtifact, match="no model 'rnn'; it has mlp, cnn"):
        Pages(store).comparison(f"{base}/mlp", f"{base}/rnn")


def test_a_run_tells_what_it_computed_found_and_still_has_to_do(store: Counting) -> None:
    run = PastRun(store, accuracies={"mlp": 0.94, "cnn": 0.92, "cnn_2": 0.9})
    for name, made_by in {"mlp": run.run_id, "cnn": "another run"}.items():
        manifest = json.loads(store.read(manifest_name("train", run.models[name])).data)
        manifest["about"]["run_id"] = made_by
        store.write(manifest_name("train", run.models[name]), json.dumps(manifest).encode())
    key = run.models["cnn_2"]
    store.delete(manifest_name("train", key))
    note = {"run_id": run.run_id, "state": "running", "epoch": 2, "epochs": 5, "seconds_left": 4.0}
    store.write(live_name("train", key), json.dumps(note).encode())
    page = Pages(store).run(run.plan.name)
    states = {step["name"]: step["state"] for step in page["steps"] if step["stage"] == "train"}
    assert states == {"mlp": "computed", "cnn": "already there", "cnn_2": "running"}
    progress = next(step["progress"] for step in page["steps"] if step["name"] == "cnn_2")
    assert (progress["epoch"], progress["epochs"], progress["seconds_left"]) == (2, 5, 4.0)
    assert not page["measured"]
    assert page["decision"] is None


def test_a_run_shows_its_own_decision_and_its_evaluation(store: Counting) -> None:
    run = PastRun(store)
    evaluate(run)
    promote(run, "mlp")
    Ledger(store).append(1, action="keep", reason="of another run", by="x", evidence={"plan": "plans/x/y.json"})
    page = Pages(store).run(run.plan.name)
    assert page["decision"]["reason"] == "it is better"
    assert page["decision"]["gain"] == 0.02
    assert page["measured"]
    assert [step["stage"] for step in page["steps"]][-1] == "evaluate"


class TestTraining:
    @pytest.fixture
    def run(self, store: Counting) -> PastRun:
        return PastRun(store)

    def note(self, run: PastRun, store: Counting, **values: Any) -> None:
        note = {"run_id": run.run_id, "at": datetime.now(UTC).isoformat(), **values}
        store.write(live_name("train", run.models["mlp"]), json.dumps(note).encode())

    def gone(self, run: PastRun, store: Counting) -> None:
        store.delete(manifest_name("train", run.models["mlp"]))

    def test_before_it_starts_it_waits(self, run: PastRun, store: Counting) -> None:
        self.gone(run, store)
        page = Pages(store).training(run.plan.name, "mlp")
        assert (page["state"], page["epochs"]) == ("waiting", [])

    def test_while_it_trains_its_curves_grow(
        self, run: PastRun, store: Counting, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("meli_tasks.pages.steps.LIVE_SECONDS", -1.0)
        self.gone(run, store)
        pages = Pages(store)
        self.note(run, store, state="running", epoch=1, history=[], losses=[[1, 2.5]], seconds_left=9.0)
        first = pages.training(run.plan.name, "mlp")
        self.note(run, store, state="running", epoch=2, history=[{"epoch": 1}], losses=[[1, 2.5], [2, 2.0]])
        second = pages.training(run.plan.name, "mlp")
        assert (first["state"], first["epochs"], first["progress"]["seconds_left"]) == ("running", [], 9.0)
        assert (second["epochs"], second["losses"]) == ([{"epoch": 1}], [[1, 2.5], [2, 2.0]])

    def test_a_failed_one_says_why(self, run: PastRun, store: Counting) -> None:
        self.gone(run, store)
        self.note(run, store, state="failed", error="the loss is not finite at step 7", history=[{"epoch": 1}])
        page = Pages(store).training(run.plan.name, "mlp")
        assert (page["state"], page["error"]) == ("failed", "the loss is not finite at step 7")
        assert page["epochs"] == [{"epoch": 1}]

    def test_a_done_one_has_its_history_and_who_made_it(self, run: PastRun, store: Counting) -> None:
        page = Pages(store).training(run.plan.name, "mlp")
        assert (page["state"], page["best_epoch"], page["seconds"], page["hit"]) == ("done", 3, 30.0, True)
        assert [epoch["train_loss"] for epoch in page["epochs"]] == [1, 1 / 2, 1 / 3]

    def test_another_runs_failure_is_not_this_ones(self, run: PastRun, store: Counting) -> None:
        self.gone(run, store)
        self.note(run, store, state="failed", error="no")
        note = json.loads(store.read(live_name("train", run.models["mlp"])).data)
        store.write(live_name("train", run.models["mlp"]), json.dumps({**note, "run_id": "another"}).encode())
        assert Pages(store).training(run.plan.name, "mlp")["state"] == "waiting"

    def test_an_unknown_set_is_named(self, run: PastRun, store: Counting) -> None:
        with pytest.raises(MissingArtifact, match="no set 'rnn'; it has mlp, cnn"):
            Pages(store).training(run.plan.name, "rnn")


def test_the_shelf_keeps_within_its_room_and_drops_the_oldest(store: Counting) -> None:
    from meli_tasks.pages.shelf import Shelf

    for name in "abcd":
        store.write(f"x/{name}", json.dumps("1234567").encode())  # 9 bytes
    shelf = Shelf(store, room=20)
    for name in ("x/a", "x/b", "x/a", "x/c"):
        shelf.read(name)
    store.reads.clear()
    assert [shelf.read(name) for name in ("x/a", "x/c")] == ["1234567"] * 2
    assert store.reads == []
    shelf.read("x/b")
    assert store.reads == ["x/b"]


def test_what_may_change_is_read_again_after_its_time(store: Counting) -> None:
    from meli_tasks.pages.shelf import Shelf

    shelf = Shelf(store)
    store.write("x", b"1")
    assert (shelf.read("x", 60), shelf.read("y", 60)) == (1, None)
    store.write("x", b"2")
    store.write("y", b"3")
    assert (shelf.read("x", 60), shelf.read("x", -1)) == (1, 2)
    assert shelf.read("y", 60) == 3


def test_a_young_run_is_looked_at_again_soon() -> None:
    from meli_tasks.pages.runs import Run

    def at(hours: float) -> Run:
        moment = datetime.now(UTC) - timedelta(hours=hours)
        return Run("", "", moment.isoformat(), "", "", "", {}, {})

    assert at(1).young()
    assert not at(30).young()
