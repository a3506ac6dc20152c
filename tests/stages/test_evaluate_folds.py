"""evaluate with folds, on listings written here, with classifiers that answer what each test tells them to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from meli_tasks.core.errors import BadData
from meli_tasks.core.stage_parameters import ModelEvaluation
from meli_tasks.stages import evaluate
from meli_tasks.stages.evaluation import FittedTitles, Scores, TestSet
from meli_tasks.stages.hooks import Hooks
from meli_tasks.stages.summaries import UnseenCategories
from tests.stages.test_evaluate import AnswersByTitle

FOLDS = 3
# Title, category and fold. Both titles of RARE are in fold 2, so no training title of that fold has it.
TITLES = [
    ("a1", "A", 3), ("a2", "A", 1), ("a3", "A", 2), ("b1", "B", 1), ("b2", "B", 2), ("b3", "B", 3),
    ("rare1", "RARE", 2), ("rare2", "RARE", 2),
]  # fmt: skip
TRUE = {title: category for title, category, _ in TITLES}
RIGHT = AnswersByTitle(["A", "B", "RARE"], TRUE)
SURE_OF_A = AnswersByTitle(["A", "B"], {})
SURE_OF_B = AnswersByTitle(["B", "A"], {})


def write(folder: Path, splits: list[str], rows: range = range(len(TITLES))) -> Path:
    folder.mkdir(parents=True)
    columns = {
        "row": pa.array([100 + row for row in rows], pa.int64()),
        "title": [TITLES[row][0] for row in rows],
        "category": [TITLES[row][1] for row in rows],
        "language": ["spanish"] * len(rows),
        "label_quality": ["reliable"] * len(rows),
        "split": splits,
    }
    pq.write_table(pa.table(columns), folder / "listings.parquet")
    return folder


@pytest.fixture
def inputs(tmp_path: Path) -> dict[str, Path]:
    """The listings of a run with three folds."""
    found = {"ingest": write(tmp_path / "base", ["train"] * 6 + ["validation", "test"])}
    for fold in range(1, FOLDS + 1):
        splits = ["test" if own == fold else "train" for _, _, own in TITLES]
        found[f"fold:{fold}"] = write(tmp_path / f"fold-{fold}", splits)
    return found


def run(
    inputs: dict[str, Path], models: Mapping[str, AnswersByTitle], monkeypatch: pytest.MonkeyPatch,
    params: ModelEvaluation | None = None,
) -> tuple[Scores, dict[str, list[str]]]:  # fmt: skip
    """Evaluate models by the names of their inputs; the scores, and each model's answers by its label."""
    place = inputs["ingest"].parent
    by_folder = {}
    for name, model in models.items():
        folder = place / name.replace(":", "-")
        folder.mkdir()
        (folder / "model.json").write_bytes(b"x" * 5_000)
        inputs[name], by_folder[folder] = folder, model
    monkeypatch.setattr(evaluate, "load_model", by_folder.__getitem__)
    out = place / "out"
    out.mkdir()
    params = params or ModelEvaluation(bootstrap_samples=100, seed=1, folds=FOLDS)
    evaluate.run(inputs, out, params, Hooks())
    table = pq.read_table(out / "predictions.parquet")
    assert table["row"].to_pylist() == sorted(table["row"].to_pylist())
    scores = Scores.model_validate_json((out / "scores.json").read_bytes())
    return scores, {label: table[label].to_pylist() for label in ("row", *scores.models)}


