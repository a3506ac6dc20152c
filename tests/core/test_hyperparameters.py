"""Renamed fields: the former names are still accepted, and content keys are computed from them."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from meli_tasks.core.hyperparameters import HyperparameterSet, Preprocess, Train
from meli_tasks.core.section import Section
from meli_tasks.core.stage_parameters import Ensemble, Ingest

RENAMED: list[tuple[type[Section], str, str, Any, dict[str, Any]]] = [
    (Ingest, "max_bad_share", "max_bad_fraction", 0.25, {}),
    (Train, "warmup_share", "warmup_fraction", 0.5, {"architecture": "mlp"}),
    (Ensemble, "members", "max_members", 3, {}),
    (Ensemble, "max_worse", "max_probability_worse", 0.7, {}),
]


@pytest.mark.parametrize(("section", "former", "current", "value", "others"), RENAMED)
def test_a_field_is_accepted_under_its_former_name(
    section: type[Section], former: str, current: str, value: Any, others: dict[str, Any]
) -> None:
    read = section.model_validate({former: value, **others})
    assert getattr(read, current) == value
    assert read == section.model_validate({current: value, **others})


@pytest.mark.parametrize(("section", "former", "current", "value", "others"), RENAMED)
def test_a_key_is_computed_from_the_former_name(
    section: type[Section], former: str, current: str, value: Any, others: dict[str, Any]
) -> None:
    assert section.with_former_names({current: value, **others}) == {former: value, **others}
    assert section.with_former_names({former: value, **others}) == {former: value, **others}


@pytest.mark.parametrize(("section", "former", "current", "value", "others"), RENAMED)
def test_a_field_under_both_names_is_an_error(
    section: type[Section], former: str, current: str, value: Any, others: dict[str, Any]
) -> None:
    with pytest.raises(ValidationError, match=f"{former} is the former name of {current}: give only {current}"):
        section.model_validate({former: value, current: value, **others})


def test_every_former_name_leads_to_a_field() -> None:
    listed = {(section, former) for section, former, *_ in RENAMED}
    for section in (Ingest, Train, Ensemble):
        assert set(section.former_names.values()) <= set(section.model_fields)
        assert not set(section.former_names) & set(section.model_fields)
        assert {(section, former) for former in section.former_names} <= listed


@pytest.mark.parametrize(
    ("section", "name", "default", "other"),
    [
        (Preprocess, "word_frequency", "occurrences", "titles"),
        (Train, "row_correction", "own_steps", "all_steps"),
        (Train, "max_over_padding", False, True),
    ],
)
def test_an_added_field_is_part_of_a_key_only_if_it_is_not_its_default(
    section: type[Section], name: str, default: Any, other: Any
) -> None:
    rest = {"seed": 3, "warmup_fraction": 0.5}
    assert section.key_values({**rest, name: default}) == section.key_values(rest)
    assert section.key_values({**rest, name: other}) == {**section.key_values(rest), name: other}
    assert section.model_fields[name].default == default


def test_a_set_of_the_version_before_is_read() -> None:
    values = {"title": "a set", "train": {"architecture": "cnn", "warmup_share": 0.3}}
    assert HyperparameterSet.model_validate(values).train.warmup_fraction == 0.3
