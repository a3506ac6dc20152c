"""Test titles that models were fitted on: found by their hash, left out, and too many of them refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from meli_tasks.core.errors import BadData
from meli_tasks.core.text.splits import SPLIT_RULE, SPLITS, split_of
from meli_tasks.stages.listings import test_titles
from meli_tasks.stages.listings.test_titles import MIN_TITLES, Fitted, fitted_on, select


def listings(folder: Path, titles: list[str], splits: list[str]) -> Path:
    folder.mkdir()
    pq.write_table(pa.table({"title": titles, "split": splits}), folder / "listings.parquet")
    return folder


def fitted(**seen: tuple[int, int]) -> Fitted:
    """Models by label, each fitted on the titles from one number to another."""
    marks = {label: np.zeros(1_000, np.uint8) for label in seen}
    for label, (start, end) in seen.items():
        marks[label][start:end] = test_titles.TRAIN
    return Fitted(marks)


@pytest.mark.parametrize("rows_at_once", [1, 2, 1_000])
def test_titles_are_found_in_the_listings_whatever_their_case_and_accents(
    tmp_path: Path, rows_at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(test_titles, "_ROWS_AT_ONCE", rows_at_once)
    titles = ["Funda roja", "Taza azul", "Taza azul", "Mesa", "Silla", "Lámpara"]
    folder = listings(
        tmp_path / "champion",
        ["FUNDA  ROJA", "lampara", "taza azul", "mesa", "silla", "Silla", "otra"],
        ["train", "validation", "train", "test", "train", "validation", "train"],
    )
    found = fitted_on(titles, {"champion": folder, "again": folder})
    assert found.marks["champion"].tolist() == [1, 1, 1, 0, 1, 2]
    assert found.marks["again"] is found.marks["champion"]  # the listings were read a single time
    assert (found.titles("champion").train, found.titles("champion").validation) == (4, 1)
    assert str(found.titles("champion")) == "4 of its train split and 1 of its validation split"


def test_a_model_fitted_on_none_of_the_titles_is_not_listed(tmp_path: Path) -> None:
    folder = listings(tmp_path / "champion", ["mesa"], ["train"])
    assert fitted_on(["silla"], {"champion": folder}).marks == {}


def test_titles_that_any_compared_model_was_fitted_on_count_for_none() -> None:
    chosen = select(["a", "b", "c"], 1_000, fitted(a=(0, 100), b=(50, 200)))
    assert chosen.labels == ["a", "b", "c"]
    assert np.flatnonzero(~chosen.unseen).tolist() == list(range(200))
    assert (chosen.required, chosen.not_scored) == (MIN_TITLES, {})


def test_a_model_fitted_on_too_many_of_the_titles_is_not_compared() -> None:
    chosen = select(["champion", "mlp"], 1_000, fitted(champion=(0, 701), mlp=(990, 1_000)))
    assert chosen.labels == ["mlp"]
    assert int(chosen.unseen.sum()) == 990
    assert chosen.not_scored == {
        "champion": "champion cannot be compared: it was fitted on 701 of its train split. Of 1,000 test titles only "
        "289 would be left that no compared model was fitted on, and 300 are needed."
    }
    enough = select(["champion", "mlp"], 1_000, fitted(champion=(0, 690), mlp=(990, 1_000)))
    assert (enough.labels, int(enough.unseen.sum())) == (["champion", "mlp"], 300)


def test_a_small_test_split_needs_half_of_its_titles() -> None:
    seen = Fitted({"champion": np.array([1] * 5 + [0] * 5, np.uint8)})
    assert select(["champion", "mlp"], 10, seen).labels == ["champion", "mlp"]
    assert select(["champion", "mlp"], 9, Fitted({"champion": seen.marks["champion"][:9]})).labels == ["mlp"]
    assert select(["champion"], 3, Fitted({})).unseen.all()


def test_models_that_were_all_fitted_on_the_titles_are_refused() -> None:
    with pytest.raises(BadData, match=r"No model can be evaluated.*b cannot be compared.*a cannot be compared"):
        select(["a", "b"], 1_000, fitted(a=(0, 1_000), b=(0, 1_000)))


def test_the_name_of_the_rule_changes_with_the_splits() -> None:
    """Listings of one rule are never scanned: if this fails, the rule needs another name."""
    titles = [f"Título {number} · {'ñandú' * (number % 3)}" for number in range(2_000)]
    titles += ["a\u00adb", "ﬁn", "ẞ", "x  y"]
    counts = np.bincount(split_of(titles), minlength=len(SPLITS)).tolist()
    assert (SPLIT_RULE, counts) == ("title hash 2", [1813, 97, 94])
