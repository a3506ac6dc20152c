"""Values as text, as fields of CSV and as JSON."""

from __future__ import annotations

import json
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from meli_tasks.rowfiles.values import as_cell, json_text, kind_if_no_text, text_of

NAN, INFINITY = float("nan"), float("inf")


def test_values_as_cells() -> None:
    values = ["a", None, NAN, b"a\xc3\xb1", b"a\xf1", ("x", "y"), [1, NAN], {"k": "é"}, True, 1.5, -0.0, INFINITY]
    assert list(map(as_cell, values)) == [
        "a", "", "", "añ", "YfE=", "x | y", "[1, null]", '{"k": "é"}', "true", "1.5", "-0.0", "inf",
    ]  # fmt: skip
    assert as_cell(Decimal("1E+2")) == "100"
    assert as_cell(Decimal("0E-8")) == "0.00000000"
    assert as_cell(datetime(2026, 11, 1, 2, 3)) == "2026-11-01 02:03:00"
    assert as_cell([date(2026, 11, 1), b"\xff", Decimal("1.50")]) == '["2026-11-01", "/w==", "1.50"]'


def test_json_is_standard() -> None:
    value = {"a": b"x", "b": (1, NAN), "c": [{"d": -INFINITY}, -0.0], "e": b"\xff\xfe"}
    text = json_text(value)
    assert text == '{"a": "x", "b": [1, null], "c": [{"d": null}, -0.0], "e": "//4="}'
    assert json.loads(text, parse_constant=pytest.fail)


@pytest.mark.parametrize(
    ("value", "text", "kind"),
    [
        ("nan", "nan", ""), ("NULL", "NULL", ""), ("", "", ""), (501, "501", ""), (1.0, "1.0", ""), (-0.0, "-0.0", ""),
        (1e16, "1e+16", ""), (None, None, ""), (NAN, None, ""), (INFINITY, None, ""), (-INFINITY, None, ""),
        (True, None, "a boolean"), (["a"], None, "a list"), ({"a": 1}, None, "an object"),
    ],
)  # fmt: skip
def test_values_as_text(value: Any, text: str | None, kind: str) -> None:
    assert (text_of(value), kind_if_no_text(value)) == (text, kind)
