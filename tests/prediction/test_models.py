"""Which model to predict with, and what is said if there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from meli_tasks.core.errors import BadHyperparameters, MeliError, NotFound
from meli_tasks.prediction.models import find_model
from meli_tasks.store import open_store


@pytest.mark.parametrize(
    ("key", "set_name", "error", "message"),
    [
        ("", "", NotFound, "There is no champion"),
        ("abc", "", BadHyperparameters, "'abc' is too short for a model's key: give at least 6 characters"),
        ("abcdef12", "", NotFound, "has a key that begins with abcdef12"),
        ("0" * 32, "", NotFound, "0" * 8),
        ("", "mlp", NotFound, "No model of the set mlp"),
        ("", "mpl", BadHyperparameters, "mlp"),
        ("", "ensemble", NotFound, "has evaluated an ensemble"),
    ],
)
def test_a_model_that_is_not_there_is_reported_with_what_to_do(
    tmp_path: Path, key: str, set_name: str, error: type[MeliError], message: str
) -> None:
    store = open_store(tmp_path.as_uri())
    with pytest.raises(error) as raised:
        find_model(store, key, set_name)
    assert message in str(raised.value)


def test_a_prefix_of_several_keys_is_refused(tmp_path: Path) -> None:
    for key in ("abcdef" + "0" * 26, "abcdef" + "1" * 26):
        folder = tmp_path / "train" / key
        folder.mkdir(parents=True)
        (folder / "manifest.json").write_text("{}")
    with pytest.raises(BadHyperparameters, match="The keys of several models begin with abcdef: abcdef0"):
        find_model(open_store(tmp_path.as_uri()), "abcdef")