def test_each_title_is_predicted_by_its_folds_model_and_rows_are_those_of_the_base(
    inputs: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    scores, found = run(
        inputs,
        {
            "model:mlp": RIGHT,  # trained on all titles: what it knows of them counts nothing
            "fold_model:1:mlp": SURE_OF_A,
            "fold_model:2:mlp": SURE_OF_B,
            "fold_model:3:mlp": RIGHT,
        },
        monkeypatch,
    )
    assert found["row"] == [100 + row for row in range(len(TITLES))]
    assert found["mlp"] == ["A", "A", "B", "A", "B", "B", "B", "B"]
    mlp = scores.models["mlp"]
    assert {name: category.recall for name, category in mlp.categories.items()} == {
        "A": pytest.approx(2 / 3), "B": pytest.approx(2 / 3), "RARE": 0.0
    }  # fmt: skip
    assert mlp.balanced_accuracy == pytest.approx((2 / 3 + 2 / 3 + 0) / 3)
    assert mlp.megabytes == 0.005


def test_titles_whose_category_only_their_fold_has_count_as_errors_and_are_reported(
    inputs: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    models = {"model:mlp": RIGHT, **{f"fold_model:{fold}:mlp": SURE_OF_A for fold in (1, 2, 3)}}
    scores, _ = run(inputs, models, monkeypatch)
    assert scores.test is not None
    assert scores.test.untrained == UnseenCategories(titles=2, categories=1, first=("RARE",))
    assert scores.models["mlp"].categories["RARE"].recall == 0
    assert scores.test.notes() == [
        "The figures are cross-validated over 3 folds (8 titles): each title was classified by a model trained without "
        "its fold. The model itself was trained on all titles.",
        "2 titles of 1 category count as errors, because their category has no training titles outside the fold: RARE.",
    ]


def test_a_model_without_models_of_the_folds_keeps_its_own_training_titles_out_for_all(
    inputs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs["listings:old (champion)"] = write(tmp_path / "before", ["train", "validation", "test"], range(3))
    models = {
        "model:mlp": RIGHT, **{f"fold_model:{fold}:mlp": RIGHT for fold in (1, 2, 3)}, "model:old (champion)": SURE_OF_B
    }  # fmt: skip
    scores, found = run(inputs, models, monkeypatch)
    assert found["row"] == [102, 103, 104, 105, 106, 107]
    assert found["old (champion)"] == ["B"] * 6
    assert scores.test is not None
    assert (scores.test.split_titles, scores.test.titles) == (8, 6)
    assert "2 of 8 titles were left out, because a compared model was fitted on them" in scores.test.notes()[-1]


@pytest.mark.parametrize("folds", [0, FOLDS])
def test_a_champion_that_saw_all_titles_is_left_out_with_what_to_do(
    inputs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folds: int
) -> None:
    inputs["listings:old (champion)"] = write(tmp_path / "before", ["train"] * len(TITLES))
    models = {"model:mlp": RIGHT, **{f"fold_model:{fold}:mlp": RIGHT for fold in (1, 2, 3)}}
    params = ModelEvaluation(bootstrap_samples=100, seed=1, folds=folds, other_folds={"old (champion)": 5})
    scores, _ = run(inputs, {**models, "model:old (champion)": SURE_OF_B}, monkeypatch, params)
    assert list(scores.models) == ["mlp"]
    assert scores.test is not None
    why = scores.test.not_scored["old (champion)"]
    assert "old (champion) cannot be compared: it was fitted on" in why
    assert why.endswith(
        "It was promoted by a run with 5 folds and trained on all its titles: a run with folds = 5 can compare it on "
        "these."
    )


def test_folds_of_other_listings_are_refused(
    inputs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs["ingest"] = write(tmp_path / "newer" / "base", ["train"] * 3, range(3))
    models = {"model:mlp": RIGHT, **{f"fold_model:{fold}:mlp": RIGHT for fold in (1, 2, 3)}}
    with pytest.raises(BadData, match="The 3 folds have 8 titles, but the listings have 3"):
        run(inputs, models, monkeypatch)


def test_what_titles_are_called_in_texts() -> None:
    test = TestSet(split_titles=50_939, titles=50_939, required=300, folds=5)
    assert test.described == "50,939 titles, cross-validated over 5 folds"
    assert TestSet(split_titles=2_583, titles=2_583, required=300).described == "2,583 test titles"
    substituted = TestSet(split_titles=10, titles=10, required=5, folds=5, without_ensemble=(2, 4))
    assert substituted.notes()[-1] == (
        "The models of folds 2, 4 form no ensemble, so the best member is evaluated there instead."
    )


def test_the_notes_say_which_model_was_measured_if_the_test_split_is_the_only_fold() -> None:
    test = TestSet(
        split_titles=10, titles=10, required=5, folds=1, fitted={"mlp": FittedTitles(train=1, validation=0)},
        untrained=UnseenCategories(titles=2, categories=1, first=("RARE",)), without_ensemble=(1,),
    )  # fmt: skip
    assert test.described == "10 test titles"
    assert test.notes() == [
        "The figures are of a model that was trained without the test titles. The model itself has the same "
        "hyperparameters and was trained on the test titles too.",
        "2 titles of 1 category count as errors, because their category has no training titles outside the test split: "
        "RARE.",
        "The models that were trained without the test titles form no ensemble, so the best of them is evaluated "
        "instead.",
    ]


def test_a_champion_without_models_of_the_folds_is_named() -> None:
    fitted = {"cnn (champion)": FittedTitles(train=11, validation=1)}
    test = TestSet(split_titles=3_000, titles=2_988, required=300, folds=3, fitted=fitted)
    assert test.notes()[1] == (
        "cnn (champion) has no models of these folds and classified the titles that no compared model was fitted on."
    )
