from __future__ import annotations

from typing import Any

import pytest

from meli_tasks.core.errors import BadHyperparameters
from meli_tasks.core.hyperparameters import Ensemble, Ingest, Promote
from meli_tasks.planning.request import Request
from meli_tasks.settings import Settings

SETTINGS = Settings(source="titles.csv", sets="mlp, cnn,mlp")


def test_what_is_not_requested_comes_from_the_settings() -> None:
    request = Request.check({"source": None, "as_of": ""}, SETTINGS)
    assert (request.source, request.sets) == ("titles.csv", ("mlp", "cnn"))


def test_an_unknown_key_is_refused_with_the_nearest() -> None:
    with pytest.raises(BadHyperparameters, match="did you mean 'min_gain'"):
        Request.check({"min_gian": 0.1}, SETTINGS)


@pytest.mark.parametrize(
    "params", [{"min_gain": 7}, {"sets": []}, {"language": "klingon"}, {"as_of": "soon"}, {"overrides": 3}]
)
def test_a_value_out_of_range_is_refused_and_named(params: dict[str, Any]) -> None:
    with pytest.raises(BadHyperparameters) as caught:
        Request.check(params, SETTINGS)
    assert next(iter(params)) in str(caught.value)
    assert "Value error" not in str(caught.value)


def test_a_hyperparameter_may_be_a_parameter_of_its_own() -> None:
    request = Request.check({"train.epochs": 5, "train.dropout": None, "overrides": {"embed.window": 3}}, SETTINGS)
    assert request.overrides == {"train.epochs": 5, "embed.window": 3}
    with pytest.raises(BadHyperparameters, match=r"did you mean train\.epochs"):
        Request.check({"train.epoch": None}, SETTINGS)
    with pytest.raises(BadHyperparameters, match=r"train\.epochs is 5, but 6 in overrides"):
        Request.check({"train.epochs": 5, "overrides": {"train.epochs": 6}}, SETTINGS)


def test_sets_of_the_store_join_those_of_the_list_or_stand_alone() -> None:
    def sets(**params: Any) -> tuple[str, ...]:
        return Request.check(params, SETTINGS).sets

    assert sets(sets=["mlp"], stored_sets="found, mlp ,other") == ("mlp", "found", "other")
    assert sets(stored_sets="found") == ("mlp", "cnn", "found")
    assert sets(sets=None, stored_sets="found") == ("found",)
    with pytest.raises(BadHyperparameters, match="choose at least one set"):
        Request.check({"sets": None, "stored_sets": None}, SETTINGS)


def test_a_request_read_again_from_a_plan_is_the_same() -> None:
    request = Request.check({"stored_sets": "found", "search_minutes": 2.5, "search_family": "cnn"}, SETTINGS)
    assert Request.model_validate(request.model_dump(mode="json")) == request


def test_the_form_and_the_stages_agree_on_their_defaults() -> None:
    request = Request.check({}, SETTINGS)
    assert request.ingest() == Ingest()
    assert request.promote() == Promote()
    assert request.ensembling() == Ensemble()
