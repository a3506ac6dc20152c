"""The service answers what `meli predict` does, and describes itself to programs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from meli_tasks.prediction.models import find_model, load
from meli_tasks.prediction.ranking import predict_titles
from meli_tasks.settings import Settings
from tests.past_run import WORDS
from tests.serving.running import Models, Service, serving

TITLES = [*WORDS, f"{WORDS[0]}  {WORDS[1]}", "qwertz", f" {WORDS[2]} qwertz"]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    made = Models.make(tmp_path_factory.mktemp("answers"), "mlp")
    made.promote("mlp")
    return made


@pytest.fixture(scope="module")
def service(models: Models, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with serving(models.store, tmp_path_factory.mktemp("service"), log_titles="true") as running:
        yield running


def test_the_answers_are_those_of_meli_predict(models: Models, service: Service) -> None:
    settings = Settings.from_environment({"MELI_STORE": models.store.url, "MELI_CACHE": f"{service.log.parent}/cache"})
    classifier = load(settings, models.store, find_model(models.store))
    expected = predict_titles(classifier, [" ".join(title.split()) for title in TITLES], [""] * len(TITLES), 3)
    answer = service.predict(*TITLES, top=3)
    found = answer["predictions"]
    assert answer["model"] == {"set": "mlp", "key": models.key("mlp"), "sha256": models.sha256("mlp"), "decision": 1}
    assert [each["category"] for each in found] == expected.category
    assert [each["probability"] for each in found] == expected.probability
    assert [tuple(each["categories"]) for each in found] == list(expected.categories)
    assert [each["known"] for each in found] == expected.known
    assert service.post({"title": TITLES[0], "top": 3}).json["predictions"] == found[:1]


def test_a_prediction_below_the_threshold_is_marked_and_kept(service: Service) -> None:
    [sure, unknown] = service.predict(WORDS[0], "qwertz")["predictions"]
    probability = sure["probability"]
    above, below = (
        service.predict(WORDS[0], "qwertz", abstain_below=limit)["predictions"]
        for limit in (probability - 1e-4, probability + 1e-4)
    )
    assert [each["abstained"] for each in above] == [False, False]
    assert [each["abstained"] for each in below] == [True, False]
    assert below[0]["category"] == sure["category"]
    assert (unknown["category"], unknown["known"]) == ("", False)


def test_titles_are_logged_if_the_settings_request_them(service: Service) -> None:
    service.predict("a title of its own")
    assert [line["title_texts"] for line in service.log_lines() if "of its own" in str(line.get("title_texts"))] == [
        ["a title of its own"]
    ]


def test_the_description_for_programs_has_examples_that_work(service: Service) -> None:
    document = service.get("/openapi.json").json
    predict = document["paths"]["/predict"]["post"]
    schema = predict["requestBody"]["content"]["application/json"]["schema"]
    assert "$ref" not in str(schema)  # it would lead nowhere
    assert len(schema["examples"]) == 2
    for example in schema["examples"]:
        asked = example.get("titles") or [example["title"]]
        assert len(service.post(example).json["predictions"]) == len(asked)
    answer = predict["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].rsplit("/", 1)[-1]
    described = document["components"]["schemas"]
    assert set(described[answer]["properties"]) == {"model", "predictions"}
    [prediction] = service.predict(WORDS[0])["predictions"]
    assert set(described["Prediction"]["properties"]) == set(prediction)
