from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from meli_tasks.core.errors import BadHyperparameters
from meli_tasks.core.hyperparameters import HyperparameterSet
from meli_tasks.sets import catalog as named_sets
from meli_tasks.sets import stored
from meli_tasks.settings import Settings

LAB = {
    *("mlp_1", "mlp_1a", "mlp_2", "mlp_2a", "mlp_prueba_1", "mlp_prueba_2", "mlp_prueba_3"),
    *("cnn_1", "cnn_1_killed", "cnn_prueba_1", "cnn_prueba_2", "cnn_prueba_3", "cnn_semi_freeze"),
}
MISTAKES = ("dropout_at_evaluation", "sigmoid_before_loss", "mean_over_padding", "max_over_padding")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package folder of our own for sets; forgets what was read before and after."""
    monkeypatch.setattr("importlib.resources.files", lambda _: tmp_path)
    (tmp_path / "sets").mkdir()
    for remembered in (named_sets.names, named_sets.load):
        remembered.cache_clear()
    return tmp_path / "sets"


@pytest.fixture(autouse=True)
def _forget() -> Any:
    yield
    for remembered in (named_sets.names, named_sets.load):
        remembered.cache_clear()


def test_every_set_loads_with_a_title_and_a_description() -> None:
    for name in named_sets.names():
        values = named_sets.load(name)
        assert values.title, name
        assert values.description, name
    assert {"mlp", "cnn", "quick_mlp", "quick_cnn"} <= set(named_sets.names())


def test_the_defaults_come_first_and_each_faithful_set_before_its_corrected_one() -> None:
    found = named_sets.names()
    assert found[:5] == ("cnn", "mlp", "mlp_fast", "quick_cnn", "quick_mlp")
    for name in LAB:
        assert found.index(f"{name}_corrected") == found.index(name) + 1


@pytest.mark.parametrize("name", sorted(LAB))
def test_corrected_differs_from_faithful_only_in_the_mistakes(name: str) -> None:
    faithful, corrected = named_sets.load(name), named_sets.load(f"{name}_corrected")
    assert (faithful.variant, corrected.variant) == ("faithful", "corrected")
    assert faithful.preprocess == corrected.preprocess
    assert faithful.preprocess.tokenizer == "lab"
    assert faithful.embed.model_copy(update={"unknown": "zeros"}) == corrected.embed
    assert faithful.embed.unknown == "random"
    made = {mistake for mistake in MISTAKES if getattr(faithful.train, mistake)}
    of_the_cnn = {"dropout_at_evaluation", "sigmoid_before_loss", "max_over_padding"}
    assert made == ({"dropout_at_evaluation", "mean_over_padding"} if name.startswith("mlp") else of_the_cnn)
    # As the lab's call, filter_extremes(no_below=2, keep_n=50_000).
    words = (faithful.preprocess.min_word_count, faithful.preprocess.word_frequency, faithful.preprocess.max_words)
    assert words == (2, "titles", 50_000)
    assert faithful.train.model_copy(update=dict.fromkeys(MISTAKES, False)) == corrected.train


def test_lab_sets_contain_what_was_recorded() -> None:
    def train(name: str) -> Any:
        return named_sets.load(name).train

    assert (train("mlp_1").hidden, train("mlp_1").dropout, train("mlp_1").epochs) == ((256, 128), 0.025, 3)
    assert (train("mlp_2").dropout, train("mlp_2a").dropout) == (0.35, 0.35)
    assert (train("cnn_1").filters, train("cnn_1").filter_lengths, train("cnn_1").hidden) == (100, (2, 3, 4), (128,))
    assert (train("cnn_prueba_2").filters, train("cnn_prueba_2").epochs) == (150, 5)
    assert (train("cnn_prueba_3").word_vectors, train("cnn_semi_freeze").word_vectors) == ("trained", "semi_frozen")
    for name in LAB:
        params = train(name)
        assert (params.optimizer, params.learning_rate, params.weight_decay) == ("adam", 1e-3, 1e-5)
        assert (params.batch_size, params.schedule, params.keep, params.patience) == (128, "constant", "last", 0)
        embed = named_sets.load(name).embed
        assert (embed.method, embed.path, embed.dimensions) == ("pretrained", "SBW-vectors-300-min5.txt.gz", 300)


def test_the_labs_page_has_a_row_for_every_faithful_set() -> None:
    page = (Path(__file__).parents[2] / "docs" / "lab.md").read_text(encoding="utf-8")
    faithful = {name for name in named_sets.names() if named_sets.load(name).variant == "faithful"}
    assert faithful == LAB
    assert all(f"\n| `{name}` |" in page for name in faithful)


def test_overrides_change_only_what_they_name() -> None:
    overrides = {"train.epochs": "5", "embed.method": "word2vec", "train.hidden": "512, 256", "train.filter_lengths": 3}
    values = named_sets.resolve("mlp_1", overrides)
    assert (values.train.epochs, values.embed.method, values.train.hidden) == (5, "word2vec", (512, 256))
    changed = {"epochs": 3, "hidden": (256, 128), "filter_lengths": (2, 3, 4)}
    assert values.train.model_copy(update=changed) == named_sets.load("mlp_1").train
    assert named_sets.resolve("mlp_1", {"train.hidden": ""}).train.hidden == ()
    assert named_sets.resolve("mlp_1", {}) == named_sets.load("mlp_1")


@pytest.mark.parametrize(
    ("name", "overrides", "message"),
    [
        ("mpl", {}, "There is no set 'mpl'. Did you mean mlp"),
        ("../mlp", {}, "There is no set '../mlp'"),
        ("", {}, "There is no set ''. Sets: cnn, cnn_1,"),
        ("mlp", {"train.epoch": 5}, "no parameter 'train.epoch'; did you mean train.epochs?"),
        ("mlp", {"epochs": 5}, "no parameter 'epochs'; did you mean embed.epochs or train.epochs?"),
        ("mlp", {"trian.dropuot": 0}, "no parameter 'trian.dropuot'; did you mean train.dropout"),
        ("mlp", {"xyzzy": 0}, "no parameter 'xyzzy'; keys start with preprocess., embed. or train."),
        ("mlp", {"embed.xyzzy": 0}, "no parameter 'embed.xyzzy'; valid keys are embed.method,"),
        ("mlp", {"train": {"epochs": 5}}, "'train' is a section: override its keys one by one, for example"),
        ("mlp", {"title": "x"}, "no parameter 'title'"),
        ("mlp", {"train.epochs": 0}, "Set 'mlp' with the overrides: train.epochs = 0, expected a whole"),
        ("x" * 1000, {}, "There is no set 'xxx"),
        ("mlp", {"train.epochs": True}, "Overrides: train.epochs = true, expected a whole number from 1 to 10000"),
        ("mlp", {"train.epochs": "many"}, "train.epochs = 'many', expected a whole number from 1 to 10000"),
        ("mlp", {"train.learning_rate": 0}, "train.learning_rate = 0, expected a number above 0, to 10"),
        ("mlp", {"train.label_smoothing": 1}, "train.label_smoothing = 1, expected a number from 0, below 1"),
        ("mlp", {"embed.method": "glove"}, "'glove', expected one of 'fasttext', 'word2vec', 'pretrained'"),
        ("mlp", {"train.hidden": "a"}, "train.hidden = 'a', expected a list of whole numbers"),
        ("mlp", {"preprocess.word_ngrams": "1"}, "preprocess.word_ngrams = ['1'], expected a pair of whole numbers"),
        ("mlp", {"preprocess.word_ngrams": [2, 1]}, "two ascending lengths between 1 and 8, got (2, 1)"),
        ("mlp", {"preprocess.max_ngrams": 0}, "there are no n-grams: preprocess.max_ngrams is 0"),
        ("mlp", {"embed.method": "pretrained"}, "method 'pretrained' needs `path`"),
    ],
)
def test_wrong_overrides_are_explained(name: str, overrides: dict[str, Any], message: str) -> None:
    with pytest.raises(BadHyperparameters) as caught:
        named_sets.resolve(name, overrides)
    assert message in str(caught.value)
    assert "pydantic" not in str(caught.value)


def test_a_set_is_merged_over_the_one_it_extends(folder: Path) -> None:
    (folder / "base.yaml").write_text("title: Base\ntrain: {architecture: mlp, epochs: 3, hidden: [8, 4]}\n")
    (folder / "child.yaml").write_text("extends: base\ntrain: {hidden: [2]}\nembed: {dimensions: 7}\n")
    child = named_sets.load("child")
    assert isinstance(child, HyperparameterSet)
    assert (child.title, child.train.epochs, child.train.hidden, child.embed.dimensions) == ("Base", 3, (2,), 7)
    assert named_sets.names() == ("base", "child")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("title: [", "Set 'mine' is not valid YAML"),
        ("just words", "Set 'mine' must be a mapping of keys to values, not str"),
        ("extends: mine", "Set 'mine' extends itself: mine -> mine"),
        ("extends: bose", "Set 'mine' extends 'bose', but there is no such set. Did you mean base?"),
        ("title: x", "Set 'mine': train is missing"),
        ("title: x\ntrain: 3", "Set 'mine': train = 3, expected a section of keys"),
        ("title: x\ntrain: {epochs: 3}", "Set 'mine': train.architecture is missing"),
        ("title: x\ntrain: {architecture: mlp, epoch: 3}", "no parameter 'train.epoch'; did you mean train.epochs?"),
        ("title: x\nembeds: {}\ntrain: {architecture: mlp}", "no parameter 'embeds'"),
        ("title: x\nvariant: odd\ntrain: {architecture: mlp}", "variant = 'odd'"),
    ],
)
def test_a_wrong_file_is_explained(folder: Path, text: str, message: str) -> None:
    (folder / "base.yaml").write_text("title: Base\ntrain: {architecture: mlp}\n")
    (folder / "mine.yaml").write_text(text)
    with pytest.raises(BadHyperparameters) as caught:
        named_sets.load("mine")
    assert message in str(caught.value)


def test_importing_is_light() -> None:
    heavy = "torch gensim mlflow pandas pyarrow polars sklearn numpy"
    code = (
        f"import sys, meli_tasks.sets.catalog as n; n.names(); print([m for m in {heavy.split()} if m in sys.modules])"
    )
    seen = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert seen.stdout.strip() == "[]"


def test_overrides_are_accepted_under_a_former_name() -> None:
    assert named_sets.resolve("mlp", {"train.warmup_share": 0.4}) == named_sets.resolve(
        "mlp", {"train.warmup_fraction": 0.4}
    )
    assert named_sets.parameter("train.warmup_share") is named_sets.parameter("train.warmup_fraction")
    with pytest.raises(BadHyperparameters, match=r"train\.warmup_share is the former name of train\.warmup_fraction"):
        named_sets.resolve("mlp", {"train.warmup_share": 0.4, "train.warmup_fraction": 0.4})


def test_a_stored_set_with_former_names_can_be_extended_and_overridden(tmp_path: Path) -> None:
    settings = Settings(store=f"file://{tmp_path}/store", cache=tmp_path / "cache")
    store = settings.open_store()
    train = {"architecture": "mlp", "warmup_share": 0.3}
    stored.write(store, "older", {"title": "older", "train": train}, {"run": "a"})
    stored.write(store, "newer", {"extends": "older", "train": {"warmup_fraction": 0.5}}, {"run": "b"})
    assert named_sets.resolve("older", {}, settings).train.warmup_fraction == 0.3
    assert named_sets.resolve("newer", {}, settings).train.warmup_fraction == 0.5
    assert named_sets.resolve("newer", {"train.warmup_share": 0.1}, settings).train.warmup_fraction == 0.1
    stored.write(store, "both", {"title": "both", "train": {**train, "warmup_fraction": 0.3}}, {"run": "c"})
    with pytest.raises(BadHyperparameters, match="Set 'both': warmup_share is the former name of warmup_fraction"):
        named_sets.resolve("both", {}, settings)
