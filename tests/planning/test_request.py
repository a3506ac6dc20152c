from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from meli_tasks.core.errors import BadHyperparameters
from meli_tasks.core.stage_parameters import Ensemble, Ingest, Promote
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


def test_two_addresses_that_only_their_secrets_tell_apart_are_refused() -> None:
    given = {"source": "https://host/get?file=titles&key=hush", "golden": "https://host/get?file=golden&key=hush"}
    with pytest.raises(BadHyperparameters, match=r"the same address, https://host/get\?\.\.\., without") as caught:
        Request.check(given, SETTINGS)
    assert "hush" not in str(caught.value)


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


@pytest.mark.parametrize("key", ["epochs", "epoch"])
def test_a_hyperparameter_without_its_section_is_recognised(key: str) -> None:
    with pytest.raises(BadHyperparameters, match=f"There is no parameter '{key}': did you mean 'train.epochs'?"):
        Request.check({key: 5}, SETTINGS)


def test_an_unknown_key_that_resembles_none_lists_them() -> None:
    with pytest.raises(BadHyperparameters) as caught:
        Request.check({"zzz": 1, "min_gian": 1}, SETTINGS)
    first, second = str(caught.value).split("; ")
    assert first == "There is no parameter 'min_gian': did you mean 'min_gain'?"
    assert second.startswith("There is no parameter 'zzz': the parameters are source, as_of, window_days, ")


def test_every_wrong_value_is_named_with_its_reason() -> None:
    with pytest.raises(BadHyperparameters) as caught:
        Request.check({"min_gain": 7, "sets": []}, SETTINGS)
    assert str(caught.value) == (
        "The parameters of the run are not valid: sets = []: choose at least one set; `meli sets` lists them; "
        "min_gain = 7: Input should be less than or equal to 1"
    )


def test_a_parameter_with_its_former_name_is_read_and_cannot_be_given_twice() -> None:
    assert Request.check({"max_bad_share": 0.2}, SETTINGS).max_bad_fraction == 0.2
    with pytest.raises(BadHyperparameters, match="The run's parameters cannot be used: "):
        Request.check({"max_bad_share": 0.2, "max_bad_fraction": 0.3}, SETTINGS)


def test_the_same_value_twice_is_no_contradiction() -> None:
    request = Request.check({"train.epochs": 5, "overrides": {"train.epochs": 5}}, SETTINGS)
    assert request.overrides == {"train.epochs": 5}
    assert Request.check({"train.epochs": "", "overrides": None}, SETTINGS).overrides == {}


@pytest.mark.parametrize(("sets", "owner"), [("mlp,mlp_second", "mlp"), ("ensemble_second,mlp", "ensemble")])
def test_a_set_cannot_have_the_name_of_a_column_of_the_predictions(sets: str, owner: str) -> None:
    with pytest.raises(BadHyperparameters, match=f"the predictions of the model {owner} have a column of that name"):
        Request.check({"sets": sets}, SETTINGS)


def test_other_names_with_these_endings_are_no_columns() -> None:
    names = ("mlp_second", "rows", "probability")
    assert Request.check({"sets": ",".join(names)}, SETTINGS).sets == names


def test_ingest_receives_the_fields_about_titles() -> None:
    fields = {"language": "spanish", "reliable_only": True, "max_bad_fraction": 0.2, "min_category_rows": 3}
    assert Request.check(fields, SETTINGS).ingest() == Ingest.model_validate(fields)


@pytest.mark.parametrize(("window_days", "since"), [(1, None), (2, date(2026, 10, 31)), (3, date(2026, 10, 30))])
def test_a_window_of_a_growing_table_begins_as_many_days_earlier(window_days: int, since: date | None) -> None:
    request = Request.check({"date_column": "created_at", "window_days": window_days}, SETTINGS)
    found = request.ingest(date(2026, 11, 1))
    assert (found.date_column, found.since, found.until) == ("created_at", since, date(2026, 11, 1))
    assert found.keep_days


def test_without_a_date_column_ingest_does_not_depend_on_the_date() -> None:
    found = Request.check({"window_days": 3}, SETTINGS).ingest(date(2026, 11, 1))
    assert (found.since, found.until, found.keep_days) == (None, None, False)


@pytest.mark.parametrize("promotion", ["auto", "approval", "never", "always"])
def test_promote_receives_the_limits(promotion: str) -> None:
    request = Request.check({"promotion": promotion, "min_gain": 0.2, "min_probability": 0.7}, SETTINGS)
    assert request.promote() == Promote.model_validate({"mode": promotion, "min_gain": 0.2, "min_probability": 0.7})


def test_ensemble_receives_its_maximum_of_members() -> None:
    assert Request.check({"ensemble_members": 7}, SETTINGS).ensembling() == Ensemble(max_members=7)
