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


def test_what_would_change_nothing_is_not_searched() -> None:
    plain = Train(architecture="mlp", schedule="cosine")
    searched = set(Space.around(plain, unreliable=False).distributions)
    assert not searched & {"ngram_dropout", "ngram_dimensions", "filters", "warmup_fraction", "unreliable_weight"}
    rich = Train(architecture="cnn", ngram_dimensions=64, schedule="one_cycle")
    more = set(Space.around(rich, unreliable=True).distributions)
    assert more - searched >= {"ngram_dropout", "ngram_dimensions", "filters", "warmup_fraction", "unreliable_weight"}
    assert "epochs" not in Space.around(rich, unreliable=True, fixed=["epochs"]).distributions
    assert "weight_decay" not in Space.around(Train(architecture="mlp", weight_decay=0), unreliable=True).distributions


@pytest.mark.parametrize("cards", [1, 2, 3, 16])
def test_batches_are_such_that_the_cards_can_share_them(cards: int) -> None:
    start = Train(architecture="mlp", batch_size=48 * cards)
    space = Space.around(start, unreliable=False, gpus=cards)
    proposals = Proposals(space, 1)
    seen = set()
    for number in range(30):
        params = space.train(proposals.next())
        seen.add(params["batch_size"])
        proposals.record(Trial(number, params, "finished", 0.5 + number % 3 / 10, 1.0, 1))
    assert start.batch_size in seen
    assert {size for size in seen if size % cards} == set()
    assert seen - {start.batch_size} <= {64, 128, 256, 512, 1_024, 2_048, 4_096}
    assert (len(seen) > 1) == (cards != 3)


@pytest.mark.parametrize("name", ["mlp", "cnn"])
def test_what_is_proposed_passes_the_schema_and_can_be_read(name: str) -> None:
    start = named_sets.load(name)
    space = Space.around(start.train, unreliable=True)
    proposals = Proposals(space, 7)
    seen = []
    for number in range(30):
        params = space.train(proposals.next())
        try:
            checked = named_sets.checked(start.model_dump(mode="json") | {"train": params}, "proposed")
        except BadHyperparameters as error:
            pytest.fail(f"{error}: {params}")
        assert space.varies_only_this(checked.train)
        assert len(repr(checked.train.learning_rate)) <= 8
        seen.append(params)
        proposals.record(Trial(number, params, "finished", 0.5 + checked.train.dropout / 10, 1.0, 1))
    assert len({str(params) for params in seen}) == 30
