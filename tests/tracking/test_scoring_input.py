"""Every shape of MLflow's scoring protocol gives one title per row, in order, and anything else is refused."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from meli_tasks.tracking.scoring_input import titles_of

# On import MLflow warns about its own type hints.
pytestmark = pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType")

TWO = ["funda iphone", "zapatillas nike"]
RECORDS = [{"title": TWO[0], "id": 1}, {"id": 2, "title": TWO[1]}]

SHAPES: dict[str, Any] = {
    "list": TWO,
    "tuple": tuple(TWO),
    "series": pd.Series(TWO, index=[7, 7]),
    "array": np.array(TWO),
    "array_of_objects": np.array(TWO, dtype=object),
    "array_of_one_column": np.array([[title] for title in TWO]),
    "table": pd.DataFrame({"title": TWO}),
    "wider_table": pd.DataFrame({"id": [1, 2], " Title ": TWO}),
    "columns": {"title": TWO},
    "wider_columns": {"id": [1, 2], "Title": TWO},
    "columns_of_arrays": {"title": np.array(TWO)},
    "records": RECORDS,
}


@pytest.mark.parametrize("shape", SHAPES)
def test_each_shape_gives_a_row_per_title(shape: str) -> None:
    assert titles_of(SHAPES[shape]) == TWO


PROTOCOL: dict[str, Any] = {
    "inputs_list": {"inputs": TWO},
    "inputs_columns": {"inputs": {"title": TWO}},
    "inputs_wider_columns": {"inputs": {"id": [1, 2], "title": TWO}},
    "inputs_records": {"inputs": RECORDS},
    "instances_list": {"instances": TWO},
    "instances_records": {"instances": RECORDS},
    "dataframe_split": {"dataframe_split": {"columns": ["id", "title"], "data": [[1, TWO[0]], [2, TWO[1]]]}},
    "dataframe_records": {"dataframe_records": RECORDS},
}


@pytest.mark.parametrize("body", PROTOCOL)
def test_each_format_of_a_scoring_request_gives_a_row_per_title(body: str) -> None:
    from mlflow.pyfunc.scoring_server import infer_and_parse_data

    assert titles_of(infer_and_parse_data(json.loads(json.dumps(PROTOCOL[body])))) == TWO


@pytest.mark.parametrize(
    "one", ["funda", b"funda", {"title": "funda"}, np.array("funda"), ["funda"], [{"title": "funda"}]], ids=repr
)
def test_one_title_is_one_row(one: Any) -> None:
    assert titles_of(one) == ["funda"]


def test_missing_titles_keep_their_rows() -> None:
    assert titles_of([{"title": "funda"}, {"id": 2}, {"title": None}]) == titles_of(["funda", None, None])
    assert len(titles_of(pd.DataFrame({"title": ["funda", None, pd.NA]}))) == 3
    assert titles_of([]) == []
    assert titles_of({"title": []}) == []


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ({"name": TWO}, "a column `title` is required, but the columns are name"),
        ([{"name": "funda"}], "a column `title` is required, but the columns are name"),
        ({}, "a column `title` is required"),
        ([{"title": "funda"}, "zapatillas"], "the row at position 1 is no object"),
        ([["funda"], ["zapatillas"]], "the one at position 0 is a list"),
        ({"title": [["funda"]]}, "the one at position 0 is a list"),
        ([True], "the one at position 0 is a boolean"),
        (np.array([["funda", "zapatillas"]]), r"the array has the shape \(1, 2\)"),
        (7, "the input has the type int; give one title"),
        (None, "the input has the type NoneType; give one title"),
        (iter(TWO), "give one title, a list"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_anything_else_is_refused(found: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        titles_of(found)
