"""A set whose shapes do not fit is refused at the one door, with what was seen."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from meli_tasks.core.hyperparameters import HyperparameterSet


@pytest.mark.parametrize(
    ("train", "message"),
    [
        ({"hidden": [64, 0]}, r"hidden layers must be 1 to 65536 wide, got \[64, 0\]"),
        ({"hidden": [100_000]}, r"hidden layers must be .*got \[100000\]"),
        ({"architecture": "cnn", "filter_lengths": [2, 9]}, "a filter of 9 words is longer than the longest title"),
        ({"architecture": "cnn", "filter_lengths": []}, "filter_lengths needs lengths of 1 or more"),
        ({"architecture": "cnn", "filter_lengths": [0, 2]}, r"filter_lengths needs .*got \[0, 2\]"),
        ({"architecture": "cnn", "mean_over_padding": True}, "mean_over_padding is only for the mlp"),
        ({"max_over_padding": True}, "max_over_padding is only for the cnn"),
        ({"hidden": [8] * 17}, "hidden takes at most 16 layers, got 17"),
        ({"architecture": "cnn", "filter_lengths": [2] * 17}, "filter_lengths takes at most 16 lengths, got 17"),
        ({"filter_ngrams": True}, "filter_ngrams needs a cnn with n-grams"),
        ({"word_dropout": 0.1}, "need n-grams, but ngram_dimensions is 0"),
        ({"ngram_dimensions": 8}, "there are no n-grams: preprocess.max_ngrams is 0"),
        ({"batch_size": 0}, "greater than or equal to 1"),
        ({"dropout": 1.0}, "less than or equal to 0.95"),
        ({"ema_decay": 1.0}, "less than 1"),
        ({"logit_adjustment": -1}, "greater than or equal to 0"),
        ({"precision": "float16"}, "'auto', 'float32' or 'bfloat16'"),
        ({"widht": 3}, "Extra inputs are not permitted"),
    ],
)
def test_the_error_names_the_value(train: dict[str, Any], message: str) -> None:
    values = {"title": "A set", "preprocess": {"max_title_words": 8}, "train": {"architecture": "mlp"} | train}
    with pytest.raises(ValidationError, match=message):
        HyperparameterSet.model_validate(values)
