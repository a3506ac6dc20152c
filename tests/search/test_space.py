"""The table of what is searched fits the schema, and every starting set lies in the space around it."""

from __future__ import annotations

import pytest

from meli_tasks.core.errors import BadHyperparameters
from meli_tasks.core.hyperparameters import Train
from meli_tasks.search.proposals import Proposals
from meli_tasks.search.space import SPACE, Numbers, Space
from meli_tasks.search.trial import Trial
from meli_tasks.sets import catalog as named_sets


@pytest.mark.parametrize("name", SPACE)
def test_the_table_names_parameters_and_stays_within_the_schema(name: str) -> None:
    entry = SPACE[name]
    ends = (entry.low, entry.high) if isinstance(entry, Numbers) else ()
    for end in ends:
        value = int(end) if Train.model_fields[name].annotation is int else end
        rest = {"architecture": "mlp"} | ({"ngram_dimensions": 64} if entry.use == "ngrams" else {})
        assert getattr(Train.model_validate({**rest, name: value}), name) == value


@pytest.mark.parametrize("name", named_sets.names())
def test_the_starting_set_is_exactly_one_of_what_can_be_proposed(name: str) -> None:
    start = named_sets.load(name).train
    space = Space.around(start, unreliable=True)
    assert space.train(space.own_values()) == start.model_dump(mode="json")
    assert Proposals(space, 1).next() == space.own_values()


def test_parameters_without_an_effect_are_not_searched() -> None:
    plain = Train(architecture="mlp", schedule="cosine")
    searched = set(Space.around(plain, unreliable=False).distributions)
    assert not searched & {"ngram_dropout", "ngram_dimensions", "filters", "warmup_fraction", "unreliable_weight"}
    rich = Train(architecture="cnn", ngram_dimensions=64, schedule="one_cycle")
    more = set(Space.around(rich, unreliable=True).distributions)
    assert more - searched >= {"ngram_dropout", "ngram_dimensions", "filters", "warmup_fraction", "unreliable_weight"}
    assert "epochs" not in Space.around(rich, unreliable=True, fixed=["epochs"]).distributions
    assert "weight_decay" not in Space.around(Train(architecture="mlp", weight_decay=0), unreliable=True).distributions


@pytest.mark.parametrize("devices", [1, 2, 3, 16])
def test_batch_sizes_are_divisible_by_the_number_of_devices(devices: int) -> None:
    start = Train(architecture="mlp", batch_size=48 * devices)
    space = Space.around(start, unreliable=False, devices=devices)
    proposals = Proposals(space, 1)
    proposed = set()
    for number in range(30):
        params = space.train(proposals.next())
        proposed.add(params["batch_size"])
        proposals.record(Trial(number, params, "finished", 0.5 + number % 3 / 10, 1.0, 1))
    assert start.batch_size in proposed
    assert {size for size in proposed if size % devices} == set()
    assert proposed - {start.batch_size} <= {64, 128, 256, 512, 1_024, 2_048, 4_096}
    assert (len(proposed) > 1) == (devices != 3)


@pytest.mark.parametrize("name", ["mlp", "cnn"])
def test_proposed_values_pass_the_schema_and_are_readable(name: str) -> None:
    start = named_sets.load(name)
    space = Space.around(start.train, unreliable=True)
    proposals = Proposals(space, 7)
    proposed = []
    for number in range(30):
        params = space.train(proposals.next())
        try:
            checked = named_sets.checked(start.model_dump(mode="json") | {"train": params}, "proposed")
        except BadHyperparameters as error:
            pytest.fail(f"{error}: {params}")
        assert space.varies_only_this(checked.train)
        assert len(repr(checked.train.learning_rate)) <= 8
        proposed.append(params)
        proposals.record(Trial(number, params, "finished", 0.5 + checked.train.dropout / 10, 1.0, 1))
    assert len({str(params) for params in proposed}) == 30
